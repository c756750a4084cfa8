"""One attempt of a job, from its claim to the report of its end.

Only the database decides what happens to a job. If it refuses a call because the job is no longer
ours, the attempt is dropped.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from db.tools.logs import Logger, get_logger
from worker.credentials import CloneCredentials, CredentialHelper
from worker.indexer.fingerprint import fingerprint
from worker.indexer.guard import exceeded
from worker.indexer.protocol import Known, Request
from worker.indexer.text import last_bytes
from worker.progress import Progress, ProgressChannel
from worker.records import GrowingIndex, Index, Job, NewIndex, Repository, StoredIndex
from worker.rpc import LostError, UnreachableError, WorkerRpc
from worker.scratch import remove
from worker.spawner import Indexers
from worker.tasks import cancel_tasks
from worker.timings import Timings

logger = get_logger(__name__)

_TAIL_BYTES = 4000
_END_SECONDS = 20.0  # longer than it takes to kill an indexer
_LOOK_SECONDS = 0.25  # between two checks of the indexer's progress
# the indexer's codes for transient errors
_TRANSIENT = {"host_unreachable", "internal_error", "interrupted"}

Result = TypeVar("Result")


class CancelledJobError(Exception):
    """A user asked to cancel the job."""


class FailedJobError(Exception):
    """The job cannot succeed. The message is shown to its user."""


class FailedAttemptError(Exception):
    """This attempt failed, but another may succeed. The message is shown to the user."""


class Attempt:
    """Indexes one job and stores the result.

    `template` is the indexer's request for any job. `git_url` and the other fields of one job are
    replaced. Creates `folder`, and removes it at the end.
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        *,
        template: Request,
        rpc: WorkerRpc,
        indexers: Indexers,
        helper: CredentialHelper | None,
        lease_seconds: float,
        timings: Timings,
    ) -> None:
        self._job = job
        self._folder = folder
        self._template = template
        self._rpc = rpc
        self._indexers = indexers
        self._helper = helper
        self._lease = lease_seconds
        self._timings = timings
        self._progress = ProgressChannel()
        self._indexed: Progress | None = None
        self._late_at = math.inf
        self._is_late = False
        self._log = logger.bind(**job.log_fields)
        self._began = time.monotonic()

    async def run(self) -> None:
        """Runs the attempt to its end. If cancelled, hands the job back.

        Raises nothing else. Errors are reported to the database or logged.
        """
        self._log.info("job claimed")
        try:
            await self._run()
        except LostError:
            self._log_event("job lost")
        except asyncio.CancelledError:
            if await self._rpc.hand_back(self._job):
                self._log_event("job handed back")
            raise
        except Exception:
            self._log.exception("could not end the attempt")
        finally:
            self._rpc.forget(self._job)
            await asyncio.to_thread(remove, self._folder)

    def _log_event(self, event: str, **fields: str) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        self._log.info(event, seconds=seconds, **fields)

    async def _run(self) -> None:
        try:
            await self._work()
            self._log_event("job ended", status="completed")
        except CancelledJobError:
            await self._rpc.finish(self._job, "cancelled", {})
            self._log_event("job ended", status="cancelled")
        except FailedJobError as failure:
            await self._rpc.finish(self._job, "failed", {"error": str(failure)})
            self._log_event("job ended", status="failed", error=str(failure))
        except FailedAttemptError as failure:
            await self._fail_attempt(str(failure))
        except (LostError, asyncio.CancelledError):
            raise
        except Exception:
            self._log.exception("internal error")
            sentence = "The runner had an internal error. Its log has the details."
            await self._fail_attempt(sentence)

    async def _fail_attempt(self, error: str) -> None:
        status = await self._rpc.fail_attempt(self._job, error)
        if status == "processing":
            self._log_event("job retried", error=error)
        else:
            self._log_event("job ended", status=status, error=error)

    async def _work(self) -> None:
        """Indexes and stores while reporting progress. The first error of either ends both."""
        indexing = asyncio.create_task(self._index_and_store())
        reporting = asyncio.create_task(self._report())
        try:
            await asyncio.wait({indexing, reporting}, return_when=asyncio.FIRST_COMPLETED)
            if indexing.done():
                self._progress.close()
                # a running report may finish: cancelling it would lose its connection
                await asyncio.wait({reporting})
                indexing.result()
            else:
                reporting.result()
        finally:
            await cancel_tasks(indexing, reporting, retry_after=_END_SECONDS)

    async def _report(self) -> None:
        """Renews the lease and reports progress until the channel is closed.

        A step that exceeds its time limit counts as hanging. Then the lease is not renewed until
        the step is over, so that another worker can claim the job.
        Raises CancelledJobError if a user asked to cancel, or LostError.
        """
        timings = self._timings
        while True:
            progress = await self._progress.wait(min(self._lease / 3, timings.report_quiet))
            if self._progress.closed:
                return
            if not self._step_is_late():
                await self._report_once(progress)
            await self._progress.pause(min(self._lease / 6, timings.report_every))

    async def _report_once(self, progress: Progress | None) -> None:
        try:
            cancel = await self._rpc.report(self._job, progress)
        except UnreachableError:
            if progress:
                self._progress.put_back(progress)
        else:
            if cancel:
                raise CancelledJobError

    def _begin_step(self, seconds: float) -> None:
        """Starts the next step, which may take this many seconds."""
        self._late_at = asyncio.get_running_loop().time() + seconds

    def _step_is_late(self) -> bool:
        was_late, self._is_late = self._is_late, asyncio.get_running_loop().time() > self._late_at
        if self._is_late and not was_late:
            self._log.warning("a step is taking too long: not renewing the lease")
        return self._is_late

    async def _index_and_store(self) -> None:
        extractor = fingerprint(self._template.limits.file_bytes)
        self._begin_step(2 * self._timings.store)
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True)
        repository = await self._rpc.begin_index(
            self._job, extractor=extractor, known=self._folder / "known.copy"
        )
        base = repository.stored
        while True:
            indexing = asyncio.create_task(self._index(repository, base))
            try:
                await self._wait_for_rows(indexing, is_whole=base is None)
                if await self._rpc.complete_index(
                    self._job,
                    self._index_of(indexing),
                    extractor=extractor,
                    progress=lambda: self._indexed,
                ):
                    return
            finally:
                await cancel_tasks(indexing, retry_after=_END_SECONDS)
            base = (
                None  # another job of the repository completed in between: index everything, once
            )

    async def _wait_for_rows(self, indexing: asyncio.Task[Index], *, is_whole: bool) -> None:
        """Waits until the indexing is over, or its first rows can be stored."""
        started, before = 0.0, 0
        while not (await asyncio.wait({indexing}, timeout=_LOOK_SECONDS))[0]:
            now, progress = asyncio.get_running_loop().time(), self._progress.newest
            if not is_whole or not progress or progress.phase != "symbols" or not progress.total:
                continue
            if not started:
                started, before = now, progress.done
            elif progress.done > before:
                pace = (now - started) / (progress.done - before)
                if pace * (progress.total - progress.done) < self._timings.store_ahead:
                    return

    def _index_of(self, indexing: asyncio.Task[Index]) -> Index | GrowingIndex:
        if indexing.done():
            return indexing.result()
        work = self._folder / "work"
        return GrowingIndex(work / "files.copy", work / "symbols.copy", indexing)

    async def _index(self, repository: Repository, base: StoredIndex | None) -> Index:
        """Indexes the commit unless it is stored. Returns what to store."""
        if base and base.commit_sha == self._job.commit_sha:
            index: Index = base
        else:
            index = await self._run_indexer(repository, base)
        self._indexed = self._progress.newest
        self._progress.set(Progress("store", 0, None))
        self._begin_step(2 * self._timings.store)
        return index

    async def _run_indexer(self, repository: Repository, base: StoredIndex | None) -> Index:
        timings, limits = self._timings, self._template.limits
        self._begin_step(timings.indexer_start + limits.seconds + timings.indexer_overtime)
        work = self._folder / "work"
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        await asyncio.to_thread(work.mkdir, mode=0o700)
        request = replace(
            self._template,
            git_url=repository.git_url,
            scratch=work,
            ref=self._job.ref,
            commit_sha=self._job.commit_sha,
            known=Known(base.commit_sha, base.known) if base else None,
        )
        last = await run_indexer(
            self._indexers,
            request,
            self._folder,
            on_progress=self._progress.set,
            credentials=self._credentials(repository),
            timings=timings,
            log=self._log,
        )
        if base and last["event"] == "unchanged":
            return base
        return NewIndex(
            files=Path(last["files"]),
            symbols=Path(last["symbols"]),
            skipped=Path(last["skipped"]),
            gone=Path(last["gone"]),
            base=base,
            commit_sha=last["commit_sha"],
            stats=last["stats"],
        )

    def _credentials(self, repository: Repository) -> CloneCredentials | None:
        """Returns None if the repository now belongs to another tenant, who set its address."""
        if self._helper is None or repository.tenant_id != self._job.tenant_id:
            return None
        return CloneCredentials(self._helper, self._job, repository.git_url)


