"""A few pipelined connections to the database, each with many statements in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from typing import Final

import psycopg
from psycopg import pq
from psycopg_pool import TooManyRequests

from api.rpc.contract import PoolUse
from api.rpc.pipeline import Call, Pipeline
from api.rpc.pool import PATIENCE, PATIENCE_IN_AN_OUTAGE
from api.rpc.statements import Statement
from api.settings import ApiSettings
from db.tools.connection import BoundedConnection, refusal_or
from db.tools.logs import get_logger
from db.tools.ongoing_problem import OngoingProblem

logger = get_logger(__name__)

# Seconds from a failed connection attempt to the next one.
_NEXT_TRY: Final = 0.8
_TICK: Final = 0.1


class Pipelines:
    """The connections, and the queue in front of them.

    Starts with `size_at_start` connections, and adds one, up to `size`, whenever a call finds all
    of them busy. Replaces a broken connection at once, and retries until that succeeds.
    """

    def __init__(
        self, conninfo: str, settings: ApiSettings, *, size: int, size_at_start: int
    ) -> None:
        self._conninfo = conninfo
        self._size = size
        self._size_at_start = size_at_start
        self._statement_timeout = settings.statement_timeout_seconds
        self._deadline = PATIENCE + 2 * self._statement_timeout + 1
        self._max_waiting = settings.max_connections
        self._patience = PATIENCE
        self._failure: psycopg.Error | None = None  # of the last attempt to connect
        self._open: list[Pipeline] = []
        self._waiting: deque[Call] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._outage = OngoingProblem(logger, "no connection, trying again", "connected again")

    @property
    def failure(self) -> psycopg.Error | None:
        """Returns why there is no connection although one is needed."""
        return None if self._open else self._failure

    def renew(self) -> None:
        """Replaces all connections."""
        for pipeline in list(self._open):
            pipeline.retire()

    def open(self) -> None:
        """Starts connecting. Does not wait."""
        self._loop = asyncio.get_running_loop()
        for _ in range(self._size_at_start):
            self._add()

    async def close(self) -> None:
        """Closes all connections. Waiting calls get an OperationalError."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if self._timer:
            self._timer.cancel()
        while self._waiting:
            self._waiting.popleft().fail(psycopg.OperationalError("the API is shutting down"))

    def use(self, name: str) -> PoolUse:
        """Returns the use of the connections, under this name."""
        busy = sum(bool(pipeline.calls) for pipeline in self._open)
        return PoolUse(name, busy, len(self._open) - busy, len(self._waiting))

    async def fetch(
        self, statement: Statement, values: Sequence[bytes | None], *, in_order: bool = False
    ) -> pq.abc.PGresult:
        """Returns the result of a statement.

        Calls with `in_order` share one connection, unless a statement on it takes long.

        Raises psycopg.Error for errors of the server or a broken connection, TimeoutError if there
        is no answer, and TooManyRequests if other calls held all connections for as long as a
        statement may take, or too many calls wait. Without a connection, raises the reason.
        """
        call = Call(statement, values, self._loop, in_order=in_order)
        if len(self._keepers) < self._size and all(pipeline.calls for pipeline in self._open):
            self._add()
        if self._waiting or not self._send(call):
            if len(self._waiting) >= self._max_waiting:
                raise TooManyRequests("too many calls are waiting for a connection")
            self._waiting.append(call)
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK, self._tick)
        return await call.row

    def _add(self) -> None:
        # its log lines must not have the id of the request that happens to start it
        self._keepers.append(self._loop.create_task(self._keep(), context=Context()))

    def _send(self, call: Call) -> bool:
        """Sends the call on the least busy connection. Returns whether one could take it.

        Calls that are in order share a connection, unless it has been busy with one for too long.
        """
        now = self._loop.time()
        while free := [pipeline for pipeline in self._open if pipeline.takes_more(now)]:
            quick = (
                [pipeline for pipeline in free if pipeline.is_quick(now)] if call.in_order else []
            )
            pipeline = quick[0] if quick else min(free, key=_load)
            if pipeline.is_alive():
                pipeline.send(call)
                return True
        return False

    def _send_on(self) -> None:
        """Sends waiting calls while the connections can take them."""
        self._open = [pipeline for pipeline in self._open if not pipeline.closed.is_set()]
        while self._waiting:
            call = self._waiting.popleft()
            if not call.row.done() and not self._send(call):
                self._waiting.appendleft(call)
                return

    async def _keep(self) -> None:
        """Keeps one connection open, and replaces it when it breaks."""
        while True:
            try:
                connection = await BoundedConnection.connect(
                    self._conninfo, autocommit=True, statement_timeout=self._statement_timeout
                )
            except psycopg.Error as error:
                self._failure = refusal_or(error)
                self._outage.report(str(error).strip())
                await asyncio.sleep(_NEXT_TRY)
                continue
            self._outage.resolve()
            pipeline = Pipeline(connection, self._send_on)
            self._failure, self._patience = None, PATIENCE
            self._open.append(pipeline)
            self._send_on()
            try:
                await pipeline.closed.wait()
            finally:
                pipeline.close(psycopg.OperationalError("the API is shutting down"))
            if pipeline.is_useless:
                await asyncio.sleep(_NEXT_TRY)

    def _tick(self) -> None:
        """Fails calls that have waited too long. Runs while any call is waiting or in flight."""
        now = self._loop.time()
        for pipeline in list(self._open):
            calls = pipeline.calls
            if calls and (
                now - pipeline.since > self._statement_timeout + 1
                or now - min(call.began for call in calls) > self._deadline
            ):
                pipeline.close(TimeoutError("no answer from the database"))
        outage = self.failure
        patience = self._patience if outage else self._statement_timeout
        while self._waiting and now - self._waiting[0].began > patience:
            error: Exception
            if outage:
                error = type(outage)(*outage.args)  # one per caller, for its traceback
                self._patience = PATIENCE_IN_AN_OUTAGE
            else:
                error = TooManyRequests("every connection is busy or broken")
            self._waiting.popleft().fail(error)
        is_at_work = self._waiting or any(pipeline.calls for pipeline in self._open)
        self._timer = self._loop.call_later(_TICK, self._tick) if is_at_work else None


def _load(pipeline: Pipeline) -> int:
    return len(pipeline.calls)
