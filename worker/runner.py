"""The built-in runner: claims index jobs, runs an indexer process for each, stores what it found.

It lives inside the API process and knows neither HTTP nor settings. The indexer is a process
in a scratch folder of its own; it is killed with its whole process group. What becomes of a job is
decided by the database alone: a refusal (PT404, PT409) means that the job is no longer ours, and
its work is dropped without a word.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import AsyncConnectionPool

from db.tools.connection import keep_trying
from worker import rpc
from worker.indexer.extractor import fingerprint
from worker.indexer.guard import exceeded
from worker.indexer.protocol import Limits
from worker.rpc import Arriving, Base, Index, Job, Progress, Repository
from worker.scratch import Scratch, remove
from worker.spawner import Indexers

logger = logging.getLogger(__name__)

_IDLE_SECONDS = (0.25, 1.0)
_RESCUE_SECONDS = 10.0
_REPORT_SECONDS = 0.5
# Without news of progress it is asked as often whether the job was cancelled.
_QUIET_SECONDS = 1.0
_CALL_SECONDS = 10
_HAND_BACK_SECONDS = 3
_START_SECONDS = 60.0
# How much later than its own limit of time an indexer is ended from here.
_SLACK_SECONDS = 30.0
_STORE_ATTEMPTS = 10
_TAIL_BYTES = 4000
# How often it is looked how far an index is, and how long before its end rows begin to be stored.
_LOOK_SECONDS = 0.25
_AHEAD_SECONDS = 4.0
# codes of the indexer that may pass by
_TRANSIENT = {"host_unreachable", "internal_error", "interrupted"}
# SQLSTATEs of the refusals that say so: the job is gone, or not ours
_LOST = {"PT404", "PT409"}
# It goes on while the machine sleeps, as leases do.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Call = Callable[[psycopg.AsyncConnection[Any]], Awaitable[Any]]
Result = TypeVar("Result")


class LostError(Exception):
    """The job is not ours any more: taken over, ended or deleted by somebody else."""


class CancelledJobError(Exception):
    """A user asked to cancel the job."""


class FailedJobError(Exception):
    """The job cannot be done; the message is the sentence that its user reads."""


class FailedAttemptError(Exception):
    """This attempt could not do the job, another one may; the message is the user's sentence."""


