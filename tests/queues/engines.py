"""Three ways to get a job: the built-in claim, a wake-up of procrastinate, a run of pg-boss.

The tests drive each by calls, without workers, to control the order of events.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid4

from procrastinate import jobs
from procrastinate.jobs import Status

from tests.queues.conftest import Connection
from tests.support.waiting import until
from worker.procrastinate import make_app


class Held(NamedTuple):
    """An attempt that a worker holds. `run` identifies it in the queue."""

    job: UUID
    attempt: int
    worker: str
    run: Any


class Engine(Protocol):
    def take(self, worker: str) -> Held | None:
        """Gives a worker the next attempt of a job, if one is available."""

    def lose(self, held: Held) -> None:
        """Detects that the worker is gone."""

    def fail(self, held: Held, error: str) -> None:
        """The worker reports a retryable failure, and the next attempt becomes due."""


class BuiltIn:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def take(self, worker: str, run: Any = None) -> Held | None:
        row = self.connection.execute(
            "select j.id, j.attempt from public.claim_index_job(%s, '1 hour') as j", (worker,)
        ).fetchone()
        return Held(row[0], row[1], worker, run) if row else None

    def lose(self, held: Held) -> None:
        self.connection.execute(
            "update public.index_jobs set lease_expires_at = clock_timestamp() where id = %s",
            (held.job,),
        )
        self.connection.execute("select setval('private.claim_lease_check', 0)")

    def fail(self, held: Held, error: str) -> None:
        self.connection.execute(
            "select public.fail_job_attempt(%s, %s, %s)", (held.job, held.attempt, error)
        )
        self.connection.execute(
            "update public.index_jobs set retry_at = clock_timestamp()"
            " where id = %s and retry_at is not null",
            (held.job,),
        )


class Procrastinate(BuiltIn):
    """A task claims the jobs. Without a task, a periodic check does."""

    def __init__(self, connection: Connection, url: str) -> None:
        super().__init__(connection)
        self.url = url

    def take(self, worker: str, run: Any = None) -> Held | None:
        taken: list[Held] = []

        async def run_next() -> bool:
            held = await asyncio.to_thread(super(Procrastinate, self).take, worker)
            taken.extend([held] if held else [])
            return held is not None

        asyncio.run(self._run_a_task(run_next))
        return taken[0] if taken else None

    async def _run_a_task(self, run_next: Any) -> None:
        app = make_app(self.url, run_next)
        async with app.open_async():
            manager = app.job_manager
            worker_id = await manager.register_worker()
            task: jobs.Job | None = await manager.fetch_job(None, worker_id)
            if task is None:
                await app.configure_task("index_jobs.tick").defer_async(timestamp=0)
                task = await manager.fetch_job(None, worker_id)
            assert task is not None
            await app.tasks[task.task_name](**task.task_kwargs)
            await manager.finish_job(task, status=Status.SUCCEEDED, delete_job=True)


class PgBoss:
    def __init__(self, connection: Connection, driver: subprocess.Popen[str]) -> None:
        self.connection, self.driver = connection, driver

    def call(self, method: str, *arguments: Any) -> Any:
        assert self.driver.stdin is not None
        assert self.driver.stdout is not None
        self.driver.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.driver.stdin.flush()
        return json.loads(self.driver.stdout.readline())

    def take(self, worker: str) -> Held | None:
        fetched = self.call("fetch", "index_jobs")
        if not fetched:
            return None
        run = {"id": fetched[0]["id"], "retryCount": fetched[0]["retryCount"]}
        row = self.connection.execute(
            "select j.id, j.attempt from public.begin_queue_attempt(p_job_id => %(job)s,"
            " p_queue_job_id => %(id)s, p_queue_attempt => %(retryCount)s, p_worker_id => %(by)s)"
            " as j",
            {**run, "job": fetched[0]["data"]["indexJobId"], "by": worker},
        ).fetchone()
        return Held(row[0], row[1], worker, run) if row else None

    def lose(self, held: Held) -> None:
        self.connection.execute(
            "update pgboss.job set started_on = now() - interval '1 day' where id = %s",
            (held.job,),
        )
        active = "select from pgboss.job where id = %s and state = 'active'"

        def is_seen() -> bool:
            self.call("supervise", "index_jobs")  # pg-boss checks a queue only occasionally
            return self.connection.execute(active, (held.job,)).fetchone() is None

        until(is_seen, limit=30)

    def fail(self, held: Held, error: str) -> None:
        self.call("fail", "index_jobs", held.run, {"message": error})


def new_worker() -> str:
    return str(uuid4())
