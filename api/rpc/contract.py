"""The interface that routes call: the api_* functions, over either transport.

Rpc has two implementations: DatabaseRpc in api/rpc/database.py uses a database login, and
SupabaseRpc in api/rpc/supabase.py a Supabase project's service key.
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
    """One row of private.api_answer, in the order of its columns."""

    verdict: str
    """'ok', or the SQLSTATE of the refusal: PT401, PT403, PT404, PT409, PT422, PT429."""
    code: str | None
    message: str | None
    hint: str | None
    field: str | None
    body: str | None
    """JSON text for the client; None on refusal."""
    job_id: str | None
    job_status: str | None
    job_version: int | None
    rate_limit: int | None
    """Requests per hour of the caller's tier; None if no user was identified."""
    rate_remaining: int | None
    rate_reset: int | None
    """When the hour ends, in Unix seconds."""
    next_cursor: str | None
    """The cursor of a list's next page; None on the last page and elsewhere."""
    job_age: int | None
    """Seconds since the job began to wait or run; for a list, the smallest. None once all have
    ended."""
    user_id: str | None
    """The caller, if something follows the answer."""


@dataclass(frozen=True, slots=True)
class Called:
    """The row that api_call_function returns."""

    body: str
    """JSON text for the client."""
    row_count: int
    total: int | None
    """The number of rows without limit and offset, if requested."""
    is_void: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """The row that api_schema_version returns."""

    version: str | None
    """The newest migration in the database: 14 digits."""
    serves: str | None
    """The oldest code that this schema serves, as the version of that code's newest migration."""
    is_writable: bool


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The current use of one pool's connections."""

    name: str
    busy: int
    idle: int
    waiting: int
    """Calls waiting for a connection."""


class Rpc(Protocol):
    """Calls over either transport. An async context manager; opening it does not wait.

    Raises Problem 503 if the database cannot be reached, is too busy or is not migrated, and
    recovers by itself. Raises other Problems as in api.errors. Anything else is a bug.
    """

    quota_refusals: int
    """Requests refused so far because the user's quota was used up."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def call(self, function: Function, **arguments: str | int | None) -> Answer:
        """Calls an api_* function, which returns one row, with all its arguments."""

    async def schema(self) -> Schema:
        """Returns the version of the database's schema."""

    def pools(self) -> Sequence[PoolUse]:
        """Returns the use of its connections to the database, if it has any."""
