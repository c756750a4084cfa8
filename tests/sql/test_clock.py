"""The clock as deployed. The databases of the other tests have one that can be set."""

from __future__ import annotations

from typing import Any

import psycopg

import db.tools.migrate


def test_clock_is_the_wall_clock_and_advances_within_a_transaction(new_database: Any) -> None:
    database = new_database(migrated=False)
    db.tools.migrate.apply(database.migrator_url)
    with psycopg.connect(database.url) as connection:
        connection.execute("select 1")
        row = connection.execute(
            "select now() < c.clock, c.before <= c.clock and c.clock <= c.after from ("
            " select clock_timestamp() as before, private.clock() as clock,"
            " clock_timestamp() as after) as c"
        ).fetchone()
    assert row == (True, True)
