"""Jobs run by a worker of procrastinate: what its tasks carry is a wake-up, not a job.

A task claims one job, sees it to its end, and asks for another wake-up when it found one. So a
wake-up may be lost or doubled: a tick every few seconds makes up for lost ones, and one too many
finds nothing. Leases, retries and the turns of tenants are those of the database.
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
"""How long a job waits at most whose wake-up was lost, or whose next attempt is due."""


def make_app(url: str, run_next: Callable[[], Awaitable[bool]]) -> procrastinate.App:
    """The app with the tasks, for a database that has procrastinate's schema.

    `run_next` claims a job and sees it to its end; it returns False when none is free.
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

    Then running jobs get `runner_grace_seconds`, and are handed back.
    Raises SettingError without a database URL.
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
