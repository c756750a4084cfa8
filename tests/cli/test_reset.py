"""`index-jobs reset` empties databases for development, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from db.tools import migrate, reset
from tests.support.databases import Database
from tests.support.workspace import Workspace


def rows(workspace: Workspace) -> str:
    return workspace.run("psql", "-Atc", "select count(*) from public.index_jobs").stdout


def test_reset_deletes_the_data_and_migrates(fresh_workspace: Workspace) -> None:
    applied = fresh_workspace.ask("migrate").stdout
    fresh_workspace.ask("seed")
    assert rows(fresh_workspace) == "13\n"
    done = fresh_workspace.ask("reset")
    assert (done.returncode, done.stdout) == (0, applied)
    assert rows(fresh_workspace) == "0\n"


def test_reset_replaces_the_stored_keys(used_workspace: Workspace) -> None:
    before = json.loads(used_workspace.ask("seed", "--json").stdout)
    assert used_workspace.ask("reset").returncode == 0
    after = json.loads(used_workspace.ask("seed", "--json").stdout)
    assert before.keys() == after.keys()
    assert not {*before.values()} & {*after.values()}


def test_reset_is_refused_while_a_server_runs(used_workspace: Workspace) -> None:
    with used_workspace.serving("--port", "0"):
        done = used_workspace.ask("reset")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "make serve (process " in done.stderr
        assert used_workspace.sql("select count(*) > 0 from auth.users") == [(True,)]


USER = "insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1')"
TIER = "insert into private.accounts values ('00000000-0000-4000-8000-0000000000a1', 'free')"


def accounts(database: Database) -> int:
    with psycopg.connect(database.url) as connection:
        row = connection.execute("select count(*) from private.accounts").fetchone()
    assert row
    return int(row[0])


def test_external_database_is_reset_only_with_yes(
    fresh_workspace: Workspace, database: Database
) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(USER)
        connection.execute(TIER)
    done = fresh_workspace.ask("reset", DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database of DATABASE_URL is not marked for development" in done.stderr
    assert accounts(database) == 1
    done = fresh_workspace.ask("reset", "--yes", DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout.split()) == (0, migrate.names())
    assert accounts(database) == 0


def test_external_development_database_stays_marked_as_such(
    fresh_workspace: Workspace, database: Database
) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(USER)
        connection.execute(TIER)
        reset.mark_for_development(connection, "a test")
    done = fresh_workspace.ask("reset", DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout.split()) == (0, migrate.names())
    assert accounts(database) == 0
    with psycopg.connect(database.url) as connection:
        assert reset.made_by(connection) == "a test"


def test_data_of_another_postgres_is_left_unchanged(
    fresh_workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/PG_VERSION").write_text("18\n")
    done = fresh_workspace.ask("reset", DATA_DIR=str(tmp_path / "theirs"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "was not created by the embedded Postgres" in done.stderr
    assert (tmp_path / "theirs/PG_VERSION").exists()
