"""The runner's calls to the database.

Only SQL functions change jobs and the rows of an index. Their errors PT404 (the job is gone) and
PT409 (it is no longer ours) become LostError.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.tools.connection import BoundedConnection
from db.tools.logs import get_logger
from db.tools.ongoing_problem import OngoingProblem
from worker import store
from worker.connections import Connections, is_transient
from worker.progress import Progress
from worker.records import GrowingIndex, Index, Job, Repository, Rescued
from worker.timings import Timings

logger = get_logger(__name__)

# No joins here: the function sees jobs that are newer than the statement's snapshot.
_CLAIM: Final = """
select j.id::text, j.attempt, j.ref, j.commit_sha, j.repository_id::text, j.tenant_id::text
from public.claim_index_job(
  p_worker_id => %s, p_lease => %s, p_except_tenant_ids => %s::uuid[]) as j
"""
_BEGIN_RUN: Final = """
select j.id::text, j.attempt, j.ref, j.commit_sha, j.repository_id::text, j.tenant_id::text
from public.begin_queue_attempt(
  p_job_id => %s, p_queue_job_id => %s, p_queue_attempt => %s, p_worker_id => %s,
  p_lease => %s) as j
"""
_READ: Final = """
select j.status::text, coalesce(j.error_message, j.last_error)
from public.index_jobs as j
where j.id = %s
"""
_REPORT: Final = """
select cancel_requested from public.report_job_progress(
  p_job_id => %s, p_attempt => %s, p_phase => %s, p_done => %s, p_total => %s, p_lease => %s)
"""
_UPDATE: Final = """
select status::text from public.update_job_status(
  p_job_id => %s, p_status => %s, p_metadata => %s, p_attempt => %s, p_worker_id => %s)
"""
_FAIL: Final = """
select status::text from public.fail_job_attempt(
  p_job_id => %s, p_attempt => %s, p_error => %s, p_retryable => true)
"""
_REPORT_RUNNER: Final = """
select from public.report_runner(
  p_worker_id => %s, p_host => %s, p_pid => %s, p_release => %s, p_slots => %s, p_busy => %s)
