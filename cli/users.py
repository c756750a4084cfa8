"""Looks up users in the database and manages their API keys."""

from __future__ import annotations

from typing import Any

from cli.connection import Connection, as_user


def user_exists(connection: Connection, user_id: str) -> bool:
    """Whether a user with this id exists."""
    row = connection.execute("select from auth.users where id = %s", (user_id,)).fetchone()
    return row is not None


def create_api_key(
    connection: Connection, user_id: str, name: str, expires_at: str | None = None
) -> dict[str, Any]:
    """Creates a key for the user. Its secret is never shown again."""
    query = "select * from public.create_api_key(p_name => %s, p_expires_at => %s)"
    return _as_user(connection, user_id, query, (name, expires_at))[0]


def list_api_keys(connection: Connection, user_id: str) -> list[dict[str, Any]]:
    """Returns the user's keys, without their secrets."""
    return _as_user(connection, user_id, "select * from public.list_api_keys()", ())


def revoke_api_key(connection: Connection, user_id: str, key_id: str) -> dict[str, Any]:
    """Revokes a key permanently. Raises psycopg.Error PT404 if it is not the user's."""
    query = "select * from public.revoke_api_key(p_key_id => %s)"
    return _as_user(connection, user_id, query, (key_id,))[0]


def _as_user(
    connection: Connection, user_id: str, query: str, arguments: tuple[Any, ...]
) -> list[dict[str, Any]]:
    with as_user(connection, user_id):
        cursor = connection.execute(query.encode(), arguments)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]