async def run_indexer(
    indexers: Indexers,
    request: Request,
    folder: Path,
    *,
    on_progress: Callable[[Progress], None],
    credentials: CloneCredentials | None = None,
    timings: Timings,
    log: Logger,
) -> dict[str, Any]:
    """Runs one indexer to its end and returns its last event, a Result or Unchanged.

    With `credentials`, they answer the questions of its git. In any case, the indexer's process
    group is dead afterwards.
    Raises FailedJobError with the indexer's message, or FailedAttemptError if the error is
    transient or the indexer died without a last event.
    """
    path = folder / "request.json"
    errors = folder / "indexer.log"
    request = replace(request, credentials=credentials is not None)
    await asyncio.to_thread(request.write, path)
    async with AsyncExitStack() as opened:
        theirs = None
        if credentials:
            theirs = await opened.enter_async_context(credentials.answering())
        indexer = await indexers.start(path, errors, theirs)
        opened.push_async_callback(indexer.kill)
        if not await indexer.has_begun(timings.indexer_start):
            await indexers.close()  # other jobs' indexers end with it, and are retried
            raise FailedAttemptError("The indexer did not start.")
        try:
            async with asyncio.timeout(request.limits.seconds + timings.indexer_overtime):
                last = await _follow(indexer.output, on_progress)
        except TimeoutError:  # the supervisor of its limits is gone
            raise FailedJobError(exceeded("time_limit", request.limits).message) from None
    if last is None:
        output = await asyncio.to_thread(last_bytes, errors, _TAIL_BYTES)
        log.error("the indexer died without a last event", output=output.decode(errors="replace"))
        raise FailedAttemptError("The indexer stopped unexpectedly without giving a reason.")
    if last["event"] == "error":
        failure = credentials and credentials.failure(last["code"])
        sentence, is_transient = failure or (last["message"], last["code"] in _TRANSIENT)
        raise (FailedAttemptError if is_transient else FailedJobError)(sentence)
    return last


async def _follow(
    output: asyncio.StreamReader, on_progress: Callable[[Progress], None]
) -> dict[str, Any] | None:
    """Returns the last event of an indexer, or None if it died before."""
    async for line in output:
        if not line.endswith(b"\n"):
            return None  # it died in the middle of a line
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "progress":
            return event
        on_progress(Progress(event["phase"], event["done"], event["total"]))
    return None
