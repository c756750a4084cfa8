"""The runner's connections to the database: the time limits of calls, and retries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from db.tools.connection import BoundedConnection, keep_trying, parameters
from db.tools.sessions import blames_session, transaction_settings_sql
from worker.timings import Timings

# How often to repeat a transaction that the database refused for a transient reason, such as a
# deadlock. Waiting for the end of an outage has no limit.
_TRIES: Final = 10

Result = TypeVar("Result")


class Connections:
    """A pool of connections. An async context manager; opening it does not wait.

    The server ends a statement after `timings.call` seconds, unless its transaction sets a limit.
    """

    def __init__(self, url: str, *, slots: int, timings: Timings) -> None:
        self._timings = timings
        self._settings = transaction_settings_sql(timings.call).encode()
        self._failures = deque[psycopg.Error](maxlen=1)
        self._pool: AsyncConnectionPool[BoundedConnection] = AsyncConnectionPool(
            connection_class=BoundedConnection,
            kwargs={
                **parameters(url),
                "application_name": "index_jobs runner",
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "tcp_user_timeout": round(1000 * timings.call),
                "autocommit": True,
                "prepare_threshold": None,
                "failures": self._failures,
                "statement_timeout": timings.call,
            },
            min_size=1,
            max_size=2 * slots + 1,  # two per job that stores rows, and one for everything else
            open=False,
            reconnect_timeout=2,
            reconnect_failed=keep_trying,
            name="runner",
        )

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close(timeout=self._timings.hand_back)

    @asynccontextmanager
    async def acquire(self, seconds: float | None = None) -> AsyncIterator[BoundedConnection]:
        """Yields a connection. Getting it, and each answer over it, takes at most `seconds`.

        Defaults to one second more than the server's limit for a statement, so that a statement
        that the server ends does not cost the connection. Behind a pooler, which may run each
        transaction in a different session, it is in a transaction with our session settings.
        """
        seconds = seconds or self._timings.call + 1
        async with self._pool.connection(seconds) as connection:
            connection.patience = seconds
            try:
                if connection.is_pooled:
                    async with connection.transaction():
                        await connection.execute(self._settings)
                        yield connection
                else:
                    yield connection
            except psycopg.Error as error:
                await connection.raise_if_useless(error)
                raise

    async def persist(self, call: Callable[[BoundedConnection], Awaitable[Result]]) -> Result:
        """Makes the call in a transaction. Repeats it until an outage or a deadlock is over.

        A late answer counts as an outage, so repeating a call that was executed must change
        nothing. Raises psycopg.Error.
        """
        refusals = 0
        while True:
            try:
                async with self.acquire() as connection, connection.transaction():
                    return await call(connection)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                code = error.sqlstate
                outage = code is None or code.startswith(("08", "57P")) or blames_session(error)
                refusals += not outage
                if refusals == _TRIES:
                    raise
            await asyncio.sleep(self._timings.report_every)

    def describe(self, error: psycopg.Error) -> str:
        """Returns why a call failed. The pool itself only says that it has no connection."""
        if isinstance(error, PoolTimeout) and self._failures:
            error = self._failures[-1]
        return str(error).strip()


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, psycopg.OperationalError) or blames_session(error)
