"""Sets up database sessions, and checks that they can write.

Answers must not depend on the settings of the database, a role or the environment, so each session
gets the settings that matter. Other state stays: a session opened while the database was read-only
remains read-only. So a session that cannot write is closed, and each new one is checked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg

SETTINGS: Final[Mapping[str, str]] = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "array_nulls": "on",
    "bytea_output": "hex",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "lock_timeout": "0",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "search_path": '"$user", public',
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}
"""The settings of every session, besides UTF-8 and its own statement_timeout."""
_SINCE_17: Final = ("transaction_timeout", "0")

_NO_RIGHT: Final = "42501"
_TERMINATED: Final = "57P01"
_READ_ONLY: Final = (
    "this session cannot write: the server is a standby, or default_transaction_read_only is on"
)
# A pooler keeps the server's session when ours ends, and gives it to the next client. A process id
# that differs from the server's gives it away. A read-only server session is then terminated.
_LOOK: Final = """
select s.is_pooled, s.is_read_only,
  case when s.is_pooled and s.is_read_only then pg_terminate_backend(pg_backend_pid()) end,
  {settings}
from (
  select pg_backend_pid() <> {process}, current_setting('transaction_read_only')::boolean
) as s (is_pooled, is_read_only)
"""


def session_settings_sql(statement_timeout: float) -> str:
    """Returns the statement that sets a session's settings. The timeout is in seconds, 0: none."""
    return f"select {_calls(statement_timeout, is_local=False)}"


def transaction_settings_sql(statement_timeout: float) -> str:
    """Returns the same for a transaction, which a pooler may run in any session.

    Does not set the isolation level, which BEGIN sets.
    """
    return f"select {_calls(statement_timeout, is_local=True)}"


def _calls(statement_timeout: float, *, is_local: bool) -> str:
    local = str(is_local).lower()
    settings = {**SETTINGS, "statement_timeout": f"{round(1000 * statement_timeout)}"}
    calls = [f"set_config('{name}', '{value}', {local})" for name, value in settings.items()]
    name, value = _SINCE_17
    return ", ".join(
        [
            *calls,
            f"case when current_setting('{name}', true) <> '{value}'"
            f" then set_config('{name}', '{value}', {local}) end",
        ]
    )


def blames_session(error: Exception) -> bool:
    """Whether the error may come from the state of its session rather than from the statement.

    The session is read-only or in a failed transaction, or its role was changed, dropped or lost
    privileges. A privilege missing inside a function is an error of the function.
    """
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return False
    if error.sqlstate == _NO_RIGHT:
        return error.diag.context is None
    return error.sqlstate.startswith("25")


async def begin_session(connection: psycopg.AsyncConnection[Any], statement_timeout: float) -> bool:
    """Sets a session's settings. Returns whether it runs through a transaction pooler.

    Raises psycopg.Error if the session cannot write or cannot be checked.
    """
    look = _LOOK.format(
        process=connection.info.backend_pid, settings=_calls(statement_timeout, is_local=False)
    )
    try:
        row: Any = await (await connection.execute(look.encode())).fetchone()
    except psycopg.OperationalError as error:
        if error.sqlstate != _TERMINATED:
            raise
        row = True, True
    is_pooled, is_read_only, *_ = row
    if is_read_only:
        raise psycopg.errors.ReadOnlySqlTransaction(_READ_ONLY)
    return bool(is_pooled)
