"""The types of answers and stored values: rows as JSON, and what workers report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NotRequired

from typing_extensions import TypedDict


class _Format:
    """Adds a JSON Schema format for pydantic, without importing pydantic here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "format": self._name}


Uuid = Annotated[str, _Format("uuid")]
Time = Annotated[str, _Format("date-time")]
"""RFC 3339, in UTC."""

JobStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]
"""public.job_status; the last three are final."""

UNFINISHED: Final = frozenset[str]({"pending", "processing"})


class IndexRepoJobPayload(TypedDict):
    """The payload that a queue passes to a worker."""

    indexJobId: str
    repositoryId: str
    commitSha: str | None


class JobStats(TypedDict):
    """The index_jobs.stats of a job that the built-in indexer completed."""

    files_indexed: int
    files_unchanged: int
    symbols_extracted: int
    files_skipped: int
    bytes: int
    languages: dict[str, int]
    skipped: dict[str, int]
    unparsed: int
    reused: NotRequired[Literal[True]]
    reused_job_id: NotRequired[str]


class JobMetadata(TypedDict, total=False):
    """The p_metadata of update_job_status."""

    error: str
    stats: Mapping[str, Any]
    commit_sha: str


class JobProgress(TypedDict):
    """The progress of the current attempt. `total` is null while unknown."""

    phase: str
    done: int
    total: int | None


class IndexJob(TypedDict):
    """GET /jobs/{id}: a row of public.index_jobs. Times are RFC 3339 in UTC."""

    id: Uuid
    repository_id: Uuid
    repository: str
    owner_user_id: Uuid | None
    organization_id: Uuid | None
    tenant_id: Uuid
    created_by: Uuid | None
    ref: str
    commit_sha: str | None
    queue_job_id: str | None
    status: JobStatus
    attempt: int
    max_attempts: int
    worker_id: Uuid | None
    progress: JobProgress | None
    stats: JobStats | None
    error_message: str | None
    last_error: str | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    heartbeat_at: Time | None
    lease_expires_at: Time | None
    retry_at: Time | None
    cancel_requested_at: Time | None
    updated_at: Time
    version: int
    repeats_job_id: Uuid | None


class JobEvent(TypedDict):
    """A row of public.index_job_events.

    `detail` may contain error, retry_at, handed_back and cancel_requested.
    """

    job_id: Uuid
    event_no: int
    from_status: JobStatus | None
    to_status: JobStatus
    attempt: int
    at: Time
    worker_id: Uuid | None
    version: int
    detail: Mapping[str, Any]


class JobAttempt(TypedDict):
    """One attempt of a job. The last three members are null while it runs."""

    attempt: int
    worker_id: Uuid | None
    started_at: Time
    ended_at: Time | None
    outcome: Literal["completed", "failed", "cancelled", "retry", "handed_back", "lost"] | None
    error: str | None


class JobHistory(TypedDict):
    """GET /jobs/{id}/events."""

    events: list[JobEvent]
    attempts: list[JobAttempt]


WaitReason = Literal[
    "completed",
    "failed",
    "cancelled",
    "cancelling",
    "external_queue",
    "working",
    "silent",
    "retry_at",
    "no_runner",
    "in_line",
    "runners_busy",
    "up_next",
]


class JobExplanation(TypedDict):
    """GET /jobs/{id}/explain.

    `position` is the number of claims that return another job first: 1,000 means that many or
    more, and null that the job is not free. It is an upper bound if `sentence` says 'at most'.
    `eta_p50` and `eta_p90` are seconds from now, or null if unknown.
    """

    reason: WaitReason
    sentence: str
    position: int | None
    own_ahead: int | None
    until: Time | None
    eta_p50: float | None
    eta_p90: float | None
    eta_basis: Literal["repository", "fleet"] | None
    eta_samples: int | None


class JobList(TypedDict):
    """GET /jobs: one page, newest first. `next_cursor` is null on the last page."""

    jobs: list[IndexJob]
    next_cursor: str | None


class IndexedFile(TypedDict):
    """A stored file. `symbol_count` is null if its symbols could not be extracted."""

    path: str
    language: str | None
    bytes: int
    blob_sha: str
    symbol_count: int | None


class SkippedFile(TypedDict):
    """A skipped file."""

    path: str
    reason: str


class FoundSymbol(TypedDict):
    """A definition. Lines count from 1; `parent` is the enclosing definition."""

    name: str
    kind: str
    path: str
    language: str | None
    start_line: int
    end_line: int
    parent: str | None


class StoredPage(TypedDict):
    """One page of the repository's index. `job_id` made it, and may be a later job."""

    job_id: Uuid
    commit_sha: str
    next_cursor: str | None


class FileList(StoredPage):
    """GET /jobs/{id}/files."""

    files: list[IndexedFile]


class SkippedList(StoredPage):
    """GET /jobs/{id}/skipped."""

    skipped: list[SkippedFile]


class SymbolList(StoredPage):
    """GET /jobs/{id}/symbols."""

    symbols: list[FoundSymbol]


class JobCounts(TypedDict):
    """GET /jobs/counts. Counts stop at 1,000; waits and durations are seconds or null."""

    pending: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    oldest_pending_at: Time | None
    wait_p50: float | None
    wait_p95: float | None
    duration_p50: float | None
    duration_p95: float | None


class IndexResponse(TypedDict):
    """POST /index: 202. `runId` equals `jobId` and is deprecated.

    Without status tracking it is the only member.
    """

    jobId: NotRequired[Uuid]
    runId: Uuid
    status: NotRequired[JobStatus]


class JobFrame(TypedDict):
    """The data of a stream's frame: the current job and, for an event, the event."""

    job: IndexJob
    event: NotRequired[JobEvent]


class Repository(TypedDict):
    """A row of public.repositories."""

    id: str
    full_name: str
    git_url: str
    """The normalized URL that it is cloned from."""
    owner_user_id: str | None
    organization_id: str | None
    created_at: str


class Health(TypedDict):
    """GET /health."""

    status: Literal["ok"]


Check = Literal["pass", "warn", "fail"]


class ServiceStatus(TypedDict):
    """GET /status. `status` is the worst of the other members."""

    status: Check
    database: Check
    runners: Check
    """fail: there are free jobs and no runner is alive."""
    waiting: Check
    """How long a job has been free: warn after 2 minutes, fail after 30."""


class QueuedJobs(TypedDict):
    """Pending or running jobs of all tenants."""

    total: int
    oldest: float
    """Seconds for which the oldest one has been free or running; 0 if there are none."""


class JobLoad(TypedDict):
    """GET /admin/load."""

    queued: QueuedJobs
    running: QueuedJobs
    slots: int
    """Slots of the runners that are alive."""


class Readiness(TypedDict):
    """GET /ready: 200."""

    status: Literal["ready"]
    schema_version: str


class ProblemBody(TypedDict):
    """application/problem+json (RFC 9457). `error` equals `detail`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    error: str
    field: NotRequired[str]
    hint: NotRequired[str]


class RestProblemBody(TypedDict):
    """The body of PostgREST's errors."""

    code: str
    message: str
    details: str | None
    hint: str | None
