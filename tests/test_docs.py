"""Compares docs/ and README.md with the actual routes, codes and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ByteSize
from starlette.routing import Route

from api.app import create_app
from cli.commands import PANELS
from cli.dev.settings import StackSettings
from db.tools import docs
from db.tools.codes import codes
from tests.support.blocks import section
from tests.support.raised import python_codes, raised, sql_codes

ROOT = Path(__file__).parent.parent
HTTP = (ROOT / "docs/http.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
README = (ROOT / "README.md").read_text()
CHECKSUMS = ROOT / "db/migrations/CHECKSUMS"
TOP = [README, *((ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md"))]
PAGES = [*TOP, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]


def routes() -> set[str]:
    """Returns `GET /jobs/{job_id}` for each route and method of the application."""
    app = create_app(StackSettings(api_database_url="postgresql://nobody@127.0.0.1:1/none"))
    found = [route for route in app.routes if isinstance(route, Route)]
    assert len(found) == len(app.routes), "a kind of route that these tests do not see"
    return {
        f"{method} {route.path}"
        for route in found
        for method in route.methods or ()
        if method != "HEAD"
    }


def each_method(titles: list[str]) -> list[str]:
    """Yields `GET /a` and `POST /a` for `GET, POST /a`."""
    pairs = [title.rsplit(" ", 1) for title in titles]
    return [f"{method} {path}" for methods, path in pairs for method in methods.split(", ")]


def first_cells(text: str) -> list[str]:
    """Returns the code spans at the start of table rows in a text."""
    return re.findall(r"^\| `([^`]+)`", text, re.M)


def test_routes_and_their_sections_match() -> None:
    titles = re.findall(r"^### ([A-Z, ]+ /.*)$", HTTP, re.M)
    assert sorted(each_method(titles)) == sorted(routes())


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/command-line.md").read_text()
    typed = {word for text in re.findall(r"`([^`\n]+)`", page) for word in text.split()[:1]}
    typed |= set(re.findall(r"index-jobs ([a-z]+)", page))
    assert {name for commands in PANELS.values() for name in commands} <= typed


def test_readme_lists_every_route_except_those_for_operators() -> None:
    listed = first_cells(section(README, "HTTP routes"))
    operators = re.compile("[A-Z]+ /(admin|pages|status|metrics|llms)")
    meant = [each for each in routes() if not operators.match(each)]
    assert sorted(each_method(listed)) == sorted(meant)


def test_listed_codes_match_the_used_ones() -> None:
    listed = {name: set(code.raised_by) for name, code in codes().items()}
    assert listed == raised()


def test_codes_have_the_status_that_functions_raise() -> None:
    differ = {
        (code, function): status
        for code, function, status in sql_codes()
        if status not in codes()[code].status
    }
    assert differ == {}


def test_unlisted_and_unused_codes_are_detected() -> None:
    text = 'raise Problem("not_listed")\ncode = "a" if b else "c"\n_CODES: Final = {"x": "d"}\n'
    assert sorted(python_codes(text)) == ["a", "c", "d", "not_listed"]


def test_table_of_codes_matches_codes_json() -> None:
    assert docs.http_page() == HTTP, "run make docs"
    assert first_cells(section(HTTP, "Codes")) == list(codes())


def test_flow_diagrams_match_the_code() -> None:
    assert docs.contributing_page() == (ROOT / docs.CONTRIBUTING).read_text(), "run make docs"


def test_conventions_name_every_role() -> None:
    roles = (ROOT / "db/tables/roles.sql").read_text()
    made = set(re.findall(r"^create role (\w+) ", roles, re.M))
    granted = set(re.findall(r"^-- (\w+)$", roles, re.M))
    listed = first_cells(section((ROOT / "db/CONVENTIONS.md").read_text(), "Roles"))
    assert set(listed) == made | granted | {"anon"}


def test_docs_index_links_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", (ROOT / "docs/README.md").read_text()))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert "](docs/README.md)" in README


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 250


def test_every_setting_is_listed_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", section(OPERATIONS, "Settings"), re.M)
    defaults = {
        name.upper(): f"`{_text(field.default)}`" if field.default not in (None, (), "") else "none"
        for name, field in StackSettings.model_fields.items()
    }
    assert dict(rows) == defaults
    assert len(rows) == len(defaults)


def _text(default: object) -> str:
    if isinstance(default, ByteSize):
        return default.human_readable().replace(".0", "")
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.partition("\n")[0])
def test_links_lead_to_existing_files(page: str) -> None:
    folder = ROOT if page in TOP else ROOT / "docs"
    prose = re.sub(r"`[^`]*`", "", page)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose)
    assert [target for target in targets if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", ["security", "environments"])
def test_named_files_exist(page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text()
    named = re.findall(r"`((?:api|cli|db|tests|worker)/[^`: ]+)`", text)
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_each_kind_of_attack_has_tests() -> None:
    text = section((ROOT / "docs/security.md").read_text(), "What was attacked")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 11
    assert all(len(row) == 4 and "`tests/" in row[2] and "`tests/" in row[3] for row in rows)


def test_named_make_targets_exist() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)", page)}
    assert named <= known


def test_readme_shows_the_number_of_released_migrations() -> None:
    shown = re.findall(r"✓ (\d+) migrations ", README)
    released = re.findall(r"(?<!\.rollback)\.sql$", CHECKSUMS.read_text(), re.M)
    assert shown == [str(len(released))] * 2
