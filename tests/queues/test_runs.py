"""Two worker processes of a real queue run many jobs. Some fail, are cancelled or kill a worker.

50 jobs, 500 with --prove. In the end each job matches its queue, and none moved backward.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any
from uuid import UUID

import psycopg
import pytest

from db.tools import bridges
from tests.queues.conftest import (
    HERE,
    Connection,
    add_pg_boss,
    add_procrastinate,
    cancel,
    create,
    node,
    start,
    state_of,
)
from tests.support.databases import Database, NewDatabase
from tests.support.waiting import until

ENDS = {  # ref -> how the job ends, and in how many attempts
    "main": ("completed", 1), "fail-1": ("completed", 2), "fail-9": ("failed", 3),
    "bad": ("failed", 1), "die": ("completed", 2), "die-done": ("completed", 1),
    "late": ("completed", 2), "slow": ("cancelled", 1),
}  # fmt: skip
ODD = ["die-done", "fail-1", "bad", "die", "fail-9", "late", "slow", "fail-1", "bad"]


@dataclass
class Workers:
    """Two processes. One that killed itself is replaced."""

    command: list[str]
    folder: Path
    url: str
    output: Path
    processes: list[Popen[Any]]

    def keep_up(self) -> None:
        self.processes = [p if p.poll() is None else self._start() for p in self.processes]

    def _start(self) -> Popen[Any]:
        with self.output.open("a") as file:
            return start(self.command, self.folder, self.url, file)

    def said(self) -> list[dict[str, Any]]:
        lines = self.output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def two(command: list[str], folder: Path, url: str) -> Iterator[Workers]:
    with tempfile.TemporaryDirectory() as scratch:
        workers = Workers(command, folder, url, Path(scratch, "output"), [])
        workers.processes = [workers._start(), workers._start()]
        try:
            yield workers
        finally:
            for process in workers.processes:
                process.kill()
                process.wait()


@pytest.fixture
def pg_boss(new_database: NewDatabase, plans: str) -> Database:
    database = new_database()
    add_pg_boss(database, plans)
    bridges.install(database.migrator_url, "pg-boss")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "update pgboss.queue set heartbeat_seconds = 3, retry_delay = 0, retry_backoff = false"
        )
    return database


@pytest.fixture
def woken(new_database: NewDatabase) -> Database:
    database = new_database()
    add_procrastinate(database)
    bridges.install(database.migrator_url, "procrastinate")
    return database


def make_jobs(connection: Connection, count: int) -> dict[UUID, str]:
    refs = ODD + ["main"] * (count - len(ODD))
    return {create(connection, ref): ref for ref in refs}


def see_them_end(connection: Connection, workers: Workers, jobs: dict[UUID, str]) -> None:
    slow = next(job for job, ref in jobs.items() if ref == "slow")
    asked = False

    def over() -> bool:
        nonlocal asked
        workers.keep_up()
        connection.execute(
            "update public.index_jobs set retry_at = clock_timestamp() where retry_at is not null"
            " and queue_job_id is null and retry_at > clock_timestamp() + interval '0.2 seconds'"
        )
        rows = dict(connection.execute("select id, status::text from public.index_jobs").fetchall())
        if not asked and rows[slow] == "processing":
            cancel(connection, slow)
            asked = True
        return all(status in {"completed", "failed", "cancelled"} for status in rows.values())

    until(over, limit=120, pause=0.1)


def check(connection: Connection, workers: Workers, jobs: dict[UUID, str]) -> None:
    rows = connection.execute(
        "select j.id, j.status::text, j.attempt, j.worker_id::text from public.index_jobs as j"
    ).fetchall()
    assert {job: status for job, status, _, _ in rows} == {
        job: ENDS[ref][0] for job, ref in jobs.items()
    }
    # jobs that ran beside the one that killed its worker also lost an attempt
    attempts = Counter({job: attempt for job, _, attempt, _ in rows})
    assert attempts >= Counter({job: ENDS[ref][1] for job, ref in jobs.items()})
    # no late worker was accepted: the worker of the last attempt completed the job
    begun = {
        (told["job"], told["attempt"]): told["worker"] for told in workers.said() if "ref" in told
    }
    completed = [(str(job), attempt, by) for job, end, attempt, by in rows if end == "completed"]
    assert {(job, attempt): by for job, attempt, by in completed} == {
        (job, attempt): begun[job, attempt] for job, attempt, _ in completed
    }
    late = next(job for job, ref in jobs.items() if ref == "late")
    until(lambda: any("refused" in told for told in workers.said()), limit=10)
    assert [
        (told["job"], told["attempt"], told["refused"])
        for told in workers.said()
        if "refused" in told
    ] == [(str(late), 1, "stale_attempt")]
    back = connection.execute("""
        select e.job_id from public.index_job_events as e
        join public.index_job_events as b on b.job_id = e.job_id and b.event_no = e.event_no - 1
        where e.from_status <> b.to_status or e.attempt < b.attempt or e.attempt > b.attempt + 1
          or e.to_status < e.from_status
    """).fetchall()
    assert back == []


def test_pg_boss_runs_all_jobs(pg_boss: Database, scripts: Path, proving: bool) -> None:
    command = [node(), "worker.mjs", "work"]
    with (
        psycopg.connect(pg_boss.url, autocommit=True) as connection,
        two(command, scripts, pg_boss.worker_url) as workers,
    ):
        connection.execute("select tests.arrange_cast()")
        jobs = make_jobs(connection, 500 if proving else 50)
        connection.execute(
            "update pgboss.job set expire_seconds = 2"
            " from public.index_jobs as j where j.id = pgboss.job.id and j.ref = 'late'"
        )
        see_them_end(connection, workers, jobs)
        states = "select b.id, b.state::text from pgboss.job as b where b.name = 'index_jobs'"
        ends = {job: ENDS[ref][0] for job, ref in jobs.items()}
        until(lambda: dict(connection.execute(states.encode()).fetchall()) == ends, limit=30)
        check(connection, workers, jobs)
        assert connection.execute("select * from public.reconcile_queue_jobs()").fetchall() == []


def test_procrastinate_runs_all_jobs(woken: Database, proving: bool) -> None:
    command = [sys.executable, "-m", "tests.queues.wakeups"]
    with (
        psycopg.connect(woken.url, autocommit=True) as connection,
        two(command, HERE.parents[1], woken.worker_url) as workers,
    ):
        connection.execute("select tests.arrange_cast()")
        jobs = make_jobs(connection, 500 if proving else 50)
        see_them_end(connection, workers, jobs)
        check(connection, workers, jobs)


def test_changes_missed_by_the_trigger_are_reconciled(pg_boss: Database, scripts: Path) -> None:
    command = [node(), "worker.mjs", "work"]
    with psycopg.connect(pg_boss.url, autocommit=True) as connection:
        connection.execute("select tests.arrange_cast()")
        queued = [create(connection, ref) for ref in ("fail-9", "fail-1", "main")]
        drop = "drop trigger index_jobs_{} on {}"
        connection.execute(drop.format("mirror_pg_boss_job", "pgboss.job").encode())
        ended = (
            "select count(*) from pgboss.job as b where b.state in ('completed', 'failed')"
            " and b.id = any (%s)"
        )
        with two(command, scripts, pg_boss.worker_url):
            until(lambda: connection.execute(ended, (queued,)).fetchone() == (3,), limit=60)
        connection.execute(drop.format("delete_pg_boss_job", "public.index_jobs").encode())
        connection.execute(drop.format("end_pg_boss_job", "public.index_jobs").encode())
        row_missing, job_missing, unwanted = (create(connection) for _ in range(3))
        connection.execute("delete from pgboss.job where id = %s", (row_missing,))
        connection.execute("delete from public.index_jobs where id = %s", (job_missing,))
        cancel(connection, unwanted)
        connection.execute("update pgboss.job set state = 'retry' where id = %s", (queued[2],))
        connection.execute(drop.format("create_pg_boss_job", "public.index_jobs").encode())
        not_queued = create(connection)

        bridges.install(pg_boss.migrator_url, "pg-boss")
        assert {job: kind for kind, job, _, _ in bridges.reconcile(pg_boss.migrator_url)} == {
            str(queued[0]): "behind",
            str(queued[2]): "went_back",
            str(unwanted): "went_back",
            str(row_missing): "row_missing",
            str(job_missing): "job_missing",
            str(not_queued): "not_queued",
        }
        assert bridges.reconcile(pg_boss.migrator_url) == []
        states = {job: state_of(connection, job) for job in (*queued, unwanted)}
        assert states == {
            queued[0]: ("failed", 3, "failed"),
            queued[1]: ("completed", 2, "completed"),
            queued[2]: ("completed", 1, "completed"),
            unwanted: ("cancelled", 0, "cancelled"),
        }
        assert state_of(connection, row_missing) == ("pending", 0, "created")
        assert state_of(connection, not_queued) == ("pending", 0, "created")
        assert state_of(connection, job_missing) == (None, None, "cancelled")
