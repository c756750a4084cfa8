"""Runs jobs from their creation to their end, with each project's own calls.

    python -m bench.queues.lives PROJECT DATABASE_URL CLIENTS SECONDS

Prints one JSON object: the jobs per second that were created, claimed and completed by CLIENTS
connections at once. `index-jobs` needs users and repositories from bench.world.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import procrastinate
import psycopg
from pgqueuer import PsycopgDriver, Queries
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.types import QueueEntrypoint, QueueManagerId
from procrastinate.jobs import Status
from psycopg.types.json import Jsonb

from bench.world import USERS, user_id

Life = Callable[[], Awaitable[bool]]
"""Runs one job to its end. Returns false when another client took the created job."""

_STATS = {"stats": {"files_indexed": 120, "symbols_extracted": 1234}}


@asynccontextmanager
async def index_jobs(url: str, clients: int) -> AsyncIterator[list[Life]]:
    """This project's functions, called as service_role, which can both create and run jobs."""
    async with AsyncExitStack() as stack:
        yield [await _index_job(stack, url, number) for number in range(clients)]


async def _index_job(stack: AsyncExitStack, url: str, number: int) -> Life:
    connection = await stack.enter_async_context(
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
    )
    worker, repository = str(uuid4()), UUID(user_id(number % USERS + 1))

    async def live() -> bool:
        await connection.execute(
            "select j.id from public.create_index_job(p_repository_id => %s) as j", (repository,)
        )
        cursor = await connection.execute(
            "select j.id, j.attempt from public.claim_index_job("
            "p_worker_id => %s, p_lease => '30 seconds') as j",
            (worker,),
        )
        row = await cursor.fetchone()
        if row is None:
            return False
        await connection.execute(
            "select j.id from public.update_job_status(p_job_id => %s, p_status => 'completed',"
            " p_metadata => %s, p_attempt => %s, p_worker_id => %s) as j",
            (row[0], Jsonb(_STATS), row[1], worker),
        )
        return True

    return live


@asynccontextmanager
async def pgqueuer(url: str, clients: int) -> AsyncIterator[list[Life]]:
    """PGQueuer's queries, with a batch of one."""
    async with AsyncExitStack() as stack:
        lives: list[Life] = []
        for _ in range(clients):
            connection = await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(url, autocommit=True)
            )
            queries = Queries(PsycopgDriver(connection))
            if not lives and not await queries.schema_is_installed():
                await queries.install()
            lives.append(_pgqueuer_job(queries))
        yield lives


def _pgqueuer_job(queries: Queries) -> Life:
    manager = QueueManagerId(uuid4())
    entrypoints = {QueueEntrypoint("index"): EntrypointExecutionParameter(concurrency_limit=0)}

    async def live() -> bool:
        await queries.enqueue("index", b"{}")
        jobs = await queries.dequeue(1, entrypoints, manager, None, timedelta(seconds=30))
        for job in jobs:
            await queries.log_jobs([(job, "successful", None)])
        return bool(jobs)

    return live


@asynccontextmanager
async def procrastinates(url: str, clients: int) -> AsyncIterator[list[Life]]:
    """procrastinate's job manager."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=clients, max_size=clients)
    app = procrastinate.App(connector=connector)
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        worker = await app.job_manager.register_worker()
        task = app.configure_task("index")

        async def live() -> bool:
            await task.defer_async()
            job = await app.job_manager.fetch_job(None, worker)
            if job is None:
                return False
            await app.job_manager.finish_job(job, status=Status.SUCCEEDED, delete_job=False)
            return True

        yield [live] * clients


async def rate(project: str, url: str, clients: int, seconds: float) -> float:
    """Returns the jobs per second that were created, claimed and completed."""
    projects = {"index-jobs": index_jobs, "pgqueuer": pgqueuer, "procrastinate": procrastinates}
    async with projects[project](url, clients) as lives:
        end, done = time.monotonic() + seconds, 0

        async def client(live: Life) -> None:
            nonlocal done
            while time.monotonic() < end:
                has_ended = await live()
                done += has_ended  # read after the wait, because others count meanwhile

        begun = time.monotonic()
        await asyncio.gather(*map(client, lives))
        return done / (time.monotonic() - begun)


if __name__ == "__main__":
    given = asyncio.run(rate(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps({"rate": given}))
