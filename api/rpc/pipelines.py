"""A few connections to the database, on each of which many statements are under way at once.

They are in libpq's pipeline mode: a statement is sent without waiting for the answer to the one
before it, so that neither side waits for the other. A Sync follows each: so each is a transaction
of its own, and fails alone. Answers arrive in the order of the statements, and the first call that
is under way on a connection is the one whose answer arrives next.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result
from psycopg_pool import TooManyRequests

from api.rpc.contract import PoolUse
from api.rpc.pool import PATIENCE, PATIENCE_IN_AN_OUTAGE
from api.rpc.statements import Statement
from api.settings import ApiSettings
from db.tools.connection import BoundedConnection, refusal_or
from db.tools.lasting import Trouble
from db.tools.logs import get_logger
from db.tools.sessions import blames_session, settle_transaction

logger = get_logger(__name__)

# Statements under way on one connection: more gain nothing, and all wait for a slow one.
_DEPTH: Final = 16
# Seconds after which a statement is a slow one, behind which no other is sent.
_SLOW: Final = 0.1
# Seconds from a connection that could not be made to the next try.
_NEXT_TRY: Final = 0.8
_TICK: Final = 0.1

# A migration changed the table's columns while a statement waited, or what a prepared one returns;
# or a pooler's session does not know the prepared one, or knows it from somebody else. The
# statement was not carried out.
_CHANGED_COLUMNS: Final = "42804"
_CHANGED_RESULT: Final = "0A000"
_NOT_PREPARED: Final = "26000"
_ALREADY_PREPARED: Final = "42P05"
# Or a session had another isolation level than it has now.
_NOT_SERIALIZABLE: Final = "40001"
_MOST_TRIES: Final = 3
_SENT_AGAIN: Final = {
    *(_CHANGED_COLUMNS, _CHANGED_RESULT),
    *(_NOT_PREPARED, _ALREADY_PREPARED, _NOT_SERIALIZABLE),
}

_TUPLES: Final = int(pq.ExecStatus.TUPLES_OK)
_COMMAND: Final = int(pq.ExecStatus.COMMAND_OK)
_SYNC: Final = int(pq.ExecStatus.PIPELINE_SYNC)
_FAILED: Final = int(pq.ExecStatus.FATAL_ERROR)


class _Call:
    """A statement and who waits for its one row."""

    __slots__ = (
        *("arrived", "began", "preparing", "row", "settling", "statement", "tries", "values"),
    )

    def __init__(
        self, statement: Statement, values: Sequence[bytes | None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.statement = statement
        self.values = values
        self.row: asyncio.Future[pq.abc.PGresult] = loop.create_future()
        self.arrived: pq.abc.PGresult | None = None
        self.began = loop.time()
        self.preparing = 0  # commands before the statement that are not answered yet
        self.settling = False  # whether its settings are set before it, and not answered yet
        self.tries = 1

    def fail(self, error: Exception) -> None:
        if not self.row.done():
            self.row.set_exception(error)


class _Pipeline:
    """One connection. `on_change` is called when it could take more, and when it is closed."""

    def __init__(
        self,
        connection: BoundedConnection,
        on_change: Callable[[], None],
    ) -> None:
        self.calls: deque[_Call] = deque()
        self.since = 0.0
        """When the server began with the first of the calls."""
        self.closed = asyncio.Event()
        self.is_useless = False
        """Whether its session cannot do its work: it ends what is under way, and takes no more."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._statement_timeout = connection.statement_timeout
        self._settings = (
            settle_transaction(connection.statement_timeout).encode()
            if connection.is_pooled
            else None
        )
        self._on_change = on_change
        self._prepared: set[bytes] = set()
        self._stale: set[bytes] = set()  # of these: prepared for a result of other columns
        self._socket = self._pgconn.socket
        self._silence = select.poll()
        self._silence.register(self._socket, select.POLLIN)
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._receive)

    def takes_more(self, now: float) -> bool:
        calls = self.calls
        if self.is_useless:
            return False
        return not calls or (len(calls) < _DEPTH and now - self.since < _SLOW)

    def is_alive(self) -> bool:
        """Whether the server has said no farewell to an idle connection.

        So a connection that a restart of the server broke is found without a round trip.
        """
        if not self.calls and self._silence.poll(0):
            self._receive()
        return not self.closed.is_set()

    def send(self, call: _Call) -> None:
        pgconn, name = self._pgconn, call.statement.name
        if not self.calls:
            self.since = self._loop.time()
        self.calls.append(call)
        try:
            if name not in self._prepared:
                self._prepare(call)
            if self._settings:  # in the same transaction, for the pooler may change sessions
                pgconn.send_query_params(self._settings, None)
                call.settling = True
            pgconn.send_query_prepared(name, call.values)
            pgconn.pipeline_sync()
            if pgconn.flush():
                self._loop.add_writer(self._socket, self._flush)
        except psycopg.OperationalError as error:
            self.close(error)

    def _prepare(self, call: _Call) -> None:
        name = call.statement.name
        call.preparing = 1
        if name in self._stale:
            self._stale.discard(name)
            self._pgconn.send_query_params(b'deallocate "' + name + b'"', None)
            call.preparing = 2
        self._pgconn.send_prepare(name, call.statement.text)
        self._prepared.add(name)

    def _flush(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as error:
            self.close(error)

    def _receive(self) -> None:
        pgconn = self._pgconn
        has_answered = was_none = False
        try:
            pgconn.consume_input()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # once, it ends the results of a statement; twice, all of them
                    if was_none:
                        break
                    was_none = True
                    continue
                was_none = False
                if result.status == _SYNC:
                    has_answered = True
                    self._answer()
                    if self.closed.is_set():
                        return
                elif not self.calls:
                    raise error_from_result(result)
                elif result.status == _COMMAND:
                    self.calls[0].preparing -= 1
                elif result.status == _TUPLES and self.calls[0].settling:
                    self.calls[0].settling = False
                elif result.status in (_TUPLES, _FAILED):
                    self.calls[0].arrived = self.calls[0].arrived or result
            if pgconn.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError("the server closed the connection")
        except psycopg.Error as error:
            self.close(error)
            return
        if has_answered:
            self._end_if_useless()
            self._on_change()

    def retire(self) -> None:
        """Has the connection replaced, as soon as what is under way has ended."""
        self.is_useless = True
        self._end_if_useless()

    def _end_if_useless(self) -> None:
        if self.is_useless and not self.calls:
            self.close(psycopg.OperationalError("the session is of no use"))

    def _answer(self) -> None:
        """Gives the first call what has arrived for it."""
        call = self.calls.popleft()
        now, since = self._loop.time(), self.since
        self.since = now
        result = call.arrived
        if result is not None and result.status == _TUPLES:
            if not call.row.done():  # its client has left
                call.row.set_result(result)
            return
        error = (
            error_from_result(result, "utf-8")
            if result is not None
            else psycopg.InternalError("a statement without an answer")
        )
        name = call.statement.name
        if error.sqlstate == _NOT_PREPARED or (
            call.preparing and error.sqlstate != _ALREADY_PREPARED
        ):
            self._prepared.discard(name)
        elif error.sqlstate == _CHANGED_RESULT:
            self._prepared.discard(name)
            self._stale.add(name)
        if error.sqlstate in _SENT_AGAIN and call.tries < _MOST_TRIES:
            call.tries, call.preparing, call.arrived = call.tries + 1, 0, None
            self.send(call)
            return
        call.fail(error)
        self.is_useless = self.is_useless or blames_session(error)
        took_all_its_time = now - since >= self._statement_timeout * 0.9
        if self.calls and isinstance(error, psycopg.errors.QueryCanceled) and took_all_its_time:
            self.close(error)  # those behind it have waited as long

    def close(self, error: Exception) -> None:
        """Ends the connection, and fails what is under way: it may have been carried out or not."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pgconn.finish()
        while self.calls:
            self.calls.popleft().fail(error)
        self._on_change()


class Pipelines:
    """The connections, and the queue before them.

    Has `size_at_start` connections at first, and one more, up to `size`, whenever a call finds all
    of them at work. Makes each anew when it broke, without end: at once, then again and again.
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
        self._failure: psycopg.Error | None = None  # of the last try to connect
        self._open: list[_Pipeline] = []
        self._waiting: deque[_Call] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._outage = Trouble(logger, "no connection, trying again", "connected again")

    @property
    def failure(self) -> psycopg.Error | None:
        """Why there is no connection, where one is wanted."""
        return None if self._open else self._failure

    def renew(self) -> None:
        """Replaces the connections by others."""
        for pipeline in list(self._open):
            pipeline.retire()

    def open(self) -> None:
        """Begins to connect; waits for nothing."""
        self._loop = asyncio.get_running_loop()
        for _ in range(self._size_at_start):
            self._add()

    async def close(self) -> None:
        """Ends all connections; whoever still waits gets an OperationalError."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if self._timer:
            self._timer.cancel()
        while self._waiting:
            self._waiting.popleft().fail(psycopg.OperationalError("the API is shutting down"))

    def use(self, name: str) -> PoolUse:
        """What the connections do, under that name."""
        busy = sum(bool(pipeline.calls) for pipeline in self._open)
        return PoolUse(name, busy, len(self._open) - busy, len(self._waiting))

    async def fetch(self, statement: Statement, values: Sequence[bytes | None]) -> pq.abc.PGresult:
        """The result of a statement: one row.

        Raises: psycopg.Error for what the server says or when the connection breaks; TimeoutError
        when it says nothing; TooManyRequests when others had all connections as long as a statement
        may take, or too many wait; why there is no connection, when there is none.
        """
        call = _Call(statement, values, self._loop)
        if len(self._keepers) < self._size and all(pipeline.calls for pipeline in self._open):
            self._add()
        if self._waiting or not self._send(call):
            if len(self._waiting) >= self._max_waiting:
                raise TooManyRequests("too many calls wait for a connection")
            self._waiting.append(call)
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK, self._tick)
        return await call.row

    def _add(self) -> None:
        self._keepers.append(self._loop.create_task(self._keep()))

    def _send(self, call: _Call) -> bool:
        """Whether some connection, of those the one with the least to do, has taken the call."""
        now = self._loop.time()
        while free := [pipeline for pipeline in self._open if pipeline.takes_more(now)]:
            pipeline = min(free, key=_load)
            if pipeline.is_alive():
                pipeline.send(call)
                return True
        return False

    def _send_on(self) -> None:
        """Sends what waits, as far as the connections take it."""
        self._open = [pipeline for pipeline in self._open if not pipeline.closed.is_set()]
        while self._waiting:
            call = self._waiting.popleft()
            if not call.row.done() and not self._send(call):
                self._waiting.appendleft(call)
                return

    async def _keep(self) -> None:
        """One connection, time after time."""
        while True:
            try:
                connection = await BoundedConnection.connect(
                    self._conninfo, autocommit=True, statement_timeout=self._statement_timeout
                )
            except psycopg.Error as error:
                self._failure = refusal_or(error)
                self._outage.lasts(str(error).strip())
                await asyncio.sleep(_NEXT_TRY)
                continue
            self._outage.is_over()
            pipeline = _Pipeline(connection, self._send_on)
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
        """Fails what has waited for too long, as long as anything waits or is under way."""
        now = self._loop.time()
        for pipeline in list(self._open):
            calls = pipeline.calls
            if calls and (
                now - pipeline.since > self._statement_timeout + 1
                or now - min(call.began for call in calls) > self._deadline
            ):
                pipeline.close(TimeoutError("no answer of the database"))
        outage = self.failure
        patience = self._patience if outage else self._statement_timeout
        while self._waiting and now - self._waiting[0].began > patience:
            error: Exception
            if outage:
                error = type(outage)(*outage.args)  # each caller's own, for its traceback
                self._patience = PATIENCE_IN_AN_OUTAGE
            else:
                error = TooManyRequests("every connection is at work, or made anew")
            self._waiting.popleft().fail(error)
        is_at_work = self._waiting or any(pipeline.calls for pipeline in self._open)
        self._timer = self._loop.call_later(_TICK, self._tick) if is_at_work else None


def _load(pipeline: _Pipeline) -> int:
    return len(pipeline.calls)
