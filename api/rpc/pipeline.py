"""One connection to the database, on which many statements are under way at once.

It is in libpq's pipeline mode: a statement is sent without waiting for the answer to the one before
it, so that neither side waits for the other. A Sync follows each: so each is a transaction of its
own, and fails alone. Answers arrive in the order of the statements, and the first call that is
under way is the one whose answer arrives next.
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

# Statements under way on one connection: more gain nothing, and all wait for a slow one.
_DEPTH: Final = 16
# Seconds after which a statement is a slow one, behind which no other is sent.
_SLOW: Final = 0.1

# A migration changed the table's columns while a statement waited, or what a prepared one returns;
# or a pooler's session does not know the prepared one, or knows it from somebody else. The
# statement was not carried out.
_CHANGED_COLUMNS: Final = "42804"
_CHANGED_RESULT: Final = "0A000"
_NOT_PREPARED: Final = "26000"
_ALREADY_PREPARED: Final = "42P05"
_MOST_TRIES: Final = 3
_SENT_AGAIN: Final = {_CHANGED_COLUMNS, _CHANGED_RESULT, _NOT_PREPARED, _ALREADY_PREPARED}
# Where a pooler stands between, a transaction may run in any session: it sets what it needs itself.
# The COMMIT follows the Sync, so that it ends a transaction that failed, too.
_BEGIN: Final = b"begin isolation level read committed"
_COMMIT: Final = b"commit"

_TUPLES: Final = int(pq.ExecStatus.TUPLES_OK)
_COMMAND: Final = int(pq.ExecStatus.COMMAND_OK)
_SYNC: Final = int(pq.ExecStatus.PIPELINE_SYNC)
_FAILED: Final = int(pq.ExecStatus.FATAL_ERROR)


class Call:
    """A statement and who waits for its one row."""

    __slots__ = (
        *("arrived", "began", "ending", "preparing", "row", "settling"),
        *("statement", "tries", "values"),
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
        self.settling = False  # whether settings are set before it, and that is not answered yet
        self.ending = False  # whether all is answered but the end of its transaction
        self.tries = 1

    def take(self, result: pq.abc.PGresult) -> None:
        """One of the results of what was sent for it."""
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
    """One connection. `on_change` is called when it could take more, and when it is closed."""

    def __init__(
        self,
        connection: BoundedConnection,
        on_change: Callable[[], None],
    ) -> None:
        self.calls: deque[Call] = deque()
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
            transaction_settings_sql(connection.statement_timeout).encode()
            if connection.is_pooled
            else None
        )
        self._on_change = on_change
        self._is_plain = False
        """Whether statements are not prepared: others prepare theirs in the pooler's sessions."""
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

    def send(self, call: Call) -> None:
        pgconn, name = self._pgconn, call.statement.name
        if not self.calls:
            self.since = self._loop.time()
        self.calls.append(call)
        try:
            if self._settings:  # the BEGIN first, for to prepare a statement is to look at data
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
                if result is None:  # once, it ends the results of a statement; twice, all of them
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
