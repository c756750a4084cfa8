"""A hypothesis state machine: at most two jobs, every call, the clock and overlapping calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from tests.support.waiting import until

from . import model
from .model import Job, Refusal

Connection = psycopg.Connection[TupleRow]

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
TENANTS = {
    "alice": ("00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-000000000001"),
    "acme": ("00000000-0000-4000-8000-0000000000b0", "00000000-0000-4000-8000-000000000002"),
}
WORKERS = [f"00000000-0000-4000-8000-00000000f00{n}" for n in (1, 2)]
STATUSES = ("pending", "processing", *model.FINAL)
METADATA: dict[str, list[dict[str, Any]]] = {
    "failed": [{"error": "down"}, {"error": "gone"}],
    "completed": [{}, {"stats": {"files_indexed": 1}}],
}

_ROW = """
select j.status::text, j.attempt, j.max_attempts, j.worker_id::text, j.stats, j.error_message,
  j.last_error, j.created_at, j.started_at, j.completed_at, j.heartbeat_at, j.lease_expires_at,
  j.retry_at, j.cancel_requested_at, j.version
from public.index_jobs as j where j.id = %s
"""
_EVENTS = """
select e.event_no, e.from_status::text, e.to_status::text, e.attempt, e.at, e.worker_id::text,
  e.detail ->> 'error' as error, e.detail ? 'retry_at' as retry,
  e.detail ? 'cancel_requested' as cancel_requested
from public.index_job_events as e where e.job_id = %s order by e.event_no
"""

_NOBODY_SERVED = """
select setval('private.claim_cursor_high', 0), setval('private.claim_cursor_low', 0),
  setval('private.claim_lease_check', 0)
