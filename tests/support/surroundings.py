"""Role settings that would change responses and that our sessions override."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

HOSTILE: Final = {
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Tokyo",
    "array_nulls": "off",
    "bytea_output": "escape",
    "client_encoding": "SQL_ASCII",
    "default_transaction_isolation": "repeatable read",
    "extra_float_digits": "-15",
    "idle_in_transaction_session_timeout": "2s",
    "idle_session_timeout": "2s",
    "lock_timeout": "2s",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "search_path": "pg_catalog",
    "standard_conforming_strings": "off",
    "statement_timeout": "2s",
    "transaction_timeout": "2s",
    "transform_null_equals": "on",
}


def set_for(
    connection: psycopg.Connection[Any], login: str, database: str, *, but: str = ""
) -> None:
    """Sets these settings for new sessions of a login in this database, except `but`."""
    old = connection.info.server_version < 170_000
    for name, value in HOSTILE.items():
        if name != but and not (old and name == "transaction_timeout"):
            connection.execute(
                sql.SQL("alter role {} in database {} set {} = {}").format(
                    sql.Identifier(login), sql.Identifier(database), sql.Identifier(name), value
                )
            )
