"""`index-jobs work`, or `python -m worker`: a runner in a process of its own, without HTTP.

Only WORKER_DATABASE_URL is required. worker.settings lists the other variables.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from typing import Literal

from db.tools import logs, startup_checks
from db.tools.connection import place
from db.tools.settings import SettingError
from worker.rpc import LostError
from worker.runner import Runner
from worker.settings import WorkerSettings
from worker.tasks import cancel_tasks

logger = logs.get_logger(__name__)

RUN_AGAIN = 75
"""The exit code if the queue must run the job again."""


@dataclass(frozen=True)
class QueueRun:
    """A run of a job by an external queue."""

    job_id: str
    queue_job_id: str
    queue_attempt: int


def main(by: QueueRun | Literal["procrastinate"] | None = None) -> int:
    """Runs jobs until SIGTERM or SIGINT, then hands running jobs back. Returns the exit code.

    0: stopped by a signal. 1: a setting is missing or invalid; stderr says which. If `by` is
    procrastinate, runs as its worker. If it is a QueueRun, runs that job only and prints its result
    as one line of JSON; the exit code 75 then means that the queue must run the job again.
    """
    try:
        logs.set_up()
        startup_checks.warn_about_misspelled_settings(logger, WorkerSettings)
        settings = WorkerSettings.read()
        if settings.runner_concurrency == 0:
            raise SettingError("RUNNER_CONCURRENCY=0: a worker needs at least 1")
        if settings.worker_database_url:
            startup_checks.require_login(startup_checks.WORKER, settings.worker_database_url)
        return asyncio.run(_work(settings, by))
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


async def _work(settings: WorkerSettings, by: QueueRun | str | None) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if isinstance(by, QueueRun):
        return await _run_one(settings, by, stopped)
    if by == "procrastinate":
        try:
            from worker import procrastinate  # noqa: PLC0415  (an extra, which may be missing)
        except ImportError:
            raise SettingError(
                "install the extra: pip install 'index-jobs[procrastinate]'"
            ) from None
        await procrastinate.work(settings, stopped)
        return 0
    async with Runner(settings) as runner:
        logger.info(
            "runner started",
            worker_id=runner.worker_id,
            slots=settings.runner_concurrency,
            database=place(settings.worker_database_url or ""),
            job_seconds=settings.runner_job_seconds,
            job_cpu_seconds=settings.runner_job_cpu_seconds,
            job_memory=settings.runner_job_memory,
            job_disk=settings.runner_job_disk,
            job_files=settings.runner_job_files,
        )
        if settings.metrics_port is not None:
            from worker.metrics import serve_metrics  # noqa: PLC0415  (loads an HTTP server)

            serve_metrics(runner, settings.host, settings.metrics_port)
        await stopped.wait()
    return 0


async def _run_one(settings: WorkerSettings, run: QueueRun, stopped: asyncio.Event) -> int:
    async with Runner(settings, claims=False) as runner:
        running = asyncio.create_task(
            runner.run_one(run.job_id, run.queue_job_id, run.queue_attempt)
        )
        stopping = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                return RUN_AGAIN
            running.result()
            status, error = await runner.read(run.job_id)
        except LostError:
            print(json.dumps({"status": None, "error": "This run of the job is over."}))
            return RUN_AGAIN
        finally:
            await cancel_tasks(running, stopping, retry_after=1)
    print(json.dumps({"status": status, "error": error}))
    return RUN_AGAIN if status == "processing" else 0
