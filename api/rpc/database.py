"""Calls of the api_* functions by a login of the database: the only SQL text of the HTTP layer.

A request is one autocommit statement on a pooled connection, one round trip. Nothing
else is ever sent: what other pools do by statements (checks, resets, settings) is done here by the
start-up packet and by looking at the socket.
"""

from __future__ import annotations

import select
from asyncio import timeout
from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from api.errors import Problem, from_database
from api.rest.turns import Turns
from api.rpc.contract import Answer, Called, Function, Schema
from api.settings import ApiSettings
from db.tools.connection import BoundedConnection, keep_trying
from db.tools.logs import get_logger

logger = get_logger(__name__)

_ANSWER: Final = b"""
select a.verdict, a.code, a.message, a.hint, a.field, a.body, a.job_id, a.job_status,
  a.job_version, a.rate_limit, a.rate_remaining, a.rate_reset, a.next_cursor
from public."""
_STATEMENTS: Final[Mapping[Function, bytes]] = {
    "api_admin_get_job_status": _ANSWER
    + b"""api_admin_get_job_status(
  p_claims => %(p_claims)s, p_job_id => %(p_job_id)s, p_reason => %(p_reason)s) as a""",
    "api_cancel_index_job": _ANSWER
    + b"""api_cancel_index_job(
  p_api_key => %(p_api_key)s, p_claims => %(p_claims)s, p_job_id => %(p_job_id)s) as a""",
    "api_count_request": _ANSWER
    + b"""api_count_request(p_api_key => %(p_api_key)s, p_claims => %(p_claims)s) as a""",
    "api_create_index_job": _ANSWER
    + b"""api_create_index_job(
  p_api_key => %(p_api_key)s, p_claims => %(p_claims)s, p_repository => %(p_repository)s,
  p_organization => %(p_organization)s, p_ref => %(p_ref)s, p_commit_sha => %(p_commit_sha)s,
  p_idempotency_key => %(p_idempotency_key)s, p_git_base_url => %(p_git_base_url)s,
  p_local_url => %(p_local_url)s, p_tracking_percent => %(p_tracking_percent)s) as a""",
    "api_get_job_history": _ANSWER
    + b"""api_get_job_history(
  p_api_key => %(p_api_key)s, p_claims => %(p_claims)s, p_job_id => %(p_job_id)s) as a""",
    "api_get_job_status": _ANSWER
    + b"""api_get_job_status(
  p_api_key => %(p_api_key)s, p_claims => %(p_claims)s, p_job_id => %(p_job_id)s) as a""",
    "api_list_index_jobs": _ANSWER
    + b"""api_list_index_jobs(
  p_api_key => %(p_api_key)s, p_claims => %(p_claims)s, p_organization => %(p_organization)s,
  p_repository => %(p_repository)s, p_status => %(p_status)s, p_since => %(p_since)s,
  p_cursor => %(p_cursor)s, p_limit => %(p_limit)s) as a""",
}
_CALL_FUNCTION: Final = b"""
select c.body, c.row_count, c.total, c.is_void
from public.api_call_function(
  p_claims => %(p_claims)s, p_function => %(p_function)s, p_arguments => %(p_arguments)s,
  p_read_only => %(p_read_only)s, p_query => %(p_query)s) as c"""
_SCHEMA_VERSION: Final = b"""
select v.version, v.serves, v.is_writable from public.api_schema_version() as v"""

# Seconds that a request waits while the pool has no connection; less once one waited in vain.
_POOL_TIMEOUT: Final = 2.0
_POOL_TIMEOUT_IN_AN_OUTAGE: Final = 0.2
# Seconds of one round of reconnecting: a try at once, after a second, at the end; then the next.
_RECONNECT_ROUND: Final = 2.0


