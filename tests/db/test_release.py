"""make release on a copy of this project, and what can change in migrations afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from cli.users import create_api_key
from db.tools import migrate, stamp
from tests.support.checkout import Checkout, checkout
from tests.support.databases import MEMBERS, Database, NewDatabase
from tests.support.dumps import dump
from tests.support.repositories import commit
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
RELEASED = re.findall(r"^## (\d+)\.(\d+)\.(\d+) - ", (ROOT / "CHANGELOG.md").read_text(), re.M)
# the release that these tests create: 0.1.0, or the one after the last
NEXT = f"{RELEASED[0][0]}.{int(RELEASED[0][1]) + 1}.0" if RELEASED else "0.1.0"
VERSIONS = [NEXT, *(".".join(numbers) for numbers in RELEASED)]
SCHEMAS = re.compile(r"^## (\d+\.\d+\.\d+) - .*\n\nThe schema is (\d{14})\.$", re.M)
FUNCTION = "db/functions/get_job_status.sql"
ALICE = "00000000-0000-4000-8000-0000000000a1"
WORKER = "00000000-0000-4000-8000-00000000f001"
# Later releases keep every function of 0.1.0, so this works on a database of any release.
ROWS: LiteralString = """
insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
insert into public.repositories (id, full_name, git_url, owner_user_id)
values ('00000000-0000-4000-8000-0000000000b1', 'a/b', {address},
        '00000000-0000-4000-8000-0000000000a1');
set role service_role;
do $$
declare
  v_worker text := '00000000-0000-4000-8000-00000000f001';
  v_job uuid;
begin
  foreach v_job in array array(
    select (public.create_index_job(
      '00000000-0000-4000-8000-0000000000b1', r.ref, p_idempotency_key => r.ref)).id
    from unnest(array['main', 'runs', 'backs-off', 'completed', 'failed', 'cancelled']) as r (ref))
  loop
    case (select j.ref from public.index_jobs as j where j.id = v_job)
      when 'main' then continue;
      when 'cancelled' then perform public.update_job_status(v_job, 'cancelled');
      else
        perform public.update_job_status(v_job, 'processing', p_worker_id => v_worker);
        perform public.report_job_progress(v_job, 1, 'parsing', 1, 2, '1 hour');
    end case;
    case (select j.ref from public.index_jobs as j where j.id = v_job)
      when 'completed' then
        perform public.update_job_status(
          v_job, 'completed', '{{"stats": {{"files_indexed": 1}}}}', 1);
      when 'failed' then
        perform public.update_job_status(v_job, 'failed', '{{"error": "it broke"}}', 1);
      when 'backs-off' then perform public.fail_job_attempt(v_job, 1, 'the host is down');
      else null;
    end case;
  end loop;
end;
$$;
reset role;
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The project that each test copies. It has unreleased changes."""
    copy = checkout(tmp_path_factory.mktemp("begun"))
    copy.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Added\n\n- It.\n")
    copy.commit()
    return copy


@pytest.fixture
def project(begun: Checkout, tmp_path: Path) -> Checkout:
    return begun.copy_to(tmp_path / "project")


@pytest.fixture(scope="module")
def released_once(begun: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The project after a release, committed as `make release` says."""
    project = begun.copy_to(tmp_path_factory.mktemp("released") / "project")
    done = project.make("release", f"VERSION={NEXT}")
    assert done.returncode == 0, done.stderr
    steps = f"git add --all && git commit -m 'Release {NEXT}' && git tag v{NEXT} && make build"
    assert done.stdout.splitlines()[-1] == f"next: {steps}"
    project.commit(f"Release {NEXT}")
    project.git("tag", f"v{NEXT}")
    return project


@pytest.fixture
def released(released_once: Checkout, tmp_path: Path) -> Checkout:
    return released_once.copy_to(tmp_path / "released")


