"""The runner: claims index jobs and runs several of them at once.

It does not use HTTP. It runs in the API process or alone (worker.main).
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

from db.tools.logs import get_logger
from db.tools.settings import SettingError
from worker.attempt import Attempt
from worker.credentials import CredentialHelper
from worker.indexer.protocol import Limits, Request
from worker.records import Job
from worker.rescue import Rescue
from worker.retention import Retention
from worker.rpc import WorkerRpc
from worker.scratch import Scratch
from worker.settings import WorkerSettings
from worker.spawner import Indexers
from worker.tasks import cancel_tasks
from worker.timings import Timings

logger = get_logger(__name__)


def limits_of(settings: WorkerSettings) -> Limits:
    """Returns the limits of one job."""
    return Limits(
        seconds=settings.runner_job_seconds,
        cpu_seconds=settings.runner_job_cpu_seconds,
        memory=settings.runner_job_memory,
        scratch_bytes=settings.runner_job_disk,
        files=settings.runner_job_files,
    )


class Runner:
    """Runs up to `runner_concurrency` jobs at once. An async context manager.

    Entering does not need the database: the runner waits for it, as during an outage. Leaving stops
    claiming, gives running jobs `runner_grace_seconds` to end and hands the rest back, so that
    another runner can claim them at once.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        timings: Timings = Timings(),  # noqa: B008
        *,
        claims: bool = True,
    ) -> None:
        """Without `claims`, does not look for work: a queue calls run_next or run_one.

        Raises SettingError if there is no database URL or RUN_DIR is not writable.
        """
        if settings.worker_database_url is None:
            raise SettingError(
                "WORKER_DATABASE_URL is not set: set it to the database with the worker's login, as"
                " postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            )
        _check_run_dir(settings.run_dir)
        self.worker_id = str(uuid.uuid4())
        self._settings = settings
        self._timings = timings
        self._claims = claims
        self._template = Request(
            git_url="",
            scratch=Path("/"),
            local_roots=settings.local_repository_roots,
            trusted_hosts=settings.git_trusted_hosts,
            proxy=settings.git_proxy,
            limits=limits_of(settings),
        )
        helper = settings.git_credential_helper
        self._helper = CredentialHelper(helper, timings.credentials) if helper else None
        self._scratch = Scratch(settings.run_dir.resolve() / "scratch", self.worker_id)
        self._indexers = Indexers()
        self._rpc = WorkerRpc(
            settings.worker_database_url,
            worker_id=self.worker_id,
            lease_seconds=settings.runner_lease_seconds,
            slots=settings.runner_concurrency,
            timings=timings,
        )
        self._rescue = Rescue(self._rpc, every=timings.rescue_every)
        self._retention = Retention(
            self._rpc, days=settings.retention_days, every=timings.purge_every
        )
        self._slots = asyncio.Semaphore(settings.runner_concurrency)
        self._kicked = asyncio.Event()
        self._stopping = False
        self._running: dict[asyncio.Task[None], Job] = {}

    async def __aenter__(self) -> Runner:
        async with AsyncExitStack() as opened:
            await asyncio.to_thread(self._scratch.open)
            opened.push_async_callback(asyncio.to_thread, self._scratch.close)
            await self._indexers.open()
            opened.push_async_callback(self._indexers.close)
            await opened.enter_async_context(self._rpc)
            self._opened = opened.pop_all()
        claiming = self._claim_jobs() if self._claims else asyncio.sleep(0)
        self._claiming = asyncio.create_task(claiming)
        self._rescuing = asyncio.create_task(self._rescue.run())
        self._reporting = asyncio.create_task(self._report_runner())
        self._purging = asyncio.create_task(self._retention.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async with self._opened:
            self._stopping = True
            self._log_waiting()
            ending = asyncio.create_task(
                cancel_tasks(self._rescuing, self._reporting, self._purging, retry_after=1)
            )
            self.kick()
            await asyncio.wait(
                {*self._running, self._claiming}, timeout=self._settings.runner_grace_seconds
            )
            for attempt in self._running:
                attempt.cancel()
            await asyncio.gather(ending, *self._running, return_exceptions=True)
            # a running claim may already be committed: wait for it and hand the job back
            await asyncio.wait({self._claiming}, timeout=self._timings.hand_back)
            await cancel_tasks(self._claiming, retry_after=1)

    @property
    def stale_attempts_refused(self) -> int:
        """Calls that the database refused because another attempt of the job had begun."""
        return self._rpc.stale_attempts_refused

    def _log_waiting(self) -> None:
        logger.info(
            "runner stopping",
            worker_id=self.worker_id,
            running_jobs=[job.id for job in self._running.values()],
            grace_seconds=self._settings.runner_grace_seconds,
        )

    def kick(self) -> None:
        """Looks for work at once instead of at the next poll. Call it after creating a job."""
        self._kicked.set()

    async def run_next(self) -> bool:
        """Claims a job and runs it to its end. Returns False if none is free."""
        return await self._run(lambda: self._rpc.claim(self._tenants_at_limit()))

    async def run_one(self, job_id: str, queue_job_id: str, queue_attempt: int) -> bool:
        """Runs a job for a queue to its end. Returns False if the job was cancelled instead.

        Raises LostError if that run of the queue is over or the job has ended.
        """
        return await self._run(
            lambda: self._rpc.begin_queue_attempt(job_id, queue_job_id, queue_attempt)
        )

    async def read(self, job_id: str) -> tuple[str, str | None]:
        """Returns a job's status and error. Raises LostError if it is gone."""
        return await self._rpc.read(job_id)

    async def _run(self, take: Callable[[], Awaitable[Job | None]]) -> bool:
        await self._slots.acquire()
        job = None
        try:
            job = None if self._stopping else await take()
        finally:
            if job is None:
                self._slots.release()
        if job is None:
            return False
        await asyncio.wait({self._start(job)})
        return True

    async def _claim_jobs(self) -> None:
        shortest, longest = self._timings.idle
        idle = shortest
        while True:
            await self._slots.acquire()
            self._kicked.clear()
            if self._stopping:
                return
            job = await self._rpc.claim(self._tenants_at_limit())
            if job is not None and not self._stopping:
                self._start(job)
                idle = shortest
                continue
            if job is not None:
                if await self._rpc.hand_back(job):
                    logger.info("job handed back", **job.log_fields)
                self._rpc.forget(job)
            self._slots.release()
            with suppress(TimeoutError):
                async with asyncio.timeout(idle):
                    await self._kicked.wait()
            idle = min(2 * idle, longest)

    def _tenants_at_limit(self) -> list[str]:
        """Returns the tenants that hold all slots but the last. With one slot, there are none."""
        share = max(1, self._settings.runner_concurrency - 1)
        running = Counter(job.tenant_id for job in self._running.values())
        return [tenant_id for tenant_id, jobs in running.items() if jobs >= share]

    def _start(self, job: Job) -> asyncio.Task[None]:
        attempt = Attempt(
            job,
            self._scratch.folder / f"{job.id}-{job.attempt}",
            template=self._template,
            rpc=self._rpc,
            indexers=self._indexers,
            helper=self._helper,
            lease_seconds=self._settings.runner_lease_seconds,
            timings=self._timings,
        )
        task = asyncio.create_task(attempt.run())
        self._running[task] = job
        task.add_done_callback(self._end)
        return task

    async def _report_runner(self) -> None:
        while True:
            await self._rpc.report_runner(busy=len(self._running))
            await asyncio.sleep(self._timings.report_runner)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._slots.release()
        self.kick()  # its tenant may have been at its limit until now


def _check_run_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingError(
            f"RUN_DIR={folder} is not writable ({error.strerror}): use a folder of this user, "
            "for the indexer's scratch folders"
        ) from None
