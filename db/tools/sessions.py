"""Whether a session of the database can do its work.

A session keeps the state that it began with: one that was opened while the database was read-only
stays read-only after that is over. So a session that says it cannot write is ended, and the next
one is looked at before it gets work.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg

_NO_RIGHT: Final = "42501"
_TERMINATED: Final = "57P01"
_READ_ONLY: Final = (
    "this session cannot write: the server is a standby, or default_transaction_read_only is on"
)
# A pooler keeps the server's session when ours ends, and gives it to the next who comes. It is
# told by the number of the process, which is not what the server says; then that one is ended.
_LOOK: Final = """
select s.is_read_only, case when s.is_read_only and pg_backend_pid() <> {process}
  then pg_terminate_backend(pg_backend_pid()) end
from (select current_setting('transaction_read_only')::boolean) as s (is_read_only)
"""


def blames_session(error: Exception) -> bool:
    """Whether the error may come from the state of its session, whatever the statement was.

    It is read-only or in a transaction that failed, or its role was changed, dropped or deprived
    of its rights. A right that is missing inside of a function is the function's affair.
    """
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return False
    if error.sqlstate == _NO_RIGHT:
        return error.diag.context is None
    return error.sqlstate.startswith("25")


async def require_writable(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raises psycopg.Error when the session cannot write, or cannot say."""
    try:
        cursor = await connection.execute(
            _LOOK.format(process=connection.info.backend_pid).encode()
        )
        row = await cursor.fetchone()
    except psycopg.OperationalError as error:
        if error.sqlstate != _TERMINATED:
            raise
        row = True, True
    if not isinstance(row, tuple) or row[0]:
        raise psycopg.errors.ReadOnlySqlTransaction(_READ_ONLY)
