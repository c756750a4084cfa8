"""Makes in a plain Postgres what every Supabase project has and the migrations expect."""

from __future__ import annotations

from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
DEVELOPMENT = Path(__file__).with_name("development.sql")


def bootstrap(connection: Connection[TupleRow]) -> None:
    """Makes the roles and auth.users that are missing. Raises psycopg.Error."""
    connection.execute(BOOTSTRAP.read_bytes())


def scaffold(connection: Connection[TupleRow]) -> None:
    """Gives a bootstrapped database of the embedded server what only development needs.

    Raises psycopg.Error.
    """
    connection.execute(DEVELOPMENT.read_bytes())
