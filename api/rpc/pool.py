"""A pool of connections. Each runs one plain statement at a time, in autocommit mode."""

from __future__ import annotations

import select
from asyncio import timeout
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.rpc.contract import PoolUse
from api.rpc.statements import Statement
from db.tools.connection import BoundedConnection, keep_trying
from db.tools.sessions import transaction_settings_sql

PATIENCE: Final = 2.0
"""Seconds that a call waits if there is no connection."""
PATIENCE_IN_AN_OUTAGE: Final = 0.2
"""The same after a call has waited in vain."""
# Seconds of one round of reconnecting: attempts at once, after a second and at the end.
_RECONNECT_ROUND: Final = 2.0

Values = Sequence[str | int | None]


class Pool:
    """A pool of `min_size` to `max_size` connections that reconnects by itself."""

    def __init__(
        self, conninfo: str, *, min_size: int, max_size: int, statement_timeout: float
    ) -> None:
        self._patience = PATIENCE
        self._deadline = PATIENCE + 2 * statement_timeout + 1
        self._statement_timeout = statement_timeout
        self._at_work = 0  # connections that are running a statement
        self._alive_at = 0.0  # when a statement last finished
        self._settings = transaction_settings_sql(statement_timeout).encode()
        self._failures = deque[psycopg.Error](maxlen=1)
        self._pool: AsyncConnectionPool[BoundedConnection] = AsyncConnectionPool(
            conninfo,
            connection_class=BoundedConnection,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "cursor_factory": psycopg.AsyncRawCursor,
                "failures": self._failures,
                "statement_timeout": statement_timeout,
            },
            min_size=min_size,
            max_size=max_size,
            open=False,
            name="api",
            reconnect_timeout=_RECONNECT_ROUND,
            reconnect_failed=keep_trying,
        )

    async def open(self) -> None:
        """Starts connecting. Does not wait."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    def use(self, name: str) -> PoolUse:
        """Returns the use of the connections, under this name."""
        found = self._pool.get_stats()
        idle = found["pool_available"]
        return PoolUse(name, found["pool_size"] - idle, idle, found["requests_waiting"])

    async def renew(self) -> None:
        """Replaces all sessions."""
        await self._pool.drain()

    async def fetch(self, statement: Statement, values: Values) -> TupleRow:
        """Returns the one row of a statement.

        Repeats a statement that waited while a migration changed its table's columns. It failed and
        was rolled back, because its plan was made for the old columns.

        Raises psycopg.Error, TimeoutError, TooManyRequests if other calls held all connections for
        as long as a statement may take, or PoolTimeout if there was none.
        """
        sent_again = False
        async with timeout(self._deadline):
            while True:
                began, busy = monotonic(), self._at_work > 0
                try:
                    async with self._pool.connection(
                        self._statement_timeout if busy else self._patience
                    ) as connection:
                        if _hung_up(connection):
                            await connection.close()
                            continue
                        self._patience = PATIENCE
                        return await self._execute(connection, statement, values)
                except psycopg.errors.DatatypeMismatch:
                    if sent_again:
                        raise
                    sent_again = True
                except PoolTimeout as error:
                    if not self._at_work and self._alive_at < began:
                        self._patience = PATIENCE_IN_AN_OUTAGE
                        raise (self._failures[-1] if self._failures else error) from error
                    if busy:
                        raise TooManyRequests("every connection is busy") from error

    async def _execute(
        self, connection: BoundedConnection, statement: Statement, values: Values
    ) -> TupleRow:
        self._at_work += 1
        connection.patience = self._statement_timeout + 1
        try:
            if not connection.is_pooled:
                return await _row(connection, statement, values)
            async with connection.transaction():
                await connection.execute(self._settings)
                return await _row(connection, statement, values)
        except psycopg.Error as error:
            await connection.raise_if_useless(error)
            raise
        finally:
            self._at_work -= 1
            if not connection.closed:
                self._alive_at = monotonic()


async def _row(connection: BoundedConnection, statement: Statement, values: Values) -> TupleRow:
    row = await (await connection.execute(statement.text, values)).fetchone()
    assert row is not None  # noqa: S101  (a function call returns one row)
    return row


def _hung_up(connection: psycopg.AsyncConnection[TupleRow]) -> bool:
    """Whether the server has closed an idle connection.

    Finds a connection that a restart of the server broke, without a round trip.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))
