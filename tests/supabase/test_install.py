"""The installer, in folders made by `supabase init`."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from db.tools import doctor, migrate, project, stamp

from .conftest import command_line

INDEX_JOBS = Path(sys.executable).with_name("index-jobs")
FILES = stamp.migration_files()
NAMES = [file.stem for file in FILES]
OWN = {
    "20240101000000_notes.sql": "create table public.notes (id bigint primary key);\n",
    "20990101000000_more_notes.sql": "alter table public.notes add column body text;\n",
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that `supabase init` creates."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "project").mkdir()
    command_line(folder / "home")(folder / "project", "init")
    return folder / "project"


@pytest.fixture
def empty(tmp_path: Path, begun: Path) -> Path:
    """A project without migrations."""
    return shutil.copytree(begun, tmp_path / "their project")


@pytest.fixture
def theirs(empty: Path) -> Path:
    """A project with two own migrations, the newest with a future number."""
    migrations = empty / "supabase/migrations"
    migrations.mkdir()
    for name, text in OWN.items():
        (migrations / name).write_text(text)
    return empty


def install(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [INDEX_JOBS, "supabase", "install", str(folder), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def release(folder: Path, names: list[str]) -> Path:
    """Returns a release with only these migrations."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.sql").write_bytes((migrate.MIGRATIONS / f"{name}.sql").read_bytes())
    return folder


def test_installer_adds_copies_after_existing_migrations(
    theirs: Path, new_database: Any, supabase: Any
) -> None:
    before = contents(theirs)
    done = install(theirs, "--yes")
    assert done.returncode == 0, done.stderr
    after = contents(theirs)
    assert {name: after[name] for name in before} == before, "nothing is overwritten"
    made = [Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in made] == [
        f"{20990101000001 + n}_index_jobs_{name[15:]}.sql" for n, name in enumerate(NAMES)
    ]
    assert len(after) == len(before) + len(made)
    for path, file in zip(made, FILES, strict=True):
        assert path.read_text() == f"-- index-jobs: {file.stem}\n{file.read_text()}"

    database = new_database(17, "supabase", migrated=False)
    supabase(theirs, "db", "push", "--yes", database=database)
    assert doctor.examine(database.migrator_url).findings == ()
    again = supabase(theirs, "db", "push", "--yes", database=database)
    assert "Remote database is up to date." in again.stdout
    assert len(migrate.rollback(database.migrator_url, len(NAMES))) == len(NAMES)