def test_release_freezes_migrations_and_dates_the_changelog(released: Checkout) -> None:
    sums = (released.migrations / "CHECKSUMS").read_text().splitlines()
    files = sorted(file.name for file in released.migrations.glob("*.sql"))
    assert [line.split()[1] for line in sums] == files
    check = ["sha256sum", "--check", "--quiet", "CHECKSUMS"]
    subprocess.run(check, cwd=released.migrations, check=True)
    changelog = (released.root / "CHANGELOG.md").read_text()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    newest = max(name[:14] for name in files)
    schema = f"The schema is {newest}."
    assert f"\n## Unreleased\n\n## {NEXT} - {today}\n\n{schema}\n\n### Added\n" in changelog
    assert [version for version, _ in SCHEMAS.findall(changelog)] == VERSIONS
    assert released.make("check").returncode == 0
    assert released.git("status", "--porcelain") == ""


def test_release_updates_the_version_in_every_file(released: Checkout) -> None:
    released.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- It.\n")
    released.commit()
    assert released.make("release", "VERSION=9.8.7").returncode == 0
    named = released.git("grep", "--only-matching", "--no-index", "-hF", "-e", "9.8.7").split()
    assert len(named) == 9  # changelog, project, client (2) and the places of the image (5)
    text = "".join(
        path.read_text() for path in (released.root / "docs").rglob("*") if path.is_file()
    )
    assert set(re.findall(r"index[-_]jobs(?:-client)?[-:](\d+\.\d+\.\d+)", text)) == {"9.8.7"}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_built_packages_are_complete(released_once: Checkout, tmp_path: Path, kind: str) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", tmp_path]
    subprocess.run([*build, released_once.root], check=True, capture_output=True)
    (file,) = tmp_path.iterdir()
    if kind == "wheel":
        assert file.name == f"index_jobs-{NEXT}-py3-none-any.whl"
        names = zipfile.ZipFile(file).namelist()
    else:
        assert file.name == f"index_jobs-{NEXT}.tar.gz"
        with tarfile.open(file) as archive:
            names = [name.partition("/")[2] for name in archive.getnames()]
        assert {"CHANGELOG.md", "pyproject.toml", "docs/deploy/Containerfile"} <= set(names)
    frozen = {path.name for path in released_once.migrations.iterdir()}
    assert {
        name.rpartition("/")[2] for name in names if name.startswith("db/migrations/")
    } == frozen


