"""`index-jobs work`, or `python -m worker`: a runner in a process of its own, without HTTP.

It needs WORKER_DATABASE_URL and nothing else; worker.settings lists the other variables.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from db.tools import logs, start
from db.tools.connection import place
from db.tools.settings import SettingError
from worker.runner import Runner
from worker.settings import WorkerSettings

logger = logs.get_logger(__name__)


def main() -> int:
    """Runs jobs until SIGTERM or SIGINT, which hand back what runs; returns the exit code.

    0: stopped by a signal; 1: a setting is missing or wrong, as a sentence on stderr says.
    """
    try:
        logs.set_up()
        start.warn_of_misspelled(logger, WorkerSettings)
        settings = WorkerSettings.read()
        if settings.runner_concurrency == 0:
            raise SettingError("RUNNER_CONCURRENCY=0: a worker needs at least one slot")
        if settings.worker_database_url:
            start.require_login(start.WORKER, settings.worker_database_url)
        asyncio.run(_work(settings))
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _work(settings: WorkerSettings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
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
