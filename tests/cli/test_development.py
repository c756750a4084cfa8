"""Features for development only: sample users, resets, Supabase's default privileges."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from cli.connection import connect
from cli.dev.logins import use_login
from cli.errors import CommandError
from db.tools import migrate, reset
from tests.support.databases import Database
from tests.support.dumps import dump
from tests.support.workspace import Workspace

MAJORS = pytest.mark.parametrize("major", [18, 15])
REFUSED = "error: the database of DATABASE_URL is not marked for development: "
LATER = """
create table public.later (id bigint generated always as identity primary key);
create function public.later() returns int language sql as 'select 1';
revoke execute on function public.later() from public;
"""
OPEN = """
select r.rolname::text, o.what
from pg_roles as r, lateral (values
  ('table', has_table_privilege(r.oid, 'public.later', 'select, truncate')),
  ('sequence', has_sequence_privilege(r.oid, 'public.later_id_seq', 'usage')),
  ('function', has_function_privilege(r.oid, 'public.later()', 'execute'))) as o (what, is_open)
where r.rolname in ('anon', 'authenticated', 'service_role') and o.is_open
"""
USERS = "select count(*) from auth.users"


def query(url: str, text: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(text).fetchall()


def execute(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


@MAJORS
def test_objects_created_later_belong_to_the_owner_alone(
    fresh_workspace: Workspace, new_database: Any, major: int
) -> None:
    database = new_database(major, plain=True)
    done = fresh_workspace.ask("migrate", DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout.split()) == (0, migrate.names())
    execute(database.migrator_url, LATER)
    assert query(database.url, OPEN) == []
    assert query(database.url, "select count(*) from pg_default_acl") == [(0,)]
    for url in (database.anon_url, database.authenticated_url, database.service_role_url):
        for statement in ("table public.later", "truncate public.later"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                execute(url, statement)


def test_embedded_server_grants_by_default_to_expose_missing_revokes(
    used_workspace: Workspace,
) -> None:
    assert used_workspace.ask("migrate").returncode == 0
    said = used_workspace.run("psql", "-Atc", LATER, "-c", OPEN).stdout.split()
    roles = ("anon", "authenticated", "service_role")
    assert sorted(said[-9:]) == [
        f"{role}|{what}" for role in roles for what in ("function", "sequence", "table")
    ]


def test_embedded_server_is_for_development(used_workspace: Workspace) -> None:
    used_workspace.ask("migrate")
    assert used_workspace.ask("migrate").returncode == 0
    shown = used_workspace.run("psql", "-Atc", "select d.made_by from private.development as d")
    assert shown.stdout == "the embedded server\n"


def test_logins_of_the_embedded_server_cannot_fill_the_disk(used_workspace: Workspace) -> None:
    """They can create neither temporary tables nor large objects, and files for sorting and
    cursors are limited in size."""
    with used_workspace.serving("--port", "0"):
        owner = used_workspace.dev_env["DEV_DATABASE_URL"]
        execute(owner, "create role guest login password 'guest' in role authenticated")
        execute(owner, "grant connect on database postgres to guest")
        with psycopg.connect(owner, user="guest", password="guest", autocommit=True) as guest:
            assert guest.execute("show temp_file_limit").fetchone() == ("4GB",)
            for statement in (
                "set temp_file_limit = -1",
                "create temporary table heap (bytes text)",
                "select lo_creat(-1)",
                "select lo_create(0)",
                "select lo_from_bytea(0, 'bytes')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    guest.execute(statement)


@pytest.mark.parametrize("command", ["seed", "rollback", "demo"])
def test_production_database_is_not_touched(
    fresh_workspace: Workspace, database: Database, command: str
) -> None:
    before = dump(database)
    done = fresh_workspace.ask(command, DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert REFUSED in done.stderr
    assert done.stderr.endswith("or mark it: index-jobs dev init\n")
    assert dump(database) == before
    assert query(database.url, USERS) == [(0,)]


def test_production_database_is_seeded_and_rolled_back_only_with_yes(
    fresh_workspace: Workspace, database: Database
) -> None:
    url = database.migrator_url
    assert fresh_workspace.ask("seed", "--yes", DATABASE_URL=url).returncode == 0
    assert query(database.url, USERS) == [(3,)]
    done = fresh_workspace.ask("rollback", "--yes", DATABASE_URL=url)
    assert (done.returncode, done.stdout.split()) == (0, migrate.names()[-1:])


def test_serve_creates_no_users_in_a_production_database(
    fresh_workspace: Workspace, database: Database
) -> None:
    urls = {
        "DATABASE_URL": database.migrator_url,
        "API_DATABASE_URL": database.api_url,
        "WORKER_DATABASE_URL": database.worker_url,
    }
    with fresh_workspace.serving("--port", "0", **urls) as served:
        assert "no demo users" in served.said
        assert "ALICE_KEY" not in fresh_workspace.dev_env
    assert query(database.url, USERS) == [(0,)]


def test_serve_changes_no_password_of_a_production_database(
    fresh_workspace: Workspace, database: Database
) -> None:
    """The logins with these names belong to other users of the server."""
    name_one = {"DATABASE_URL": database.migrator_url}
    for setting, url in (("API_DATABASE_URL", database.api_url), ("WORKER", database.worker_url)):
        done = fresh_workspace.ask("serve", "--port", "0", **name_one)
        assert done.returncode == 1
        assert f"Set {setting}" in done.stderr
        assert "index-jobs dev init" in done.stderr
        name_one[setting] = url
    for url in (database.api_url, database.worker_url):
        psycopg.connect(url).close()


def test_serve_creates_missing_logins_and_keeps_them(
    database: Database,
) -> None:
    with connect(database.migrator_url) as connection:
        try:
            urls = [
                use_login(connection, database.migrator_url, "login_of_a_desk", "job_http", "p")
                for _ in range(2)
            ]
            psycopg.connect(urls[1]).close()
            with pytest.raises(CommandError, match="WORKER_DATABASE_URL"):
                use_login(connection, database.migrator_url, "login_of_a_desk", "job_http", "q")
        finally:
            connection.execute(
                f"revoke connect on database {database.name} from login_of_a_desk;"
                " drop role login_of_a_desk"
            )


def test_command_marks_a_database_for_development(
    fresh_workspace: Workspace, new_database: Any
) -> None:
    database = new_database(plain=True)
    done = fresh_workspace.ask("dev", "init", DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout.split()) == (0, migrate.names())
    assert fresh_workspace.ask("dev", "init", DATABASE_URL=database.migrator_url).returncode == 0
    with psycopg.connect(database.url) as connection:
        assert reset.made_by(connection) == "index-jobs dev init"
    assert query(database.url, "select count(*) from private.development") == [(1,)]
    assert fresh_workspace.ask("seed", DATABASE_URL=database.migrator_url).returncode == 0
    assert query(database.url, USERS) == [(3,)]
    assert fresh_workspace.ask("reset", DATABASE_URL=database.migrator_url).returncode == 0


def test_database_with_jobs_is_marked_for_development_only_with_yes(
    fresh_workspace: Workspace, database: Database
) -> None:
    url = database.migrator_url
    fresh_workspace.ask("seed", "--yes", DATABASE_URL=url)
    done = fresh_workspace.ask("dev", "init", DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database holds jobs: add --yes" in done.stderr
    assert fresh_workspace.ask("dev", "init", "--yes", DATABASE_URL=url).returncode == 0
