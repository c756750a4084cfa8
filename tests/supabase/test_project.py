"""The migrations, applied by Supabase's own tools as a `postgres` that is not a superuser."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import migrate, stamp
from tests.support.fetch import postgres_binaries
from tests.support.waiting import PATIENCE

FILES = stamp.migration_files()
VERSIONS = [file.name[:14] for file in FILES]
MAJORS = pytest.mark.parametrize("major", [17, 15])


def execute(url: str, *statements: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def dump(database: Any) -> str:
    """Returns the schemas of this project from pg_dump, without the dump's random key."""
    command = [postgres_binaries(18) / "bin/pg_dump", "--schema-only", "-n", "public"]
    command += ["-n", "private", database.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if "restrict " not in line)


def test_owner_is_not_a_superuser_and_may_not_change_auth(new_database: Any) -> None:
    database = new_database(17, "supabase", migrated=False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database.migrator_url, "create table auth.mine ()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database.migrator_url, "set role supabase_admin")


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_owner_transfers_functions_and_keeps_no_role(new_database: Any, major: int) -> None:
    database = new_database(major, "supabase", migrated=False)
    migrate.apply(database.migrator_url)
    owners = """
        select distinct pg_get_userbyid(p.proowner)::text from pg_proc as p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
        order by 1"""
    found = {owner for (owner,) in execute(database.url, owners)}
    assert found >= {"job_gateway", "job_writer", "postgres"}
    assert {owner for owner in found if not owner.startswith("job_")} == {"postgres"}
    kept = """
        select r.rolname from pg_roles as r
        where left(r.rolname, 4) = 'job_' and pg_has_role('postgres', r.oid, 'usage')"""
    assert execute(database.url, kept) == []


@MAJORS
def test_push_applies_everything_once_and_the_list_agrees(
    new_database: Any, supabase: Any, project: Path, major: int
) -> None:
    database = new_database(major, "supabase", migrated=False)
    pushed = supabase(project, "db", "push", "--yes", database=database)
    assert [f"Applying migration {file.name}..." in pushed.stderr for file in FILES] == [
        True for _ in FILES
    ]
    again = supabase(project, "db", "push", "--yes", database=database)
    assert "Applying" not in again.stdout + again.stderr
    assert "Remote database is up to date." in again.stdout
    listed = supabase(project, "migration", "list", database=database).stdout
    for version in VERSIONS:
        assert listed.count(version) == 2, "once as local, once as remote"
    assert migrate.current_version(database.migrator_url) == VERSIONS[-1]


@MAJORS
def test_pushed_migrations_can_be_rolled_back_and_applied_by_yoyo(
    new_database: Any, supabase: Any, project: Path, major: int
) -> None:
    database = new_database(major, "supabase", migrated=False)
    before = dump(database)
    supabase(project, "db", "push", "--yes", database=database)
    pushed = dump(database)
    undone = migrate.rollback(database.migrator_url, len(FILES))
    assert undone == [file.stem for file in reversed(FILES)]
    assert dump(database) == before
    assert migrate.apply(database.migrator_url) == [file.stem for file in FILES]
    assert dump(database) == pushed


def test_advisors_report_no_warnings(new_database: Any, supabase: Any, project: Path) -> None:
    database = new_database(17, "supabase", migrated=False)
    execute(database.url, f"alter database {database.name} set pgrst.db_schemas = 'public'")
    supabase(project, "db", "push", "--yes", database=database)
    advisors = ("db", "advisors", "--level", "warn", "--fail-on", "warn")
    assert "No issues found" in supabase(project, *advisors, database=database).stderr

    execute(database.migrator_url, "create table public.open (id int primary key)")
    found = supabase(project, *advisors, database=database, exit_code=1)
    assert '"rls_disabled_in_public"' in found.stdout, "they do look"


def test_browsers_may_execute_no_definer_in_the_exposed_schema(new_database: Any) -> None:
    """The hosted advisors' warnings 0028 and 0029, which the CLI lacks."""
    database = new_database(17, "supabase")
    definers = """
        select p.oid::regprocedure::text, r.rolname
        from pg_proc as p, pg_roles as r
        where p.pronamespace = 'public'::regnamespace and p.prosecdef
          and r.rolname in ('anon', 'authenticated')
          and has_function_privilege(r.oid, p.oid, 'execute')
        """
    assert execute(database.url, definers) == []

    bad = "create function public.bad() returns int language sql security definer as 'select 1'"
    execute(database.url, bad)
    execute(database.url, "revoke all on function public.bad() from public, authenticated")
    execute(database.url, "grant execute on function public.bad() to anon")
    assert execute(database.url, definers) == [("bad()", "anon")]


def test_each_migration_ends_with_a_reload_of_the_api(new_database: Any) -> None:
    database = new_database(17, "supabase", migrated=False)
    with psycopg.connect(database.migrator_url, autocommit=True) as listener:
        listener.execute("listen pgrst")
        for file in FILES:
            execute(database.migrator_url, file.read_text())
            told = [note.payload for note in listener.notifies(timeout=PATIENCE, stop_after=1)]
            assert told == ["reload schema"], file.name
