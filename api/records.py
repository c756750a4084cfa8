"""The shapes of what is answered and kept: rows as JSON, and what workers hand over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NotRequired

from typing_extensions import TypedDict


class _Format:
    """Tells pydantic a format of JSON Schema, without that pydantic is loaded here."""

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
    """What a queue hands to a worker."""

    indexJobId: str
    repositoryId: str
    commitSha: str | None


class JobStats(TypedDict):
    """What index_jobs.stats has once a job of the built-in indexer is completed."""

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
    """p_metadata of update_job_status."""

    error: str
    stats: Mapping[str, Any]
    commit_sha: str


class JobProgress(TypedDict):
    """Where the current attempt is; `total` is null while it is unknown."""

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

    `detail` may have error, retry_at, handed_back, cancel_requested.
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
    """One attempt of a job; the last three are null while it runs."""

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

    `position` is how many claims return another job first, null while the job is not free; 1,000
    means that many or more. It is a bound where `sentence` says 'at most'. `eta_p50` and `eta_p90`
    are seconds from now, null where nothing can be said.
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
    """GET /jobs: one page, newest first; `next_cursor` is null on the last one."""

    jobs: list[IndexJob]
    next_cursor: str | None


class IndexedFile(TypedDict):
    """A file as it is stored; `symbol_count` is null where its symbols could not be had."""

    path: str
    language: str | None
    bytes: int
    blob_sha: str
    symbol_count: int | None


class SkippedFile(TypedDict):
    """A file that was left out."""

    path: str
    reason: str


class FoundSymbol(TypedDict):
    """A definition; lines count from 1, `parent` is the enclosing definition."""

    name: str
    kind: str
    path: str
    language: str | None
    start_line: int
    end_line: int
    parent: str | None


class StoredPage(TypedDict):
    """One page of what the job's repository has now: by `job_id`, which may be a later job."""

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
    """GET /jobs/counts: counts stop at 1,000; waits and durations are seconds, null without any."""

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
    """POST /index: 202. `runId` equals `jobId` and is deprecated; without status tracking it is
    all there is."""

    jobId: NotRequired[Uuid]
    runId: Uuid
    status: NotRequired[JobStatus]


class JobFrame(TypedDict):
    """The data of a frame of the stream: the job as it is now, and the event, if it is of one."""

    job: IndexJob
    event: NotRequired[JobEvent]


class Repository(TypedDict):
    """A row of repositories."""

    id: str
    full_name: str
    git_url: str
    """Where it is cloned from, in its normal spelling."""
    owner_user_id: str | None
    organization_id: str | None
    created_at: str


class Health(TypedDict):
    """GET /health."""

    status: Literal["ok"]


Check = Literal["pass", "warn", "fail"]


class ServiceStatus(TypedDict):
    """GET /status. `status` is the worst of the others."""

    status: Check
    database: Check
    runners: Check
    """fail: jobs are free, and no runner is alive."""
    waiting: Check
    """How long a job has been free: warn from 2 minutes on, fail from 30."""


class QueuedJobs(TypedDict):
    """Pending or running jobs, of all tenants."""

    total: int
    oldest: float
    """Seconds since the one was free, or begun, that has been so longest; 0 without any."""


class JobLoad(TypedDict):
    """GET /admin/load."""

    queued: QueuedJobs
    running: QueuedJobs
    slots: int
    """Of the runners that are alive."""


class Readiness(TypedDict):
    """GET /ready: 200."""

    status: Literal["ready"]
    schema_version: str


class ProblemBody(TypedDict):
    """application/problem+json (RFC 9457). `error` is the sentence of `detail`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    error: str
    field: NotRequired[str]
    hint: NotRequired[str]


class RestProblemBody(TypedDict):
    """What PostgREST answers to what it refuses."""

    code: str
    message: str
    details: str | None
    hint: str | None
