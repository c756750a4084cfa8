"""Connections of commands to the database, and acting there as a user or a role."""

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
    """An autocommit connection. Raises CommandError that names the setting, never the password."""
    try:
        return connection.connect(url)
    except connection.ConnectError as error:
        raise CommandError(f"{name}: {error}") from None


@contextmanager
def as_user(connection: Connection, user_id: str) -> Iterator[None]:
    """A transaction in which the connection is that user, under row-level security."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    with as_role(connection, "authenticated"):
        connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        yield
        connection.execute("select set_config('request.jwt.claims', '', true)")


@contextmanager
def as_role(connection: Connection, role: str) -> Iterator[None]:
    """A transaction, or a part of one, in which the connection has that role and no other."""
    become = sql.SQL("set local role {}").format(sql.Identifier(role))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(become)
    except psycopg.errors.InsufficientPrivilege:
        # from Postgres 16 on, the creator of a role may have to grant itself SET ROLE
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    with connection.transaction():
        connection.execute(become)
        yield
        connection.execute("reset role")
