"""The expected life of a job, reimplemented in Python: the model for the state machine.

It does not use SQL. A refusal is raised with the code that the database must return.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CIRCLE = ("alice", "acme")
"""The tenants, ordered by id."""
FINAL = ("completed", "failed", "cancelled")
LOST = "the worker was lost"
FORCED_AFTER = timedelta(minutes=1)
SOON = datetime.max.replace(tzinfo=UTC)
"""Marks a retry_at that must be read from the database, because it is random."""


class Refusal(Exception):
    """A call that must be rejected. Its text is the code."""


@dataclass
class Event:
    """One row of index_job_events without its number, which is its position."""

    from_status: str | None
    to_status: str
    attempt: int
    at: datetime
    worker_id: str | None
    error: str | None = None
    retry: bool = False
    cancel_requested: bool = False


@dataclass
class Job:
    """A job in the model."""

    tenant: str
    created_at: datetime
    status: str = "pending"
    attempt: int = 0
    max_attempts: int = 3
    worker_id: str | None = None
    stats: dict[str, Any] | None = None
    error_message: str | None = None
    last_error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    heartbeat_at: datetime | None = None
    lease_expires_at: datetime | None = None
    retry_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    version: int = 1
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events.append(Event(None, "pending", 0, self.created_at, None))

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    def is_lapsed(self, now: datetime) -> bool:
        """Whether its lease has expired."""
        return self.lease_expires_at is not None and self.lease_expires_at <= now

    def is_due(self, now: datetime) -> bool:
        """Whether its next attempt may start."""
        return self.retry_at is not None and self.retry_at <= now

    def is_leased(self, now: datetime) -> bool:
        return self.lease_expires_at is not None and self.lease_expires_at > now

    def check_attempt(self, attempt: int | None) -> None:
        if (attempt is not None and attempt != self.attempt) or self.retry_at is not None:
            raise Refusal("stale_attempt")
        if attempt is None and self.attempt > 1:
            raise Refusal("attempt_required")

    def _move(self, now: datetime, status: str, **event: Any) -> None:
        self.events.append(Event(self.status, status, self.attempt, now, self.worker_id, **event))
        self.status = status
        self.version += 1
        if status in FINAL:
            self.completed_at = now
            self.lease_expires_at = self.retry_at = None

    def _begin(self, now: datetime, worker: str | None, error: str | None = None) -> None:
        self.attempt += 1
        self.worker_id = worker
        self.started_at = self.started_at or now
        self.heartbeat_at = now
        self.lease_expires_at = self.retry_at = None
        self._move(now, "processing", error=error)

    def update(
        self,
        now: datetime,
        status: str,
        *,
        attempt: int | None,
        worker: str | None,
        error: str | None,
        stats: dict[str, Any] | None,
    ) -> None:
        """update_job_status."""
        self.check_attempt(attempt)
        if status == self.status == "processing":
            if worker != self.worker_id:
                raise Refusal("already_processing")
            return
        if status == self.status and self.is_final:
            if (error, stats) != (self.error_message, self.stats):
                raise Refusal("conflicting_repeat")
            return
        if (
            self.is_final
            or status == "pending"
            or (self.status, status) == ("pending", "completed")
        ):
            raise Refusal("invalid_transition")
        if status == "processing":
            self._begin(now, worker)
            return
        if self.status == "processing":
            self.heartbeat_at = now
        self.worker_id = worker or self.worker_id
        self.error_message, self.stats = error, stats
        self.last_error = self.last_error if status == "cancelled" else error
        self._move(now, status, error=error)

    def report(self, now: datetime, *, attempt: int | None, lease: timedelta | None) -> None:
        """report_job_progress without progress."""
        self.check_attempt(attempt)
        if self.status != "processing":
            raise Refusal("not_processing")
        self.heartbeat_at = now
        if lease:
            self.lease_expires_at = now + lease
        elif lease is not None:
            self.lease_expires_at, self.retry_at = None, now
            self.max_attempts += 1
            self._move(now, "processing", retry=True)

    def fail_attempt(
        self, now: datetime, *, attempt: int | None, error: str, retryable: bool
    ) -> None:
        """fail_job_attempt."""
        if (1 if attempt is None else attempt) == self.attempt and error == self.last_error:
            waits = self.status == "processing" and self.retry_at is not None
            if (
                (waits and retryable)
                or (self.status == "cancelled" and retryable)
                or (self.status == "failed" and error == self.error_message)
            ):
                return
        self.check_attempt(attempt)
        if self.status == "failed":
            raise Refusal("conflicting_repeat")
        if self.status != "processing":
            raise Refusal("not_processing")
        self._end(now, error, retryable=retryable)

    def _end(self, now: datetime, error: str | None, *, retryable: bool = True) -> None:
        before = self.last_error
        cancelled = retryable and self.cancel_requested_at is not None
        if error or not cancelled:
            self.last_error = error or LOST
        if cancelled:
            changed = self.last_error if self.last_error != before else None
            self._move(now, "cancelled", error=changed)
        elif retryable and self.attempt < self.max_attempts:
            self.lease_expires_at, self.retry_at = None, SOON
            self._move(now, "processing", error=self.last_error, retry=True)
        else:
            used_up = f"{LOST} and all {self.max_attempts} attempts are used up"
            self.error_message = error or used_up
            self._move(now, "failed", error=self.error_message)

    def claim(self, now: datetime, worker: str, lease: timedelta) -> bool:
        """Handles one free job in a claim. Returns whether the worker gets it."""
        if self.cancel_requested_at is not None or self.attempt >= self.max_attempts:
            self._end(now, None)
            return False
        lost = (
            self.lease_expires_at is not None
            and self.heartbeat_at is not None
            and self.lease_expires_at > self.heartbeat_at
        )
        if lost:
            self.last_error = LOST
        self._begin(now, worker, self.last_error if lost else None)
        self.lease_expires_at = now + lease
        return True

    def is_stuck(self, now: datetime, older_than: timedelta) -> bool:
        if self.status != "processing" or self.heartbeat_at is None:
            return False
        if self.cancel_requested_at and self.cancel_requested_at <= now - FORCED_AFTER:
            return True
        if self.lease_expires_at is not None:
            return self.lease_expires_at <= now
        return self.retry_at is None and self.heartbeat_at <= now - older_than

    def rescue(self, now: datetime, older_than: timedelta) -> str | None:
        """retry_or_fail_stuck_jobs. Returns the new status, or None when the job was not stuck."""
        if not self.is_stuck(now, older_than):
            return None
        self._end(now, None)
        return self.status

    def cancel(self, now: datetime) -> None:
        """cancel_index_job by a permitted user."""
        if self.status == "cancelled":
            return
        if self.is_final:
            raise Refusal("invalid_transition")
        if self.status == "processing" and self.cancel_requested_at is not None:
            return
        self.cancel_requested_at = now
        ends = self.status == "pending" or self.retry_at is not None
        self._move(now, "cancelled" if ends else "processing", cancel_requested=True)


@dataclass
class ClaimState:
    """The tenant of the last claim, and when a claim last found no expired lease."""

    served: str | None = None
    checked_at: datetime | None = None


def claim(
    jobs: list[Job], state: ClaimState, now: datetime, worker: str, lease: timedelta
) -> Job | None:
    """claim_index_job: serves the tenant with the fewest running jobs, in turn."""
    lapsed: list[Job] = []
    if state.checked_at != now:
        lapsed = [job for job in jobs if job.is_lapsed(now)]
        state.checked_at = state.checked_at if lapsed else now
    due = sorted((job for job in jobs if job.is_due(now)), key=lambda job: job.retry_at or now)
    pending = [job for job in jobs if job.status == "pending"]
    free = [*lapsed, *due, *pending]
    served = CIRCLE.index(state.served) + 1 if state.served else 0
    circle = [*CIRCLE[served:], *CIRCLE[:served]]
    held = [job.tenant for job in jobs if job.is_leased(now)]
    waiting = [tenant for tenant in circle if any(job.tenant == tenant for job in free)]
    for tenant in sorted(waiting, key=held.count):
        state.served = tenant
        for job in free:
            if job.tenant == tenant and job.claim(now, worker, lease):
                return job
    return None