"""
_PURGE: Final = "select purged from public.purge_finished_jobs(p_older_than => %s)"
_RESCUE: Final = "select retried, failed, cancelled from public.retry_or_fail_stuck_jobs()"

_LOST: Final = {"PT404", "PT409"}
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")
# This clock also runs while the machine sleeps, as leases do.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Result = TypeVar("Result")


class LostError(Exception):
    """The job is no longer ours: another worker has it, or it was ended or deleted."""


class UnreachableError(Exception):
    """The database did not answer. The call may or may not have been executed."""


class WorkerRpc:
    """The calls, over a pool. An async context manager; opening it does not wait.

    Every wait for an answer has a limit. During an outage, claims and rescues return None and log
    its start and end. Calls that begin or end a job are repeated until the outage is over. The
    object remembers when each claimed job's lease was last confirmed, until `forget` is called.
    """

    def __init__(
        self, url: str, *, worker_id: str, lease_seconds: float, slots: int, timings: Timings
    ) -> None:
        self._log = logger.bind(worker_id=worker_id)
        self._worker_id = worker_id
        self._slots = slots
        self._machine = (socket.gethostname(), os.getpid(), version("index-jobs"))
        self._lease = timedelta(seconds=lease_seconds)
        # if the answer to a report is lost, the next report precedes the end of the lease
        self._report_seconds = min(timings.call, lease_seconds / 3)
        self._timings = timings
        self._confirmed: dict[Job, float] = {}
        self.stale_attempts_refused = 0
        """Calls that the database refused because another attempt of the job had started."""
        self._outage = OngoingProblem(
            self._log,
            "cannot claim jobs, trying again",
            "claiming jobs again",
            timings.log_outage_every,
        )
        self._connections = Connections(url, slots=slots, timings=timings)

    async def __aenter__(self) -> Self:
        await self._connections.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connections.__aexit__(kind, error, trace)

    async def claim(self, except_tenant_ids: Sequence[str] = ()) -> Job | None:
        """Claims the next job of other tenants. Returns None without one or in an outage."""
        now = time.clock_gettime(_CLOCK)
        arguments = (self._worker_id, self._lease, [*except_tenant_ids])

        async def claim(connection: BoundedConnection) -> Job | None:
            async with connection.cursor(row_factory=class_row(Job)) as cursor:
                await cursor.execute(_CLAIM, arguments)
                return await cursor.fetchone()

        job = await self._take(claim)
        if job is not None:
            self._confirmed[job] = now
        return job

    async def begin_queue_attempt(
        self, job_id: str, queue_job_id: str, queue_attempt: int
    ) -> Job | None:
        """Begins the attempt for a queue's run of the job. Returns None if it was cancelled.

        Raises LostError if that run is over or the job has ended.
        """
        now = time.clock_gettime(_CLOCK)
        arguments = (job_id, queue_job_id, queue_attempt, self._worker_id, self._lease)

        async def begin(connection: BoundedConnection) -> Job | None:
            async with connection.cursor(row_factory=class_row(Job)) as cursor:
                await cursor.execute(_BEGIN_RUN, arguments)
                return await cursor.fetchone()

        job = await self._persist(begin)
        if job is not None:
            self._confirmed[job] = now
        return job

    async def read(self, job_id: str) -> tuple[str, str | None]:
        """Returns the job's status and error. Raises LostError if it is gone."""

        async def read(connection: BoundedConnection) -> tuple[str, str | None]:
            row = await (await connection.execute(_READ, (job_id,))).fetchone()
            if row is None:
                raise LostError
            return row[0], row[1]

        return await self._persist(read)

    async def rescue(self) -> Rescued | None:
        """Ends attempts whose workers are gone. Returns None during an outage."""
        return await self._take(self._rescue)

    async def purge(self, older_than: timedelta) -> int | None:
        """Deletes up to 1,000 old jobs. Returns how many, or None during an outage."""

        async def purge(connection: BoundedConnection) -> int:
            row = await (await connection.execute(_PURGE, (older_than,))).fetchone()
            return int(row[0]) if row else 0

        return await self._take(purge)

    async def report_runner(self, *, busy: int) -> None:
        """Reports where this worker runs, for operators only. Does nothing during an outage."""
        runner = (self._worker_id, *self._machine, self._slots, busy)

        async def report(connection: BoundedConnection) -> None:
            await connection.execute(_REPORT_RUNNER, runner)

        await self._take(report)

    def forget(self, job: Job) -> None:
        """Stops tracking the job's lease."""
        self._confirmed.pop(job, None)

    async def report(self, job: Job, progress: Progress | None) -> bool:
        """Renews the job's lease, with progress if there is any.

        Returns whether a user asked to cancel the job. Raises LostError, or UnreachableError if the
        call may be repeated.
        """
        now = time.clock_gettime(_CLOCK)
        try:
            async with self._connections.acquire(self._report_seconds) as connection:
                cancel = await _report(connection, job, progress, self._lease)
        except psycopg.Error as error:
            if is_transient(error):
                raise UnreachableError from error
            self._raise_if_lost(error)
            raise
        self._confirmed[job] = now
        return cancel

    async def hand_back(self, job: Job) -> bool:
        """Hands the job back, so that the next claim gets it. If that fails, its lease expires."""
        try:
            async with self._connections.acquire(self._timings.hand_back) as connection:
                await _report(connection, job, None, timedelta(0))
            return True
        except psycopg.Error as error:
            if error.sqlstate not in _LOST:
                self._log.warning(
                    "job not handed back: its lease must expire first",
                    job_id=job.id,
                    attempt=job.attempt,
                    reason=str(error).strip(),
                )
            return False

    async def finish(
        self, job: Job, status: Literal["failed", "cancelled"], metadata: dict[str, Any]
    ) -> None:
        """Ends the job. Raises LostError."""
        arguments = (job.id, status, Jsonb(storable(metadata)), job.attempt, self._worker_id)
        await self._persist(lambda connection: connection.execute(_UPDATE, arguments))

    async def fail_attempt(self, job: Job, error: str) -> str:
        """Fails this attempt of the job. Another follows unless it was the last. Raises LostError.

        `error` is shown to the job's user. Returns the job's status, which is `processing` if
        another attempt follows.
        """
        arguments = (job.id, job.attempt, storable(error))

        async def fail(connection: BoundedConnection) -> str:
            row = await (await connection.execute(_FAIL, arguments)).fetchone()
            return str(row[0]) if row else "failed"

        return await self._persist(fail)

    async def begin_index(self, job: Job, *, extractor: str, known: Path) -> Repository:
        """Returns the job's repository, with its stored index if the same extractor made it.

        Writes the file `known`, unless the job asks for the stored commit. Raises LostError.
        """
        seconds = self._timings.store
        repository = await self._persist(
            lambda connection: store.begin_index(connection, job, extractor, known, seconds)
        )
        if repository is None:
            raise LostError
        return repository

    async def complete_index(
        self,
        job: Job,
        index: Index | GrowingIndex,
        *,
        extractor: str,
        progress: Callable[[], Progress | None],
    ) -> bool:
        """Stores the index and completes the job, both or neither, with its last progress.

        A StoredIndex means that the job's commit is already stored. The rows of a GrowingIndex are
        stored as they arrive. Returns False and changes nothing if the base of the index is no
        longer stored: another job completed in between, and everything must be indexed again.
        Repeating the call after a lost answer changes nothing. Raises LostError, and what the
        indexing raises.
        """
        return await self._persist(
            lambda connection: store.complete_index(
                connection,
                job,
                index,
                worker_id=self._worker_id,
                extractor=extractor,
                progress=progress,
                seconds=self._timings.store,
            )
        )

    async def _rescue(self, connection: BoundedConnection) -> Rescued:
        row = await (await connection.execute(_RESCUE)).fetchone()
        return Rescued(*row or (0, 0, 0))

    async def _take(self, call: Callable[[BoundedConnection], Awaitable[Result]]) -> Result | None:
        """Makes a call that takes free jobs. Returns None if it cannot be made now.

        After an outage, or when the machine has slept, our own jobs may look free. Then their
        leases must be renewed first.
        """
        result = None
        try:
            async with self._connections.acquire() as connection:
                if not self._is_late():
                    result = await call(connection)
        except psycopg.Error as error:
            self._outage.report(self._connections.describe(error))
        except Exception:
            self._log.exception("cannot claim jobs, trying again")
        else:
            self._outage.resolve()
        return result

    def _is_late(self) -> bool:
        """Whether one of our leases is older than it can be in normal operation."""
        oldest = min(self._confirmed.values(), default=math.inf)
        return time.clock_gettime(_CLOCK) - oldest > self._lease.total_seconds() * 2 / 3

    async def _persist(self, call: Callable[[BoundedConnection], Awaitable[Result]]) -> Result:
        try:
            return await self._connections.persist(call)
        except psycopg.Error as error:
            self._raise_if_lost(error)
            raise

    def _raise_if_lost(self, error: psycopg.Error) -> None:
        self.stale_attempts_refused += error.diag.message_detail == "stale_attempt"
        if error.sqlstate in _LOST and error.diag.message_detail != "rows_missing":
            raise LostError from error


async def _report(
    connection: BoundedConnection, job: Job, progress: Progress | None, lease: timedelta
) -> bool:
    """Renews the lease; zero hands the job back. Returns whether a user asked to cancel."""
    phase, done, total = progress or (None, None, None)
    cursor = await connection.execute(_REPORT, (job.id, job.attempt, phase, done, total, lease))
    row = await cursor.fetchone()
    return bool(row and row[0])


def storable(value: Any) -> Any:
    """Returns the text or JSON in a form that Postgres can store.

    NULs and unpaired surrogates become U+FFFD, so that they cannot keep a job from ending.
    """
    match value:
        case str():
            return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case dict():
            return {storable(name): storable(member) for name, member in value.items()}
        case list() | tuple():
            return [storable(member) for member in value]
    return value