class DatabaseRpc:
    """The pool, and the calls over it. An async context manager; opening it waits for nothing.

    Raises: Problem 503 when the database cannot be reached or is too busy (it reconnects by
    itself, within about a second of the database being back); 500 for errors that are bugs.
    """

    def __init__(self, url: str, settings: ApiSettings) -> None:
        self._patience = _POOL_TIMEOUT
        self._deadline = _POOL_TIMEOUT + 2 * settings.statement_timeout_seconds + 1
        self._statement_timeout = settings.statement_timeout_seconds
        self._at_work = 0  # connections on which a statement runs
        self._alive_at = 0.0  # when one of them had run its statement
        self._turns = Turns(max(1, settings.database_pool_size // 2))
        self._pool: AsyncConnectionPool[BoundedConnection] = AsyncConnectionPool(
            _conninfo(url, settings.statement_timeout_seconds),
            connection_class=BoundedConnection,
            # to prepare a statement is a round trip, and behind a transaction pooler an error
            kwargs={"autocommit": True, "prepare_threshold": None},
            min_size=settings.database_pool_size,
            open=False,
            name="api",
            reconnect_timeout=_RECONNECT_ROUND,
            reconnect_failed=keep_trying,
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
        await self._pool.close()

    async def call(self, function: Function, **arguments: str | int | None) -> Answer:
        """The one row that an api_* function returns; `arguments` are all of its arguments."""
        return Answer(*await self._row(_STATEMENTS[function], arguments))

    async def call_function(
        self,
        *,
        p_claims: str | None,
        p_function: str,
        p_arguments: str,
        p_read_only: bool,
        p_query: str,
    ) -> Called:
        """A function that users may execute; the last two arguments are of api_call_function.

        No quota counts it, so a user has one call at a time, and all have half of the pool.

        Raises: psycopg.Error for what the function raises, and as the class says.
        """
        arguments = {
            "p_claims": p_claims,
            "p_function": p_function,
            "p_arguments": p_arguments,
            "p_read_only": p_read_only,
            "p_query": p_query,
        }
        try:
            async with self._turns.of(p_claims or "", self._statement_timeout):
                return Called(*await self._fetch(_CALL_FUNCTION, arguments))
        except psycopg.Error as error:
            if error.diag.context is not None:  # it comes from inside of the function
                raise
            raise _problem(error) from error
        except TimeoutError as error:
            raise _problem(error) from error

    async def schema(self) -> Schema:
        """What the database says of its schema."""
        return Schema(*await self._row(_SCHEMA_VERSION, {}))

    async def _row(self, statement: bytes, arguments: Mapping[str, str | int | None]) -> TupleRow:
        try:
            return await self._fetch(statement, arguments)
        except (psycopg.Error, TimeoutError) as error:
            raise _problem(error) from error

    async def _fetch(self, statement: bytes, arguments: Mapping[str, str | int | None]) -> TupleRow:
        """A statement that waited while a migration changed its table's columns is sent again: it
        failed and was rolled back, since its plan had the earlier columns.

        Raises: TooManyRequests when others had all connections as long as a statement may take,
        PoolTimeout when there was none.
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
                        self._patience = _POOL_TIMEOUT
                        return await self._execute(connection, statement, arguments)
                except psycopg.errors.DatatypeMismatch:
                    if sent_again:
                        raise
                    sent_again = True
                except PoolTimeout as error:
                    if not self._at_work and self._alive_at < began:
                        self._patience = _POOL_TIMEOUT_IN_AN_OUTAGE
                        raise
                    if busy:
                        raise TooManyRequests("every connection is at work") from error

    async def _execute(
        self,
        connection: BoundedConnection,
        statement: bytes,
        arguments: Mapping[str, str | int | None],
    ) -> TupleRow:
        self._at_work += 1
        connection.patience = self._statement_timeout + 1
        try:
            cursor = await connection.execute(statement, arguments)
            row = await cursor.fetchone()
            assert row is not None  # noqa: S101  (a function call returns one row)
            return row
        finally:
            self._at_work -= 1
            if not connection.closed:
                self._alive_at = monotonic()


def _problem(error: psycopg.Error | TimeoutError) -> Problem:
    """The answer to a failed statement, logged. Raises the error itself when it is a bug."""
    problem = from_database(error)
    if problem.status == 500:
        raise error
    reason = str(error).partition("\n")[0]
    logger.warning("call failed", status=problem.status, kind=type(error).__name__, error=reason)
    return problem


def _conninfo(url: str, statement_timeout: float) -> str:
    """The URL with our settings in its start-up packet, where they cost no statement."""
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(
        url,
        application_name="index-jobs-api",
        connect_timeout=2,
        keepalives_idle=30,
        tcp_user_timeout=10_000,
        options=f"{options} -c TimeZone=UTC"
        f" -c statement_timeout={round(statement_timeout * 1000)}".strip(),
    )


def _hung_up(connection: psycopg.AsyncConnection[TupleRow]) -> bool:
    """Whether the server said something to an idle connection: its farewell, or its end of file.

    So a connection that a restart of the server broke is found without a round trip.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))
