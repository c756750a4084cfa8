"""Makes in a plain Postgres what every Supabase project has and the migrations expect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")


def bootstrap(connection: psycopg.Connection[Any]) -> None:
    """Makes the roles, auth.users and default privileges that are missing. Raises psycopg.Error."""
    connection.execute(BOOTSTRAP.read_bytes())