"""


class MismatchError(AssertionError):
    """The database disagrees with the model."""


@dataclass(frozen=True)
class Call:
    """A call of one function, in SQL and in the model."""

    name: str
    statement: LiteralString
    arguments: dict[str, Any]
    expected: Callable[[Job, datetime], None]


class World:
    """Three connections to one database. The last one only reads."""

    def __init__(self, url: str) -> None:
        self._at_exit = ExitStack()
        self.first, self.second, self.look = (
            self._at_exit.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(3)
        )
        self.pool = self._at_exit.enter_context(ThreadPoolExecutor(1))
        self.first.execute("select tests.arrange_cast()")

    def close(self) -> None:
        self._at_exit.close()

    def waits(self, call: Future[Any]) -> None:
        """Returns once the second connection is done or waits for a lock."""
        waiting = "select wait_event_type from pg_stat_activity where pid = %s"
        second = (self.second.info.backend_pid,)
        until(
            lambda: call.done() or self.look.execute(waiting, second).fetchone() == ("Lock",),
            pause=0,
        )


def run(connection: Connection, call: Call, user: str) -> str | None:
    """Runs the call. Returns the error code, or None."""
    try:
        with connection.transaction():
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)",
                (f'{{"sub": "{user}", "role": "authenticated"}}',),
            )
            connection.execute(call.statement, call.arguments)
    except psycopg.Error as error:
        if error.sqlstate not in {"PT404", "PT409", "PT422"}:
            raise MismatchError(f"{call.name}: {error.sqlstate} {error}") from error
        return error.diag.message_detail
    return None


def call_strategy(draw: st.DrawFn, job_id: UUID, attempt: int) -> Call:
    """Any call for the job: by its worker, by a late one, or without an attempt number."""
    named = draw(st.sampled_from([attempt, attempt, attempt, attempt - 1, None]))
    kind = draw(st.sampled_from(["update", "report", "report", "fail", "fail", "cancel"]))
    common = {"id": job_id, "attempt": named}
    if kind == "update":
        status = draw(st.sampled_from(STATUSES))
        worker = draw(st.sampled_from([*WORKERS, None]))
        metadata = draw(st.sampled_from(METADATA.get(status, [{}])))
        return Call(
            f"update to {status} {metadata} attempt {named} by {worker}",
            "select from public.update_job_status(%(id)s, %(status)s, %(metadata)s, %(attempt)s,"
            " %(worker)s)",
            {**common, "status": status, "metadata": Jsonb(metadata), "worker": worker},
            lambda job, now: job.update(
                now,
                status,
                attempt=named,
                worker=worker,
                error=metadata.get("error"),
                stats=metadata.get("stats"),
            ),
        )
    if kind == "report":
        seconds = draw(st.sampled_from([None, 0, 30]))
        lease = None if seconds is None else timedelta(seconds=seconds)
        return Call(
            f"report attempt {named} lease {seconds}",
            "select from public.report_job_progress(%(id)s, %(attempt)s, p_lease => %(lease)s)",
            {**common, "lease": lease},
            lambda job, now: job.report(now, attempt=named, lease=lease),
        )
    if kind == "fail":
        error = draw(st.sampled_from(["down", "gone"]))
        retryable = draw(st.sampled_from([True, True, False]))
        return Call(
            f"fail attempt {named} {error} {retryable}",
            "select from public.fail_job_attempt(%(id)s, %(attempt)s, %(error)s, %(retryable)s)",
            {**common, "error": error, "retryable": retryable},
            lambda job, now: job.fail_attempt(now, attempt=named, error=error, retryable=retryable),
        )
    return cancelling(job_id)


def cancelling(job_id: UUID) -> Call:
    """The call by which a user cancels the job."""
    return Call(
        "cancel",
        "select from public.cancel_index_job(%(id)s)",
        {"id": job_id},
        lambda job, now: job.cancel(now),
    )


class Machine(RuleBasedStateMachine):
    """Compares rows and events with the model after each step. Raises MismatchError."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.now = START
        self.jobs: dict[UUID, Job] = {}
        self.claims = model.ClaimState()

    @initialize()
    def begin(self) -> None:
        self.world.first.execute("delete from public.index_jobs")
        self.world.first.execute(_NOBODY_SERVED)
        for connection in (self.world.first, self.world.second):
            connection.execute("select setseed(0)")  # the jitter of retries is the same in each run
        self._set_clock()
        self.create("alice")

    def teardown(self) -> None:
        self.world.first.execute("delete from public.index_jobs")

    @precondition(lambda self: len(self.jobs) < 2 or any(j.is_final for j in self.jobs.values()))
    @rule(tenant=st.sampled_from([*TENANTS]))
    def create(self, tenant: str) -> None:
        """Creates a job. If there are two already, it replaces a finished one."""
        self.advance(1)
        if len(self.jobs) == 2:
            over = next(job_id for job_id, job in self.jobs.items() if job.is_final)
            self.world.first.execute("delete from public.index_jobs where id = %s", (over,))
            del self.jobs[over]
        row = self.world.first.execute("select tests.job_for(%s)", (TENANTS[tenant][1],)).fetchone()
        assert row is not None
        self.jobs[row[0]] = Job(tenant, self.now)
        self._compare("create")

    @rule(seconds=st.sampled_from([1, 2, 5, 29, 30, 60, 3600]))
    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._set_clock()

    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from([*self.jobs]), "job")
        call = data.draw(st.composite(call_strategy)(job_id, self.jobs[job_id].attempt), "call")
        said = run(self.world.first, call, TENANTS[self.jobs[job_id].tenant][0])
        self._expect(call, job_id, said)

    @rule(data=st.data())
    def call_while_another_is_not_committed(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from([*self.jobs]), "job")
        job = self.jobs[job_id]
        calls = st.composite(call_strategy)(job_id, job.attempt)
        first, second = data.draw(calls, "first"), data.draw(calls, "second")
        user = TENANTS[job.tenant][0]
        with self.world.first.transaction():
            first_said = run(self.world.first, first, user)
            later = self.world.pool.submit(run, self.world.second, second, user)
            self.world.waits(later)
        second_said = later.result()
        self._expect(first, job_id, first_said, compare=False)
        self._expect(second, job_id, second_said)

    @rule(worker=st.sampled_from(WORKERS), seconds=st.sampled_from([0, 30, 90]))
    def claim(self, worker: str, seconds: int) -> None:
        lease = timedelta(seconds=seconds)
        row = self.world.first.execute(
            "select j.id from public.claim_index_job(%s, %s) as j", (worker, lease)
        ).fetchone()
        job = model.claim([*self.jobs.values()], self.claims, self.now, worker, lease)
        expected = [job_id for job_id, each in self.jobs.items() if each is job]
        if ([row[0]] if row else []) != expected:
            raise MismatchError(f"claim at {self.now}: {row}, not {expected}; {self.jobs}")
        self._compare(f"claim by {worker} for {seconds}")

    @rule(seconds=st.sampled_from([60, 3600]))
    def rescue(self, seconds: int) -> None:
        older_than = timedelta(seconds=seconds)
        row = self.world.first.execute(
            "select retried, failed, cancelled from public.retry_or_fail_stuck_jobs(%s)",
            (older_than,),
        ).fetchone()
        ends = [job.rescue(self.now, older_than) for job in self.jobs.values()]
        expected = tuple(ends.count(end) for end in ("processing", "failed", "cancelled"))
        if row != expected:
            raise MismatchError(f"rescue at {self.now}: {row}, not {expected}; {self.jobs}")
        self._compare("rescue")

    @rule(data=st.data())
    def ignore_a_request_to_cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from([*self.jobs]), "job")
        call = cancelling(job_id)
        self._expect(
            call, job_id, run(self.world.first, call, TENANTS[self.jobs[job_id].tenant][0])
        )
        self.advance(60)
        self.rescue(3600)

    def _set_clock(self) -> None:
        self.world.first.execute("select tests.set_clock(%s)", (self.now,))

    def _expect(self, call: Call, job_id: UUID, said: str | None, *, compare: bool = True) -> None:
        expected = None
        try:
            call.expected(self.jobs[job_id], self.now)
        except Refusal as refusal:
            expected = str(refusal)
        if said != expected:
            raise MismatchError(f"{call.name}: {said}, not {expected}; {self.jobs[job_id]}")
        if compare:
            self._compare(call.name)

    def _compare(self, what: str) -> None:
        with self.world.first.cursor(row_factory=dict_row) as cursor:
            for job_id, job in self.jobs.items():
                row = cursor.execute(_ROW, (job_id,)).fetchone()
                assert row is not None
                if job.retry_at is model.SOON and row["retry_at"] is not None:
                    self._take_retry_at(job, row["retry_at"])
                wanted = asdict(job)
                del wanted["tenant"]
                events = [
                    {"event_no": number, **event}
                    for number, event in enumerate(wanted.pop("events"), 1)
                ]
                if row != wanted:
                    raise MismatchError(f"after {what} at {self.now}:\n{row}, not\n{wanted}")
                found = cursor.execute(_EVENTS, (job_id,)).fetchall()
                if found != events:
                    raise MismatchError(f"after {what} at {self.now}:\n{found}, not\n{events}")

    def _take_retry_at(self, job: Job, retry_at: datetime) -> None:
        """Reads retry_at: 2.5 to 5 seconds ahead, or twice that after the second attempt."""
        longest = timedelta(seconds=5 * 2 ** (job.attempt - 1))
        if not self.now + longest / 2 <= retry_at <= self.now + longest:
            raise MismatchError(f"retry_at {retry_at} at {self.now} after attempt {job.attempt}")
        job.retry_at = retry_at