@pytest.mark.parametrize(
    ("path", "version", "said"),
    [
        ("README.md", NEXT, "not everything is committed; commit it first:\n M README.md"),
        ("db/functions/new.txt", NEXT, "commit it first:\n?? db/functions/new.txt"),
        ("", "v1", "'v1' is not a version"),
        ("", "", "say VERSION=1.2.3"),
    ],
)
def test_invalid_release_is_rejected_and_changes_nothing(
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


def test_unstamped_change_is_not_released(project: Checkout) -> None:
    project.edit(FUNCTION, "'index job not found'", "'no such index job'")
    project.commit()
    done = project.make("release", f"VERSION={NEXT}")
    assert done.returncode != 0
    said = f"{FUNCTION}: changed since it was stamped; run: make migration"
    said += "( name=what_it_does)?"  # when all migrations are released
    assert re.search(rf"^{said}$", done.stderr, re.M)
    with pytest.raises(stamp.StampError, match=f"^{said}$"):
        stamp.release(NEXT, root=project.root)
    assert project.git("status", "--porcelain") == ""


def test_second_release_needs_a_higher_version_and_changelog_entries(released: Checkout) -> None:
    for version in (NEXT, "0.0.9"):
        done = released.make("release", f"VERSION={version}")
        assert f"{version} is not above {NEXT}, the last release" in done.stderr
    assert "nothing is unreleased" in released.make("release", "VERSION=9.8.7").stderr
    released.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- It.\n")
    released.commit()
    assert released.make("release", "VERSION=9.8.7").returncode == 0
    assert '\nversion = "9.8.7"\n' in (released.root / "pyproject.toml").read_text()


def test_edited_released_migration_fails_make_check_with_a_remedy(
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


@pytest.mark.parametrize("version", VERSIONS)
def test_released_database_with_data_is_upgraded(
    released: Checkout, new_database: NewDatabase, tmp_path: Path, version: str, proving: bool
) -> None:
    """Each release is upgraded to all later migrations and to one that is added here."""
    schema = dict(SCHEMAS.findall((released.root / "CHANGELOG.md").read_text()))[version]
    frozen = tmp_path / version
    frozen.mkdir()
    for file in released.migrations.glob("*.sql"):
        if file.name[:14] <= schema:
            shutil.copy(file, frozen)
    released.edit(FUNCTION, "'index job not found'", "'there is no such index job'")
    added = released.add_migration(
        "tell_more",
        "alter table public.index_jobs add column note text not null default 'none';",
        "alter table public.index_jobs drop column note;",
    )
    assert added.name[:14] > schema
    assert sorted(path.name for path in released.migrations.glob("*_tell_more*")) == [
        added.with_suffix(".rollback.sql").name, added.name
    ]  # fmt: skip
    assert released.make("check").returncode == 0

    folder = tmp_path / "repository"
    commit(folder, {"a.py": "def a():\n    pass\n"})
    for major in (18, 15) if proving else (18,):
        old, new = (new_database(major, migrated=False) for _ in range(2))
        before = migrate.apply(old.migrator_url, migrations=frozen)
        key = fill(old, folder)
        rows, events = jobs(old), told(old)
        assert [row["status"] for row in rows] == [
            "cancelled", "completed", "failed", "pending", "processing", "processing"
        ]  # fmt: skip

        later = migrate.apply(old.migrator_url, migrations=released.migrations)
        assert later[-1] == added.stem
        assert migrate.apply(new.migrator_url, migrations=released.migrations) == [*before, *later]
        assert dump(old) == dump(new)
        if version == NEXT:
            assert jobs(old) == [row | {"note": "none"} for row in rows]
            assert migrate.rollback(old.migrator_url, migrations=released.migrations) == [
                added.stem
            ]
            assert jobs(old) == rows
            migrate.apply(old.migrator_url, migrations=released.migrations)
        assert told(old) == events
        the_jobs_go_on(old, key, folder)


def fill(database: Database, folder: Path) -> str:
    """Creates jobs of every status. Returns an API key of their creator."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        for login in ("index_jobs_api", "index_jobs_worker"):
            connection.execute(f"grant {MEMBERS[login]} to {login}".encode())
        address = sql.Literal(f"file://{folder}")
        connection.execute(sql.SQL(ROWS).format(address=address))
        return str(create_api_key(connection, ALICE, "k")["api_key"])


def the_jobs_go_on(database: Database, key: str, folder: Path) -> None:
    """Checks that a worker can finish its job and a current runner runs pending jobs."""
    ids = {row["ref"]: row["id"] for row in jobs(database)}
    with psycopg.connect(database.url_of("index_jobs_worker"), autocommit=True) as worker:
        end = "select update_job_status(%s, 'completed', '{}', 1, %s)"
        worker.execute(end, (ids["runs"], WORKER))
    program = Path(sys.executable).with_name("index-jobs")
    environment = {
        "PATH": "/usr/bin:/bin",
        "WORKER_DATABASE_URL": database.worker_url,
        "LOCAL_REPOSITORY_ROOTS": str(folder.parent),
        "RUN_DIR": str(folder.parent / "run"),
    }
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        subprocess.Popen([program, "work"], env=environment) as runner,
    ):
        try:
            until(lambda: ended(connection, ids["main"]), 60)
        finally:
            runner.terminate()
    with psycopg.connect(database.api_url, autocommit=True) as api:
        for ref in ("runs", "main"):
            row = api.execute(
                "select (a.body::jsonb ->> 'status', a.body::jsonb ->> 'attempt')::text"
                " from api_get_job_status(%s, null, %s) as a",
                (key, ids[ref]),
            ).fetchone()
            assert row == ("(completed,1)",)


def ended(connection: psycopg.Connection[TupleRow], job_id: str) -> bool:
    row = connection.execute(
        "select status::text from public.index_jobs where id = %s", (job_id,)
    ).fetchone()
    return row is not None and row[0] not in {"pending", "processing"}


def jobs(database: Database) -> list[dict[str, Any]]:
    query = "select to_jsonb(j) from index_jobs as j order by j.status::text, j.ref"
    with psycopg.connect(database.url) as connection:
        return [row for (row,) in connection.execute(query)]


def told(database: Database) -> list[dict[str, Any]]:
    """Returns the events of all jobs."""
    query = "select to_jsonb(e) from index_job_events as e order by e.job_id, e.event_no"
    with psycopg.connect(database.url) as connection:
        return [row for (row,) in connection.execute(query)]
