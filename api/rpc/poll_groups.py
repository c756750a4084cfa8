"""Polls of several clients in one statement.

While a few groups are being answered, the polls that arrive form the next. So groups grow with the
load, and a poll that comes alone is sent at once, as an ordinary call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from typing import Final, NamedTuple

import psycopg
from psycopg.pq.abc import PGresult

from api.rpc.pipelines import Pipelines
from api.rpc.statements import POLL_GROUP, STATEMENTS

_POLL: Final = STATEMENTS["api_get_job_status"]
# Groups follow each other on one connection, so that none meets counters that another has locked.
# With one at a time, Postgres and this process would wait for each other.
_MAX_GROUPS: Final = 4
_MAX_POLLS: Final = 32
# Seconds after which the next group no longer waits for those before it.
_MAX_WAIT: Final = 0.01


class Row(NamedTuple):
    """One row of a result."""

    result: PGresult
    number: int


class _Poll(NamedTuple):
    values: Sequence[bytes | None]
    """The arguments of api_get_job_status."""
    row: asyncio.Future[Row]


class PollGroups:
    """Groups polls, and sends them over `pipelines`.

    Polls that a group leaves unanswered may have to wait for a lock, so they go over `writers`.
    """

    def __init__(self, pipelines: Pipelines, writers: Pipelines) -> None:
        self._pipelines = pipelines
        self._writers = writers
        self._waiting: deque[_Poll] = deque()
        self._groups = 0  # that are being answered
        self._next: asyncio.Handle | None = None  # sends the waiting polls
        self._tasks: set[asyncio.Task[None]] = set()

    async def fetch(self, values: Sequence[bytes | None]) -> Row:
        """Returns the row of api_get_job_status with these arguments.

        Raises what Pipelines.fetch raises.
        """
        loop = asyncio.get_running_loop()
        poll = _Poll(values, loop.create_future())
        self._waiting.append(poll)
        self._schedule()
        return await poll.row

    def _schedule(self) -> None:
        """Has the waiting polls sent: at once, or after _MAX_WAIT if there are enough groups."""
        if self._next or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if self._groups < _MAX_GROUPS:
            self._next = loop.call_soon(self._send)
        else:
            self._next = loop.call_later(_MAX_WAIT, self._send)

    def _send(self) -> None:
        self._next = None
        polls: list[_Poll] = []
        while self._waiting and len(polls) < _MAX_POLLS:
            poll = self._waiting.popleft()
            if not poll.row.done():  # its client has left
                polls.append(poll)
        if not polls:
            return
        if len(polls) == 1:
            answering = self._answer_alone(polls[0], self._pipelines)
        else:
            answering = self._answer_group(polls)
        self._groups += 1
        self._start(answering).add_done_callback(self._end)
        self._schedule()

    def _start(self, answering: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _end(self, _: asyncio.Task[None]) -> None:
        self._groups -= 1
        if self._next:
            self._next.cancel()
            self._next = None
        self._schedule()

    async def _answer_group(self, polls: Sequence[_Poll]) -> None:
        unanswered: Sequence[_Poll] = ()
        try:
            result = await self._pipelines.fetch(POLL_GROUP, _arrays(polls), in_order=True)
            unanswered = _answer(polls, result)
        except psycopg.OperationalError as error:
            _fail(polls, error)
        except psycopg.Error:  # nothing is counted; only the poll that caused it must fail
            unanswered = polls
        except Exception as error:
            _fail(polls, error)
        for poll in unanswered:
            self._start(self._answer_alone(poll, self._writers))

    async def _answer_alone(self, poll: _Poll, pipelines: Pipelines) -> None:
        try:
            result = await pipelines.fetch(_POLL, poll.values)
        except Exception as error:
            _fail([poll], error)
        else:
            if not poll.row.done():
                poll.row.set_result(Row(result, 0))


def _answer(polls: Iterable[_Poll], result: PGresult) -> Sequence[_Poll]:
    """Gives each poll its row. Returns those whose row is null."""
    unanswered = []
    for number, poll in enumerate(polls):
        if poll.row.done():
            continue
        if result.get_value(number, 0) is None:
            unanswered.append(poll)
        else:
            poll.row.set_result(Row(result, number))
    return unanswered


def _fail(polls: Iterable[_Poll], error: Exception) -> None:
    for poll in polls:
        if not poll.row.done():
            poll.row.set_exception(error)


def _arrays(polls: Iterable[_Poll]) -> Sequence[bytes]:
    """Returns the arguments of the polls as arrays, each in Postgres's text form."""
    columns = zip(*(poll.values for poll in polls), strict=True)
    return [b"{%b}" % b",".join(map(_element, column)) for column in columns]


def _element(value: bytes | None) -> bytes:
    if value is None:
        return b"NULL"
    return b'"%b"' % value.replace(b"\\", rb"\\").replace(b'"', rb"\"")
