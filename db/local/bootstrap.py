"""Creates in a plain Postgres what Supabase provides and the migrations expect."""

from __future__ import annotations

from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
DEVELOPMENT = Path(__file__).with_name("development.sql")


def bootstrap(connection: Connection[TupleRow]) -> None:
    """Creates the missing roles and auth.users. Raises psycopg.Error."""
    connection.execute(BOOTSTRAP.read_bytes())


def scaffold(connection: Connection[TupleRow]) -> None:
    """Adds what only development needs to a bootstrapped database of the embedded server.

    Raises psycopg.Error.
    """
    connection.execute(DEVELOPMENT.read_bytes())
