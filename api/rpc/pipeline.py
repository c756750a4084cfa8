"""One connection to the database that runs many statements in libpq's pipeline mode.

A statement is sent without waiting for the answer to the previous one, so neither side waits for
the other. A Sync follows each, so each is its own transaction and fails alone. Answers arrive in
the order of the statements: the next answer belongs to the first call in the queue.
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

from api.rpc.statements import Statement
from db.tools.connection import BoundedConnection
from db.tools.sessions import blames_session, transaction_settings_sql

# The most statements in flight per connection: more gain nothing, and all wait for a slow one.
_DEPTH: Final = 16
# Seconds after which a statement counts as slow. No other is sent behind it.
_SLOW: Final = 0.1
# Seconds within which a statement counts as quick.
_MOMENT: Final = 0.01

# A migration changed the table's columns while a statement waited, or the result of a prepared
# statement. Or a pooler's session lacks the prepared statement, or has it from another client. The
# statement was not executed.
_CHANGED_COLUMNS: Final = "42804"
_CHANGED_RESULT: Final = "0A000"
_NOT_PREPARED: Final = "26000"
_ALREADY_PREPARED: Final = "42P05"
_MOST_TRIES: Final = 3
_SENT_AGAIN: Final = {_CHANGED_COLUMNS, _CHANGED_RESULT, _NOT_PREPARED, _ALREADY_PREPARED}
# Behind a pooler, a transaction may run in any session, so it sets what it needs itself.
# The COMMIT follows the Sync, so that it also ends a failed transaction.
_BEGIN: Final = b"begin isolation level read committed"
_COMMIT: Final = b"commit"

_TUPLES: Final = int(pq.ExecStatus.TUPLES_OK)
_COMMAND: Final = int(pq.ExecStatus.COMMAND_OK)
_SYNC: Final = int(pq.ExecStatus.PIPELINE_SYNC)
_FAILED: Final = int(pq.ExecStatus.FATAL_ERROR)


class Call:
    """A statement, and the future of its one row."""

    __slots__ = (
        *("arrived", "began", "ending", "in_order", "preparing", "row", "settling"),
        *("statement", "tries", "values"),
    )

    def __init__(
        self,
        statement: Statement,
        values: Sequence[bytes | None],
        loop: asyncio.AbstractEventLoop,
        *,
        in_order: bool = False,
    ) -> None:
        self.in_order = in_order
        self.statement = statement
        self.values = values
        self.row: asyncio.Future[pq.abc.PGresult] = loop.create_future()
        self.arrived: pq.abc.PGresult | None = None
        self.began = loop.time()
        self.preparing = 0  # unanswered commands before the statement
        self.settling = False  # whether settings precede it, still unanswered
        self.ending = False  # whether only the end of its transaction is unanswered
        self.tries = 1

    def take(self, result: pq.abc.PGresult) -> None:
        """Takes one of the results of what was sent for it."""
        if result.status == _COMMAND:
            self.preparing -= not self.ending
        elif result.status == _TUPLES and self.settling:
            self.settling = False
        elif result.status in (_TUPLES, _FAILED) and (self.ending or self.arrived is None):
            self.arrived = result

    def fail(self, error: Exception) -> None:
        if not self.row.done():
            self.row.set_exception(error)


class Pipeline:
    """One connection. Calls `on_change` when it can take more calls and when it is closed."""

    def __init__(
        self,
        connection: BoundedConnection,
        on_change: Callable[[], None],
    ) -> None:
        self.calls: deque[Call] = deque()
        self.since = 0.0
        """When the server started the first of the calls."""
        self.closed = asyncio.Event()
        self.is_useless = False
        """Whether its session is unusable. Then it finishes its calls and takes no more."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._statement_timeout = connection.statement_timeout
        self._settings = (
            transaction_settings_sql(connection.statement_timeout).encode()
            if connection.is_pooled
            else None
        )
        self._on_change = on_change
        self._is_plain = False
        """Whether statements are not prepared: others prepare theirs in the pooler's sessions."""
        self._prepared: set[bytes] = set()
        self._stale: set[bytes] = set()  # of these, prepared for a result with other columns
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

    def is_quick(self, now: float) -> bool:
        """Whether the server is idle, or started its present statement a moment ago."""
        return not self.calls or now - self.since < _MOMENT

    def is_alive(self) -> bool:
        """Whether the server has not closed an idle connection.

        Finds a connection that a restart of the server broke, without a round trip.
        """
        if not self.calls and self._silence.poll(0):
            self._receive()
        return not self.closed.is_set()

    def send(self, call: Call) -> None:
        pgconn, name = self._pgconn, call.statement.name
        if not self.calls:
            self.since = self._loop.time()
        self.calls.append(call)
        try:
            if self._settings:  # the BEGIN first, because preparing a statement takes a snapshot
                pgconn.send_query_params(_BEGIN, None)
                pgconn.send_query_params(self._settings, None)
                call.preparing, call.settling, call.ending = 1, True, False
            if self._is_plain:
                pgconn.send_query_params(call.statement.text, call.values)
            else:
                if name not in self._prepared:
                    self._prepare(call)
                pgconn.send_query_prepared(name, call.values)
            pgconn.pipeline_sync()
            if self._settings:
                pgconn.send_query_params(_COMMIT, None)
                pgconn.pipeline_sync()
            if pgconn.flush():
                self._loop.add_writer(self._socket, self._flush)
        except psycopg.OperationalError as error:
            self.close(error)

    def _prepare(self, call: Call) -> None:
        name = call.statement.name
        if name in self._stale:
            self._stale.discard(name)
            self._pgconn.send_query_params(b'deallocate "' + name + b'"', None)
            call.preparing += 1
        self._pgconn.send_prepare(name, call.statement.text)
        call.preparing += 1
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
                if result is None:  # one None ends the results of a statement; two end all results
                    if was_none:
                        break
                    was_none = True
                    continue
                was_none = False
                if result.status == _SYNC:
                    if self._settings and self.calls and not self.calls[0].ending:
                        self.calls[0].ending = True
                        continue
                    has_answered = True
                    self._answer()
                    if self.closed.is_set():
                        return
                elif not self.calls:
                    raise error_from_result(result)
                else:
                    self.calls[0].take(result)
            if pgconn.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError("the server closed the connection")
        except psycopg.Error as error:
            self.close(error)
            return
        if has_answered:
            self._end_if_useless()
            self._on_change()

    def retire(self) -> None:
        """Has the connection replaced as soon as its calls have ended."""
        self.is_useless = True
        self._end_if_useless()

    def _end_if_useless(self) -> None:
        if self.is_useless and not self.calls:
            self.close(psycopg.OperationalError("the session is unusable"))

    def _answer(self) -> None:
        """Passes to the first call what has arrived for it."""
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
        if self._settings and error.sqlstate in (_NOT_PREPARED, _ALREADY_PREPARED):
            self._is_plain = True
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
            self.close(error)  # those behind it have waited just as long

    def close(self, error: Exception) -> None:
        """Closes the connection and fails its calls, which may or may not have been executed."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pgconn.finish()
        while self.calls:
            self.calls.popleft().fail(error)
        self._on_change()
