"""A database that cannot be upgraded: each migrating command gives an error and a remedy."""

from __future__ import annotations

import psycopg
import pytest

from db.tools import reset
from tests.support.databases import Database
from tests.support.dumps import dump
from tests.support.workspace import Workspace

SAID = (
    "error: the database was made before 0.1.0 and cannot be upgraded: make reset (a "
    "development database), or dump what you need and migrate an empty one\n"
)


@pytest.mark.parametrize("command", ["migrate", "rollback", "serve", "demo", "seed"])
def test_prerelease_database_is_a_one_line_error(
    fresh_workspace: Workspace, database: Database, command: str
) -> None:
    with psycopg.connect(database.url) as connection:
        reset.mark_for_development(connection, "a test")
        connection.execute("comment on schema private is 'schema version 20261125044947'")
    before = dump(database)
    call = fresh_workspace.run if command in ("serve", "demo") else fresh_workspace.ask
    done = call(command, DATABASE_URL=database.migrator_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(SAID)
    assert "Traceback" not in done.stderr
    assert dump(database) == before