class Runner:
    """Runs up to `concurrency` jobs at once while it is entered as an async context manager.

    Entering needs no database: the runner waits for it, as it does during an outage. Leaving stops
    claiming, gives running jobs `grace_seconds` to end and hands the rest back, so that the next
    runner takes them at once.
    """

    def __init__(
        self,
        *,
        database_url: str,
        concurrency: int,
        lease_seconds: float,
        run_dir: Path,
        local_roots: Sequence[Path] = (),
        trusted_hosts: Sequence[str] = (),
        proxy: str | None = None,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        grace_seconds: float = 5,
    ) -> None:
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lease = timedelta(seconds=lease_seconds)
        self._grace = grace_seconds
        self._file_bytes = limits.file_bytes
        self._request = {
            "local_roots": [str(root) for root in local_roots],
            "trusted_hosts": list(trusted_hosts),
            "proxy": proxy,
            "limits": asdict(limits),
        }
        self._scratch = Scratch(run_dir.resolve() / "scratch", self.worker_id)
        self._indexers = Indexers()
        self._slots = asyncio.Semaphore(concurrency)
        self._kicked = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        # since when the lease of a job runs that the database last confirmed
        self._leased: dict[Job, float] = {}
        self._reachable = True
        self._pool = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=2 * concurrency + 1,  # two a job while its rows are stored, one for all else
            open=False,
            timeout=_CALL_SECONDS,
            reconnect_timeout=2,
            reconnect_failed=keep_trying,
            name="runner",
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "application_name": "index_jobs runner",
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "tcp_user_timeout": 1000 * _CALL_SECONDS,
            },
        )

    async def __aenter__(self) -> Runner:
        await asyncio.to_thread(self._scratch.open)
        await self._indexers.open()
        await self._pool.open(wait=False)
        self._claimer = asyncio.create_task(self._claim_jobs())
        self._rescuer = asyncio.create_task(self._rescue_jobs())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._rescuer.cancel()
        self.kick()
        await asyncio.wait({*self._running, self._claimer}, timeout=self._grace)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, self._rescuer, return_exceptions=True)
        # a claim under way may be committed already: it is waited for, and handed back
        await asyncio.wait({self._claimer}, timeout=_HAND_BACK_SECONDS)
        self._claimer.cancel()
        await asyncio.gather(self._claimer, return_exceptions=True)
        await self._indexers.close()
        await self._pool.close(timeout=_HAND_BACK_SECONDS)
        await asyncio.to_thread(self._scratch.close)

    def kick(self) -> None:
        """Looks for work at once, instead of at the next poll. Call it when a job was created."""
        self._kicked.set()

    async def _claim_jobs(self) -> None:
        idle = _IDLE_SECONDS[0]
        while True:
            await self._slots.acquire()
            self._kicked.clear()
            if self._stopping:
                return
            job = await self._claim()
            if job is not None and self._stopping:
                await self._hand_back(job)
            elif job is not None:
                task = asyncio.create_task(self._run(job))
                self._running.add(task)
                task.add_done_callback(self._release)
                idle = _IDLE_SECONDS[0]
                continue
            self._slots.release()
            with suppress(TimeoutError):
                async with asyncio.timeout(idle):
                    await self._kicked.wait()
            idle = min(2 * idle, _IDLE_SECONDS[1])

    async def _rescue_jobs(self) -> None:
        """Ends the attempts that other workers left, from time to time."""
        while True:
            await asyncio.sleep(_RESCUE_SECONDS)
            counts = await self._look(rpc.rescue)
            if counts and any(counts):
                logger.info("stuck jobs: %d retried, %d failed, %d cancelled", *counts)

    def _release(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _claim(self) -> Job | None:
        now = time.clock_gettime(_CLOCK)
        job = await self._look(
            lambda connection: rpc.claim(connection, worker_id=self.worker_id, lease=self._lease)
        )
        if job is not None:
            self._leased[job] = now
        return job

    async def _look(
        self, call: Callable[[psycopg.AsyncConnection[Any]], Awaitable[Result]]
    ) -> Result | None:
        """Looks for jobs that are free to be taken; None when it cannot be looked now.

        After an outage or a sleep of the machine our own jobs may seem to be free, so their leases
        come first.
        """
        result = None
        try:
            async with asyncio.timeout(_CALL_SECONDS), self._pool.connection() as connection:
                if not self._is_late():
                    result = await call(connection)
        except (psycopg.Error, TimeoutError) as error:
            self._note_outage(error)
        except Exception:
            logger.exception("cannot look for jobs, trying on")
        else:
            self._note_recovery()
        return result

    def _is_late(self) -> bool:
        """Whether a lease of ours is older than it ever gets while all goes well."""
        oldest = min(self._leased.values(), default=math.inf)
        return time.clock_gettime(_CLOCK) - oldest > self._lease.total_seconds() * 2 / 3

    def _note_outage(self, error: BaseException) -> None:
        if self._reachable:
            logger.warning("cannot claim jobs, trying on: %s", str(error).strip() or "timeout")
        self._reachable = False

    def _note_recovery(self) -> None:
        if not self._reachable:
            logger.warning("claiming jobs again")
        self._reachable = True

    async def _run(self, job: Job) -> None:
        """Sees one attempt through to its end. Raises nothing, but for being cancelled."""
        folder = self._scratch.folder / f"{job.id}-{job.attempt}"
        try:
            await self._attempt(job, folder)
        except LostError:
            logger.debug("job %s attempt %s is not ours any more", job.id, job.attempt)
        except asyncio.CancelledError:
            await self._hand_back(job)
            raise
        except Exception:
            logger.exception("job %s attempt %s could not be ended", job.id, job.attempt)
        finally:
            del self._leased[job]
            await asyncio.to_thread(remove, folder)

    async def _attempt(self, job: Job, folder: Path) -> None:
        try:
            await self._work(job, folder)
        except CancelledJobError:
            await self._finish(job, "cancelled", {})
        except FailedJobError as failure:
            await self._finish(job, "failed", {"error": str(failure)})
        except FailedAttemptError as failure:
            await self._fail_attempt(job, str(failure))
        except (LostError, asyncio.CancelledError):
            raise
        except Exception:
            logger.exception("job %s attempt %s met an error of ours", job.id, job.attempt)
            sentence = "The runner met an internal error; its log has the details."
            await self._fail_attempt(job, sentence)

    async def _work(self, job: Job, folder: Path) -> None:
        """Indexes and stores, with heartbeats beside it; the first error of either ends both."""
        progress = Latest()
        indexing = asyncio.create_task(self._index_and_store(job, folder, progress))
        living = asyncio.create_task(self._keep_alive(job, progress))
        try:
            await asyncio.wait({indexing, living}, return_when=asyncio.FIRST_COMPLETED)
            if indexing.done():
                progress.close()
                # a report under way may end: to cancel it would cost its connection
                await asyncio.wait({living})
                indexing.result()
            else:
                living.result()
        finally:
            for task in (indexing, living):
                task.cancel()
            await asyncio.gather(indexing, living, return_exceptions=True)

    async def _index_and_store(self, job: Job, folder: Path, progress: Latest) -> None:
        extractor = fingerprint(self._file_bytes)
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
        repository: Repository | None = await self._persist(
            lambda connection: rpc.read_repository(
                connection, job, extractor=extractor, known=folder / "known.copy"
            )
        )
        if repository is None:
            raise LostError
        base = repository.base
        while True:
            if base and base.commit_sha == job.commit_sha:
                stored = await self._complete(job, base, extractor, progress)
            else:
                index = self._index(job, folder, repository.git_url, base, progress)
                async with running(index) as found:
                    rows = await self._arriving(folder, found, base, progress)
                    stored = await self._complete(job, rows, extractor, progress)
            if stored:
                return
            base = None  # another job of the repository came between: all of it, once

    async def _index(
        self, job: Job, folder: Path, git_url: str, base: Base | None, progress: Latest
    ) -> Index | Base:
        work = folder / "work"
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        await asyncio.to_thread(work.mkdir, mode=0o700)
        request = self._request | {
            "git_url": git_url,
            "ref": job.ref,
            "commit_sha": job.commit_sha,
            "known": base and {"commit_sha": base.commit_sha, "files": str(base.known)},
            "scratch": str(work),
        }
        return await run_indexer(self._indexers, request, folder, base, progress.set)

    async def _arriving(
        self,
        folder: Path,
        found: asyncio.Task[Index | Base],
        base: Base | None,
        progress: Latest,
    ) -> Index | Base | Arriving:
        """What an index found, or the index as it arrives, when it is new and nearly done.

        To store its rows beside the last parsing takes less time, but locks the repository so long.
        """
        started, before = 0.0, 0
        while not found.done():
            await asyncio.wait({found}, timeout=_LOOK_SECONDS)
            phase, done, total = progress.value or ("", 0, None)
            if base or phase != "symbols" or not total:
                continue
            if not started:
                started, before = time.monotonic(), done
            elif done > before:
                pace = (time.monotonic() - started) / (done - before)
                if pace * (total - done) < _AHEAD_SECONDS:
                    work = folder / "work"
                    return Arriving(work / "files.copy", work / "symbols.copy", found)
        return found.result()

    async def _complete(
        self, job: Job, index: Index | Base | Arriving, extractor: str, progress: Latest
    ) -> bool:
        last: Progress | None = None

        def found_all() -> Progress | None:
            nonlocal last
            last = last or progress.value
            progress.set(("store", 0, None))
            return last

        completed: bool = await self._persist(
            lambda connection: rpc.complete(
                connection,
                job,
                index,
                extractor=extractor,
                worker_id=self.worker_id,
                lease=self._lease,
                progress=found_all,
            )
        )
        return completed

    async def _keep_alive(self, job: Job, progress: Latest) -> None:
        """Reports progress, at most twice a second, and shows a sign of life without any.

        Ends when `progress` is closed, or with the error that ends the job.
        """
        lease = self._lease.total_seconds()
        while True:
            news = await progress.wait(min(lease / 3, _QUIET_SECONDS))
            if progress.closed:
                return
            now = time.clock_gettime(_CLOCK)
            try:
                async with asyncio.timeout(_CALL_SECONDS), self._pool.connection() as connection:
                    cancel = await rpc.report(connection, job, lease=self._lease, progress=news)
            except (psycopg.OperationalError, TimeoutError):
                if news:
                    progress.renew(news)
            except psycopg.Error as error:
                raise_if_lost(error)
                raise
            else:
                self._leased[job] = now
                if cancel:
                    raise CancelledJobError
            await progress.pause(min(lease / 6, _REPORT_SECONDS))

    async def _finish(self, job: Job, status: str, metadata: dict[str, Any]) -> None:
        await self._persist(
            lambda connection: rpc.finish(
                connection, job, worker_id=self.worker_id, status=status, metadata=metadata
            )
        )

    async def _fail_attempt(self, job: Job, error: str) -> None:
        await self._persist(lambda connection: rpc.fail_attempt(connection, job, error=error))

    async def _persist(self, call: Call) -> Any:
        """Runs the call in a transaction; repeats it until an outage or a deadlock is over.

        Returns what the call gives.
        """
        refusals = 0
        while True:
            try:
                async with self._pool.connection() as connection, connection.transaction():
                    return await call(connection)
            except (psycopg.OperationalError, IdleInTransactionSessionTimeout) as error:
                outage = error.sqlstate is None or error.sqlstate.startswith(("08", "25P", "57P"))
                refusals += not outage
                if refusals == _STORE_ATTEMPTS:
                    raise
            except psycopg.Error as error:
                raise_if_lost(error)
                raise
            await asyncio.sleep(_REPORT_SECONDS)

    async def _hand_back(self, job: Job) -> None:
        """Gives the job up, so that the next claim takes it. If that fails, its lease runs out."""
        try:
            async with asyncio.timeout(_HAND_BACK_SECONDS), self._pool.connection() as connection:
                await rpc.report(connection, job, lease=timedelta(0))
        except (psycopg.Error, TimeoutError) as error:
            if getattr(error, "sqlstate", None) not in _LOST:
                reason = str(error).strip() or "timeout"
                logger.warning("job %s is not handed back, its lease runs out: %s", job.id, reason)


class Latest:
    """The newest progress of a job until it is closed; values between two looks are skipped."""

    def __init__(self) -> None:
        self.value: Progress | None = None
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """Ends what waits here: there will be no news."""
        self._closed.set()
        self._changed.set()

    def set(self, value: Progress) -> None:
        self.value = value
        self._changed.set()

    def renew(self, value: Progress) -> None:
        """Puts back a value that could not be told, unless there is a newer one."""
        if not self._changed.is_set():
            self.value = value
            self._changed.set()

    async def wait(self, seconds: float) -> Progress | None:
        """The value once it changed; None when it has not within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return None
        self._changed.clear()
        return self.value

    async def pause(self, seconds: float) -> None:
        """Returns after so many seconds, or once it is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()


@asynccontextmanager
async def running(work: Coroutine[Any, Any, Result]) -> AsyncIterator[asyncio.Task[Result]]:
    """The work as a task, which is ended at the end of the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_indexer(
    indexers: Indexers,
    request: dict[str, Any],
    folder: Path,
    base: Base | None,
    on_progress: Callable[[Progress], None],
) -> Index | Base:
    """Runs one indexer process to its end. However this ends, its process group is dead then.

    Returns the base itself when its commit is the one that the job asks for.
    Raises: FailedJobError with the indexer's own sentence; FailedAttemptError with it when the
    reason may pass by, or with one of ours when it died without.
    """
    path = folder / "request.json"
    log = folder / "indexer.log"
    await asyncio.to_thread(path.write_text, json.dumps(request))
    indexer = await indexers.start(path, log)
    limits = Limits(**request["limits"])
    try:
        if not await indexer.begun(_START_SECONDS):
            await indexers.close()  # those of other jobs end with it, and are tried again
            raise FailedAttemptError("The indexer did not start.")
        async with asyncio.timeout(limits.seconds + _SLACK_SECONDS):
            last = await _follow(indexer.output, on_progress)
    except TimeoutError:  # its watchman is gone
        raise FailedJobError(exceeded("time_limit", limits).message) from None
    finally:
        await indexer.kill()
    if last is None:
        logger.error("an indexer died without a word\n%s", await asyncio.to_thread(_tail, log))
        raise FailedAttemptError("The indexer stopped unexpectedly, without giving a reason.")
    if last["event"] == "error" and last["code"] in _TRANSIENT:
        raise FailedAttemptError(last["message"])
    if last["event"] == "error":
        raise FailedJobError(last["message"])
    if base and last["event"] == "unchanged":
        return base
    return Index(
        files=Path(last["files"]),
        symbols=Path(last["symbols"]),
        gone=Path(last["gone"]),
        base=base,
        commit_sha=last["commit_sha"],
        stats=last["stats"],
    )


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES).decode(errors="replace")


async def _follow(
    output: asyncio.StreamReader, on_progress: Callable[[Progress], None]
) -> dict[str, Any] | None:
    async for line in output:
        if not line.endswith(b"\n"):
            return None  # it died in the middle of a line
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "progress":
            return event
        on_progress((event["phase"], event["done"], event["total"]))
    return None


def raise_if_lost(error: psycopg.Error) -> None:
    """Turns the database's refusals of a job that is not ours into LostError."""
    if error.sqlstate in _LOST:
        raise LostError from error
