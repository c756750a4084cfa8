"""What docs/ and README.md promise, against the routes, codes and settings that there are."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from pydantic import ByteSize
from starlette.routing import Route

from api import requests
from api.app import create_app
from cli.dev.settings import StackSettings
from db.tools import docs, migrate

ROOT = Path(__file__).parent.parent
HTTP = (ROOT / "docs/http.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
README = (ROOT / "README.md").read_text()
CODES: dict[str, dict[str, Any]] = json.loads((ROOT / "db/codes.json").read_text())
PAGES = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]

# where a function of api/errors.py and its like takes the code
_CODE_AT = {"Problem": 1, "invalid": 1, "unauthenticated": 0}


def routes() -> set[str]:
    """`GET /jobs/{job_id}` for each route and method of the application."""
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
    """`GET /a` and `POST /a` for `GET, POST /a`."""
    pairs = [title.rsplit(" ", 1) for title in titles]
    return [f"{method} {path}" for methods, path in pairs for method in methods.split(", ")]


def section(text: str, title: str) -> str:
    """What stands under that heading, as far as the next one of its level."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", text, re.M | re.S)
    assert found, f"there is no heading {title}"
    return found[2]


def first_cells(text: str) -> list[str]:
    """The code spans that begin the rows of the tables in a text."""
    return re.findall(r"^\| `([^`]+)`", text, re.M)


def http_codes() -> set[str]:
    """Every `code` that the HTTP layer gives an answer itself."""
    found = set(requests._FIELDS.values()) | {HTTPStatus.METHOD_NOT_ALLOWED.name}
    for path in (ROOT / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for value in _code_values(node):
                found |= {
                    leaf.value
                    for leaf in ast.walk(value)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    return found


def sql_codes() -> dict[str, set[str]]:
    """Every code that the SQL functions raise or answer, with its statuses."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "db/functions").rglob("*.sql"):
        text = path.read_text()
        of_all = re.findall(r"errcode = 'PT(\d+)', detail = v_code", text)
        for named in re.finditer(r"(?:detail =|code :=) '(\w+)'", text):
            before = re.findall(r"'PT(\d+)'", text[max(0, named.start() - 60) : named.start()])
            found.setdefault(named[1], set()).add((of_all + before)[-1])
    return found


def _code_values(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        at = _CODE_AT.get(node.func.id)
        if at is not None and len(node.args) > at:
            yield node.args[at]
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
        yield node.value


def test_every_route_has_its_section_and_every_section_its_route() -> None:
    titles = re.findall(r"^### ([A-Z, ]+ /.*)$", HTTP, re.M)
    assert sorted(each_method(titles)) == sorted(routes())


def test_the_readme_lists_every_route() -> None:
    listed = first_cells(section(README, "HTTP routes"))
    assert sorted(each_method(listed)) == sorted(routes())


def test_every_code_is_listed_and_every_listed_code_is_used() -> None:
    raised = {code: ["http"] for code in http_codes()}
    for code in sql_codes():
        raised.setdefault(code, []).append("sql")
    assert {code: entry["raised_by"] for code, entry in CODES.items()} == raised


def test_a_code_has_the_status_that_the_functions_give_it() -> None:
    differ = {
        code: statuses
        for code, statuses in sql_codes().items()
        if not statuses <= {str(status) for status in CODES[code]["status"]}
    }
    assert differ == {}


def test_the_table_of_codes_is_that_of_codes_json() -> None:
    assert docs.codes() == HTTP, "run make docs"
    assert first_cells(section(HTTP, "Codes")) == list(CODES)


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
def test_links_lead_to_files_that_are_there(page: str) -> None:
    folder = ROOT if page is README else ROOT / "docs"
    prose = re.sub(r"`[^`]*`", "", page)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose)
    assert [target for target in targets if not (folder / target).exists()] == []


def test_targets_of_make_that_are_named_exist() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)", page)}
    assert named <= known


def test_the_readme_shows_as_many_migrations_as_there_are() -> None:
    shown = re.findall(r"✓ (\d+) migrations ", README)
    assert shown == [str(len(migrate.names()))] * 2
