"""make release on a copy of this project, and what may change in migrations after it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import migrate, stamp
from tests.support.checkout import Checkout, checkout
from tests.support.databases import Database
from tests.support.dumps import dump

FUNCTION = "db/functions/get_job_status.sql"
ROWS = """
insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
insert into public.repositories (id, full_name, git_url, owner_user_id)
values ('00000000-0000-4000-8000-0000000000b1', 'a/b', 'https://example.org/a/b',
        '00000000-0000-4000-8000-0000000000a1');
set role service_role;
select public.create_index_job('00000000-0000-4000-8000-0000000000b1');
reset role;
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """What each test has a copy of."""
    return checkout(tmp_path_factory.mktemp("begun"))


@pytest.fixture
def project(begun: Checkout, tmp_path: Path) -> Checkout:
    return begun.copy_to(tmp_path / "project")


@pytest.fixture(scope="module")
def released_once(begun: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The project, released and committed as `make release` says."""
    project = begun.copy_to(tmp_path_factory.mktemp("released") / "project")
    done = project.make("release", "VERSION=0.1.0")
    assert done.returncode == 0, done.stderr
    next_step = done.stdout.splitlines()[-1]
    commit = "git add --all && git commit -m 'Release 0.1.0' && git tag v0.1.0"
    assert next_step == f"next: {commit}"
    project.commit("Release 0.1.0")
    project.git("tag", "v0.1.0")
    return project


@pytest.fixture
def released(released_once: Checkout, tmp_path: Path) -> Checkout:
    return released_once.copy_to(tmp_path / "released")


def test_a_release_freezes_the_migrations_and_dates_the_changelog(released: Checkout) -> None:
    sums = (released.migrations / "CHECKSUMS").read_text().splitlines()
    files = sorted(file.name for file in released.migrations.glob("*.sql"))
    assert [line.split()[1] for line in sums] == files
    check = ["sha256sum", "--check", "--quiet", "CHECKSUMS"]
    subprocess.run(check, cwd=released.migrations, check=True)
    changelog = (released.root / "CHANGELOG.md").read_text()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert f"\n## Unreleased\n\n## 0.1.0 - {today}\n\n### Added\n" in changelog
    assert '\nversion = "0.1.0"\n' in (released.root / "pyproject.toml").read_text()
    assert released.make("check").returncode == 0
    assert released.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("path", "version", "said"),
    [
        ("README.md", "0.1.0", "not everything is committed; commit it first:\n M README.md"),
        ("db/functions/new.txt", "0.1.0", "commit it first:\n?? db/functions/new.txt"),
        ("", "v1", "'v1' is not a version"),
        ("", "", "say VERSION=1.2.3"),
    ],
)
def test_what_cannot_be_released_is_refused_and_nothing_changes(
    project: Checkout, path: str, version: str, said: str
) -> None:
    if path:
        with (project.root / path).open("a") as file:
            file.write("\n")
    before = project.git("status", "--porcelain")
    done = project.make("release", f"VERSION={version}")
    assert done.returncode != 0
    assert said in done.stderr
    assert project.git("status", "--porcelain") == before


def test_what_is_not_stamped_is_not_released(project: Checkout) -> None:
    project.edit(FUNCTION, "'index job not found'", "'no such index job'")
    project.commit()
    done = project.make("release", "VERSION=0.1.0")
    assert done.returncode != 0
    said = f"{FUNCTION}: changed since it was stamped; run: make migration"
    assert f"{said}\n" in done.stderr
    with pytest.raises(stamp.StampError, match=f"^{said}$"):
        stamp.release("0.1.0", root=project.root)
    assert project.git("status", "--porcelain") == ""


def test_a_second_release_needs_a_higher_version_and_something_to_tell(released: Checkout) -> None:
    for version in ("0.1.0", "0.0.9"):
        done = released.make("release", f"VERSION={version}")
        assert f"{version} is not above 0.1.0, the last release" in done.stderr
    assert "nothing is unreleased" in released.make("release", "VERSION=0.2.0").stderr
    released.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- It.\n")
    released.commit()
    assert released.make("release", "VERSION=0.2.0").returncode == 0
    assert '\nversion = "0.2.0"\n' in (released.root / "pyproject.toml").read_text()


def test_an_edit_of_a_released_migration_fails_make_check_which_says_what_to_do(
    released: Checkout,
) -> None:
    for file in sorted(released.migrations.glob("*.sql")):
        released.edit(f"db/migrations/{file.name}", "\n", "\n-- a word more\n")
        if not file.name.endswith(".rollback.sql"):
            (released.root / "supabase/migrations" / file.name).write_bytes(file.read_bytes())
        done = released.make("check")
        assert done.returncode != 0
        edited = "edited after its release; restore it from git, make the change in db/functions"
        assert f"db/migrations/{file.name}: {edited}" in done.stderr
        assert "make migration name=what_it_does" in done.stderr
        before = file.read_bytes()
        assert released.make("migration", "name=x", "EMPTY=1").returncode == 0
        assert file.read_bytes() == before, "make migration does not touch what is released"
        released.git("checkout", "--quiet", "--", ".")
        released.git("clean", "-fdq")


def test_a_released_database_with_data_becomes_that_of_today(
    released: Checkout, new_database: Any
) -> None:
    old, new = (new_database(18, "ordinary", migrated=False) for _ in range(2))
    frozen = migrate.apply(old.migrator_url, migrations=released.migrations)
    rows_before = fill(old)

    released.edit(FUNCTION, "'index job not found'", "'there is no such index job'")
    file = released.add_migration(
        "tell_more",
        "alter table public.index_jobs add column note text not null default 'none';",
        "alter table public.index_jobs drop column note;",
    )
    assert file.name > f"{frozen[-1]}.sql"
    assert sorted(path.name for path in released.migrations.glob("*_tell_more*")) == [
        file.with_suffix(".rollback.sql").name, file.name
    ]  # fmt: skip
    assert released.make("check").returncode == 0

    assert migrate.apply(old.migrator_url, migrations=released.migrations) == [file.stem]
    assert migrate.apply(new.migrator_url, migrations=released.migrations) == [*frozen, file.stem]
    assert dump(old) == dump(new)
    assert jobs(old) == [row | {"note": "none"} for row in rows_before]
    assert migrate.rollback(old.migrator_url, migrations=released.migrations) == [file.stem]
    assert jobs(old) == rows_before


def fill(database: Database) -> list[dict[str, Any]]:
    with psycopg.connect(database.url) as connection:
        connection.execute(ROWS)
    rows = jobs(database)
    assert len(rows) == 1
    return rows


def jobs(database: Database) -> list[dict[str, Any]]:
    with psycopg.connect(database.url) as connection:
        return [row for (row,) in connection.execute("select to_jsonb(j) from index_jobs as j")]
