"""What the routes call: the api_* functions, by either transport.

Rpc has two implementations: DatabaseRpc in api/rpc/database.py, by a login of the database, and
SupabaseRpc in api/rpc/supabase.py, by a Supabase project's service key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self

Function = Literal[
    "api_admin_change_index_job",
    "api_admin_get_job_status",
    "api_admin_list_index_jobs",
    "api_cancel_index_job",
    "api_count_request",
    "api_create_index_job",
    "api_explain_index_job",
    "api_find_symbols",
    "api_follow_index_job",
    "api_get_job_history",
    "api_get_job_status",
    "api_job_counts",
    "api_job_load",
    "api_job_metrics",
    "api_list_index_jobs",
    "api_list_indexed_files",
    "api_list_skipped_files",
    "api_recheck_followers",
    "api_set_repository_url",
    "api_status",
    "api_watch_jobs",
]


class Answer(NamedTuple):
    """One row of private.api_answer, in its order."""

    verdict: str
    """'ok', or the SQLSTATE of the refusal: PT401, PT403, PT404, PT409, PT422, PT429."""
    code: str | None
    message: str | None
    hint: str | None
    field: str | None
    body: str | None
    """JSON text for the client; null on refusal."""
    job_id: str | None
    job_status: str | None
    job_version: int | None
    rate_limit: int | None
    """Requests an hour of the caller's tier; null when no user was identified."""
    rate_remaining: int | None
    rate_reset: int | None
    """When the hour ends, in Unix seconds."""
    next_cursor: str | None
    """Where the next page of a list begins; null on the last page and elsewhere."""
    job_age: int | None
    """Seconds since the job began to wait or to run, of a list the smallest; null once all have
    ended."""
    user_id: str | None
    """Who asked, where something goes on after the answer."""


@dataclass(frozen=True, slots=True)
class Called:
    """The row that api_call_function returns."""

    body: str
    """JSON text for the client."""
    row_count: int
    total: int | None
    """Rows without limit and offset, if asked for."""
    is_void: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """The row that api_schema_version returns."""

    version: str | None
    """The newest migration that the database has: 14 digits."""
    serves: str | None
    """The oldest code that this schema still serves: the version of its own newest migration."""
    is_writable: bool


@dataclass(frozen=True, slots=True)
class PoolUse:
    """What the connections of one pool do at the moment."""

    name: str
    busy: int
    idle: int
    waiting: int
    """Calls that wait for a connection."""


class Rpc(Protocol):
    """Calls over either transport. An async context manager; opening it waits for nothing.

    Raises: Problem 503 when the database cannot be reached, is too busy or not migrated, and
    itself finds the way back; another Problem as api.errors has it; anything else is a bug.
    """

    quota_refusals: int
    """Answers so far that refused a request because its user's hour is used up."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def call(self, function: Function, **arguments: str | int | None) -> Answer:
        """The one row that an api_* function returns; `arguments` are all of its arguments."""

    async def schema(self) -> Schema:
        """What the database says of its schema."""

    def pools(self) -> Sequence[PoolUse]:
        """Its connections to the database, if it has any."""
