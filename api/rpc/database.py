"""Calls the api_* functions with a database login: one statement per request."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGresult

from api.errors import Problem, from_database
from api.rest.call_limiter import CallLimiter
from api.rpc.contract import Answer, Called, Function, PoolUse, Schema
from api.rpc.pipelines import Pipelines
from api.rpc.poll_groups import PollGroups
from api.rpc.pool import Pool
from api.rpc.statements import CALL_FUNCTION, SCHEMA_VERSION, STATEMENTS
from api.settings import ApiSettings
from db.tools.connection import parameters
from db.tools.logs import get_logger

logger = get_logger(__name__)

_CONNECT_SECONDS: Final = 2
# Functions that wait for the disk or for locks, or read much. Commits of several sessions share one
# write to the disk. They have their own connections, so that no poll waits behind them.
_SLOW: Final = frozenset[Function](
    {
        "api_admin_change_index_job",
        "api_admin_get_job_status",
        "api_admin_list_index_jobs",
        "api_cancel_index_job",
        "api_create_index_job",
        "api_set_repository_url",
        "api_job_load",
        "api_job_metrics",
        "api_status",
    }
)


class DatabaseRpc:
    """The connections and the calls over them. An async context manager; opening it does not wait.

    With DATABASE_PREPARED_STATEMENTS all calls are prepared and pipelined, and polls are grouped,
    except calls of users' own functions, which may take long and have their own pool. Without it,
    the pool serves all.

    Raises Problem 503 if the database cannot be reached or is too busy, and reconnects within about
    a second after the database is back. Raises other errors, which are bugs, as they are.
    """

    def __init__(self, url: str, settings: ApiSettings) -> None:
        self._statement_timeout = settings.statement_timeout_seconds
        size, half = settings.database_pool_size, max(1, settings.database_pool_size // 2)
        conninfo = _conninfo(url)
        is_prepared = settings.database_prepared_statements
        self.quota_refusals = 0
        self._call_limiter = CallLimiter(half)
        self._pool = Pool(
            conninfo,
            min_size=0 if is_prepared else size,
            max_size=half if is_prepared else size,
            statement_timeout=self._statement_timeout,
        )
        self._pipelines = self._writers = self._polls = None
        if is_prepared:
            self._pipelines = Pipelines(conninfo, settings, size=size, size_at_start=size)
            self._writers = Pipelines(conninfo, settings, size=2 * size, size_at_start=0)
            self._polls = PollGroups(self._pipelines, self._writers)

    async def __aenter__(self) -> Self:
        await self._pool.open()
        for pipelines in (self._pipelines, self._writers):
            if pipelines:
                pipelines.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close()
        for pipelines in (self._pipelines, self._writers):
            if pipelines:
                await pipelines.close()

    async def call(self, function: Function, **arguments: str | int | None) -> Answer:
        """The one row that an api_* function returns; `arguments` are all of its arguments."""
        statement = STATEMENTS[function]
        values = [arguments[name] for name in statement.arguments]
        try:
            pipelines = self._writers if function in _SLOW else self._pipelines
            if self._polls and function == "api_get_job_status":
                answer = _answer(*await self._polls.fetch([_as_text(value) for value in values]))
            elif pipelines:
                row = await pipelines.fetch(statement, [_as_text(value) for value in values])
                answer = _answer(row)
            else:
                answer = Answer(*await self._pool.fetch(statement, values))
        except (psycopg.Error, TimeoutError) as error:
            raise _problem(error) from error
        if answer.verdict == "PT429":
            self.quota_refusals += 1
        return answer

    async def call_function(
        self,
        *,
        p_claims: str | None,
        p_function: str,
        p_arguments: str,
        p_read_only: bool,
        p_query: str,
    ) -> Called:
        """Calls a function that users can execute, through api_call_function.

        It costs no quota. So each user has one call at a time, and all users half of the pool.

        Raises psycopg.Error for errors of the function, and what the class raises.
        """
        values = (p_claims, p_function, p_arguments, p_read_only, p_query)
        try:
            async with self._call_limiter.acquire(p_claims or "", self._statement_timeout):
                return Called(*await self._pool.fetch(CALL_FUNCTION, values))
        except psycopg.Error as error:
            if error.diag.context is not None:  # raised inside the function
                raise
            raise _problem(error) from error
        except TimeoutError as error:
            raise _problem(error) from error

    async def schema(self) -> Schema:
        """Returns the version of the database's schema.

        Replaces sessions that cannot write. Raises Problem if no session can write.
        """
        try:
            if not self._pipelines or not self._writers:
                schema = Schema(*await self._pool.fetch(SCHEMA_VERSION, ()))
                if not schema.is_writable:
                    await self._pool.renew()
                return schema
            row = await self._pipelines.fetch(SCHEMA_VERSION, ())
            if self._writers.failure:
                raise self._writers.failure
        except (psycopg.Error, TimeoutError) as error:
            raise _problem(error) from error
        schema = Schema(_text(row, 0, 0), _text(row, 0, 1), row.get_value(0, 2) == b"t")
        if not schema.is_writable:
            self._pipelines.renew()
        return schema

    def pools(self) -> Sequence[PoolUse]:
        """Returns the use of the connections for reads, for writes and for users' own functions."""
        named = (("reads", self._pipelines), ("writes", self._writers), ("functions", self._pool))
        return [pool.use(name) for name, pool in named if pool]


def _as_text(value: str | int | None) -> bytes | None:
    """Returns Postgres's text form. Raises psycopg.DataError for a NUL, which would cut it off."""
    if value is None:
        return None
    text = str(value).encode()
    if b"\0" in text:
        raise psycopg.DataError("a text for the database contains a NUL")
    return text


def _text(result: PGresult, row: int, column: int) -> str | None:
    value = result.get_value(row, column)
    return None if value is None else value.decode()


def _number(result: PGresult, row: int, column: int) -> int | None:
    value = result.get_value(row, column)
    return None if value is None else int(value)


def _answer(result: PGresult, row: int = 0) -> Answer:
    return Answer(
        verdict=_text(result, row, 0) or "",
        code=_text(result, row, 1),
        message=_text(result, row, 2),
        hint=_text(result, row, 3),
        field=_text(result, row, 4),
        body=_text(result, row, 5),
        job_id=_text(result, row, 6),
        job_status=_text(result, row, 7),
        job_version=_number(result, row, 8),
        rate_limit=_number(result, row, 9),
        rate_remaining=_number(result, row, 10),
        rate_reset=_number(result, row, 11),
        next_cursor=_text(result, row, 12),
        job_age=_number(result, row, 13),
        user_id=_text(result, row, 14),
    )


def _problem(error: psycopg.Error | TimeoutError) -> Problem:
    """Logs a failed statement and returns the answer to it. Raises the error if it is a bug."""
    problem = from_database(error)
    if problem.status == 500:
        raise error
    reason = str(error).partition("\n")[0]
    logger.warning("call failed", status=problem.status, kind=type(error).__name__, error=reason)
    return problem


def _conninfo(url: str) -> str:
    given = parameters(url, _CONNECT_SECONDS) | {
        "application_name": "index-jobs-api",
        "keepalives_idle": 30,
        "tcp_user_timeout": 10_000,
    }
    return make_conninfo(**given)
