"""Runs jobs as a procrastinate worker. Its tasks are wake-ups that carry no job.

A task claims one job, runs it to its end and, if it found one, defers another wake-up. So a wake-up
may be lost or duplicated: a tick every few seconds makes up for lost ones, and an extra one finds
nothing. The database handles leases, retries and the turns of tenants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import procrastinate

from worker.runner import Runner
from worker.settings import WorkerSettings
from worker.tasks import cancel_tasks

QUEUE = "index_jobs"
WAKE_UP = "index_jobs.wake_up"
TICK = "*/5 * * * * *"  # every five seconds
"""The longest wait of a job whose wake-up was lost or whose next attempt is due."""


def make_app(url: str, run_next: Callable[[], Awaitable[bool]]) -> procrastinate.App:
    """Returns the app with the tasks, for a database with procrastinate's schema.

    `run_next` claims a job and runs it to its end. It returns False if none is free.
    """
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name=WAKE_UP, queue=QUEUE)
    async def wake_up() -> None:
        if await run_next():
            await wake_up.defer_async()

    @app.periodic(cron=TICK)
    @app.task(name="index_jobs.tick", queue=QUEUE, queueing_lock="index_jobs.tick")
    async def tick(timestamp: int) -> None:
        if await run_next():
            await wake_up.defer_async()

    return app


async def work(settings: WorkerSettings, stopped: asyncio.Event) -> None:
    """Runs the tasks until `stopped` is set, up to `runner_concurrency` at once.

    Running jobs then get `runner_grace_seconds` before they are handed back.
    Raises SettingError if there is no database URL.
    """
    async with Runner(settings, claims=False) as runner:
        app = make_app(settings.worker_database_url or "", runner.run_next)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=settings.runner_concurrency,
                    shutdown_graceful_timeout=settings.runner_grace_seconds,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                )
            )
            stopping = asyncio.create_task(stopped.wait())
            try:
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            finally:
                working.cancel()
                await asyncio.wait({working})
                await cancel_tasks(stopping, retry_after=1)