def test_second_run_changes_nothing(theirs: Path) -> None:
    assert install(theirs, "--yes").returncode == 0
    before = contents(theirs)
    done = install(theirs, "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to copy" in done.stderr
    assert contents(theirs) == before


def test_update_copies_only_new_migrations(theirs: Path, tmp_path: Path) -> None:
    project.apply(project.plan(theirs, release(tmp_path / "old", NAMES[:-1])))
    own = theirs / "supabase/migrations/21000101000000_later.sql"
    own.write_text("select 1;\n")
    plan = project.plan(theirs)
    assert [copy.migration for copy in plan.installed] == NAMES[:-1]
    assert [copy.migration for copy in plan.new] == NAMES[-1:]
    assert plan.new[0].path.name.startswith("21000101000001_")
    assert plan.edited == ()


def test_installer_only_shows_its_plan_without_a_terminal(theirs: Path) -> None:
    before = contents(theirs)
    done = install(theirs)
    assert (done.returncode, done.stdout) == (1, "")
    for name in NAMES:
        assert f"_index_jobs_{name[15:]}.sql" in done.stderr
    assert "add --yes" in done.stderr
    done = install(theirs, "--dry-run")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(NAMES)
    assert contents(theirs) == before


@pytest.mark.parametrize(("answer", "exit_code", "copied"), [("y", 0, len(NAMES)), ("n", 1, 0)])
def test_installer_asks_on_a_terminal(
    empty: Path, answer: str, exit_code: int, copied: int
) -> None:
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    done = subprocess.run(
        [INDEX_JOBS, "supabase", "install", str(empty)],
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )
    for end in (controller, terminal):
        os.close(end)
    assert done.returncode == exit_code
    assert f"Copy {len(NAMES)} files into" in done.stderr
    assert len(list(empty.glob("supabase/migrations/*.sql"))) == copied


def test_empty_project_gets_current_numbers(empty: Path) -> None:
    plan = project.plan(empty)
    project.apply(plan)
    numbers = [copy.path.name[:14] for copy in plan.new]
    assert numbers == sorted(set(numbers))
    assert NAMES[-1] < numbers[0] < "2099"


def test_manual_copies_are_recognized_by_text_and_name(theirs: Path) -> None:
    folder = theirs / "supabase/migrations"
    (folder / "20990101000001_renamed.sql").write_bytes(FILES[0].read_bytes())
    (folder / FILES[1].name).write_text("-- edited\n" + FILES[1].read_text())
    plan = project.plan(theirs)
    assert [copy.migration for copy in plan.installed] == NAMES[:2]
    assert [copy.migration for copy in plan.edited] == NAMES[1:2]
    assert [copy.migration for copy in plan.new] == NAMES[2:]


def test_edited_copy_is_reported_and_left_unchanged(theirs: Path) -> None:
    first = project.plan(theirs)
    project.apply(first)
    edited = first.new[0].path
    edited.write_text(edited.read_text() + "-- mine\n")
    done = install(theirs, "--yes")
    assert done.returncode == 0
    assert f"{edited.name}; edited since then, left unchanged" in done.stderr
    assert edited.read_text().endswith("-- mine\n")


def test_name_conflicts_are_reported(theirs: Path) -> None:
    own = theirs / "supabase/migrations/20240101000001_own.sql"
    own.write_text(
        'create table if not exists "public"."organizations" ();\n'
        "create schema\n  private;\n"
        "create table private.organizations ();\n"
        "create table public.organizations_of_bees ();\n"
        "create table symbols.x ();\n"
    )
    done = install(theirs, "--dry-run")
    assert [line for line in done.stderr.splitlines() if "warning" in line] == [
        f"  warning: {own.name}: {made}; rename it first, or db push will fail"
        for made in (
            'create table if not exists "public"."organizations"',
            "create schema private",
        )
    ]


def test_this_project_has_all_migrations() -> None:
    plan = project.plan(stamp.ROOT)
    assert ([copy.migration for copy in plan.installed], plan.edited, plan.new) == (NAMES, (), ())


def test_file_created_meanwhile_is_not_overwritten(theirs: Path) -> None:
    plan = project.plan(theirs)
    plan.new[0].path.write_text("theirs\n")
    with pytest.raises(FileExistsError):
        project.apply(plan)
    assert plan.new[0].path.read_text() == "theirs\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"20990101000001_x.sql": "-- index-jobs: 29990101000000_newer\n"},
            "29990101000000_newer, which this release does not have; use the newer release",
        ),
        (
            {f"2099010100000{n}_x.sql": f"-- index-jobs: {NAMES[0]}\n" for n in (1, 2)},
            f"{NAMES[0]} is installed twice, as 20990101000001_x.sql and 20990101000002_x.sql",
        ),
        (
            {"20990101000001_x.sql": f"-- index-jobs: {NAMES[1]}\n"},
            f"but {NAMES[0]}, which comes before it, is not; restore its file",
        ),
        ({"9_x.sql": "select 1;\n"}, "the number 9, which no time can follow"),
    ],
)
def test_inconsistent_copies_are_left_unchanged(
    theirs: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (theirs / "supabase/migrations" / name).write_text(text)
    before = contents(theirs)
    done = install(theirs, "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert contents(theirs) == before


def test_folder_without_a_project_is_rejected(tmp_path: Path, empty: Path) -> None:
    done = install(tmp_path, "--yes")
    assert done.returncode == 1
    assert "has no supabase/config.toml" in done.stderr
    done = install(empty / "supabase", "--yes")
    assert done.returncode == 1
    assert f"use the folder above: {empty}" in done.stderr
