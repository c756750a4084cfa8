"""Database connections of commands, and how they act as a user or a role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from cli.errors import CommandError
from db.tools import connection

Connection = psycopg.Connection[TupleRow]


def connect(url: str, name: str = "DATABASE_URL") -> Connection:
    """Opens an autocommit connection. Its CommandError names the setting, never the password."""
    try:
        return connection.connect(url)
    except connection.ConnectError as error:
        raise CommandError(f"{name}: {error}") from None


@contextmanager
def as_user(connection: Connection, user_id: str) -> Iterator[None]:
    """A transaction as that user, under row-level security."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    with as_role(connection, "authenticated"):
        connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        yield
        connection.execute("select set_config('request.jwt.claims', '', true)")


@contextmanager
def as_role(connection: Connection, role: str) -> Iterator[None]:
    """A transaction, or a savepoint, with that role alone."""
    become = sql.SQL("set local role {}").format(sql.Identifier(role))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(become)
    except psycopg.errors.InsufficientPrivilege:
        # since Postgres 16, the creator of a role may have to grant itself SET ROLE
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    with connection.transaction():
        connection.execute(become)
        yield
        connection.execute("reset role")
