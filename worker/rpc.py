"""The runner's calls to the database: all of its SQL text is here.

The login is a member of service_role, which moves jobs only through functions. Refusals arrive as
psycopg errors with the SQLSTATEs PT404 (the job is gone), PT409 (it is no longer ours) and PT422.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

import anyio
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

# Nothing is joined here: the function sees jobs that are newer than the statement's snapshot.
_CLAIM = """
select j.id::text, j.attempt, j.ref, j.commit_sha, j.repository_id::text
from public.claim_index_job(p_worker_id => %s, p_lease => %s) as j
"""

_REPORT = """
select cancel_requested from public.report_job_progress(
  p_job_id => %s, p_attempt => %s, p_phase => %s, p_done => %s, p_total => %s, p_lease => %s)
"""

_UPDATE = """
select status::text from public.update_job_status(
  p_job_id => %s, p_status => %s, p_metadata => %s, p_attempt => %s, p_worker_id => %s)
"""

_FAIL = """
select status::text from public.fail_job_attempt(
  p_job_id => %s, p_attempt => %s, p_error => %s, p_retryable => true)
"""

_RESCUE = "select retried, failed, cancelled from public.retry_or_fail_stuck_jobs()"

_ONE_SNAPSHOT = "set transaction isolation level repeatable read, read only"

_GIT_URL = "select git_url from public.repositories where id = %s"

_BASE = """
select c.job_id::text, c.commit_sha, c.stats
from public.indexed_commits as c
where c.repository_id = %s
  and c.extractor = %s
  and (c.stats -> 'files_indexed') = to_jsonb((
    select count(*) from public.indexed_files as f where f.repository_id = c.repository_id))
"""

_KNOWN = """
copy (
  select f.id, f.path, f.language, f.bytes, f.blob_sha, f.symbol_count
  from public.indexed_files as f
  where f.repository_id = {} and f.symbol_count is not null
) to stdout
"""

# Rows are locked for a while: if this machine or process falls silent, Postgres is to notice soon.
_STAGE = """
set local tcp_keepalives_idle = 10;
set local tcp_keepalives_interval = 5;
set local tcp_keepalives_count = 3;
set local idle_in_transaction_session_timeout = {};
create temp table incoming_files (
  file_no integer, path text, language text, bytes bigint, blob_sha text, symbol_count integer)
  on commit drop;
create temp table incoming_symbols (
  file_no integer, name text, kind text, start_line integer, end_line integer, parent text)
  on commit drop;
create temp table gone_files (id bigint) on commit drop
"""

_COPY_FILES = """
copy pg_temp.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count) from stdin
"""

_COPY_SYMBOLS = """
copy pg_temp.incoming_symbols (file_no, name, kind, start_line, end_line, parent) from stdin
"""

_COPY_GONE = "copy pg_temp.gone_files (id) from stdin"

_ANALYZE_FILES = "analyze pg_temp.incoming_files"

_ANALYZE_GONE = "analyze pg_temp.gone_files"

_LOCK_REPOSITORY = "select from public.repositories where id = %s for no key update"

_STANDING = """
select status = 'completed' from public.index_jobs where id = %s and attempt = %s
"""

_DELETE_ALL_SYMBOLS = "delete from public.symbols where repository_id = %(repository)s"

_DELETE_ALL_FILES = "delete from public.indexed_files where repository_id = %(repository)s"

_DELETE_GONE_SYMBOLS = """
delete from public.symbols as s
using pg_temp.gone_files as g
where s.repository_id = %(repository)s and s.file_id = g.id
"""

_DELETE_GONE_FILES = """
delete from public.indexed_files as f
using pg_temp.gone_files as g
where f.repository_id = %(repository)s and f.id = g.id
"""

_DELETE_UNKNOWN_FILES = """
delete from public.indexed_files
where repository_id = %(repository)s and symbol_count is null
"""

_INSERT_FILES = """
insert into public.indexed_files
  (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)
select %(repository)s, %(job)s, i.path, i.language, i.bytes, i.blob_sha, i.symbol_count
from pg_temp.incoming_files as i
where not exists (
  select from public.indexed_files as f where f.repository_id = %(repository)s and f.path = i.path)
"""

_INSERT_SYMBOLS = """
insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line, parent)
select f.repository_id, f.id, s.name, s.kind, s.start_line, s.end_line, s.parent
from pg_temp.incoming_symbols as s
join pg_temp.incoming_files as i using (file_no)
join public.indexed_files as f on f.repository_id = %(repository)s and f.path = i.path
"""

_FORGET_STORED = "truncate pg_temp.incoming_symbols"

_COUNT = """
select count(*), coalesce(sum(f.symbol_count), 0),
  (select coalesce(sum(i.symbol_count), 0) from pg_temp.incoming_files as i)
from public.indexed_files as f
where f.repository_id = %(repository)s
"""

_REMEMBER = """
insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (%s, %s, %s, %s, %s)
on conflict (repository_id) do update
set job_id = excluded.job_id, commit_sha = excluded.commit_sha, extractor = excluded.extractor,
  stats = excluded.stats
"""

_BLOCK = 64 * 1024
# How long new rows are waited for before they are stored.
_PART_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """A claimed job: this attempt of it is ours until the lease runs out."""

    id: str
    attempt: int
    ref: str
    commit_sha: str | None
    repository_id: str


Progress = tuple[str, int, int | None]
"""Phase, how many are done, of how many if that is known."""


@dataclass(frozen=True)
class Base:
    """What the tables hold of a repository: one commit, as one job left it.

    `known` is a file of those rows that need not be made again, as the indexer wants them.
    """

    job_id: str
    commit_sha: str
    stats: dict[str, Any]
    known: Path


@dataclass(frozen=True)
class Repository:
    """What a job's repository is cloned from, and what the tables hold of it."""

    git_url: str
    base: Base | None


@dataclass(frozen=True)
class Index:
    """What an indexer found: three files in COPY's text format and the figures about them.

    With a `base` they say what changed since; without one they are the whole.
    """

    files: Path
    symbols: Path
    gone: Path
    base: Base | None
    commit_sha: str
    stats: dict[str, Any]


@dataclass(frozen=True)
class Arriving:
    """An index of the whole that is being made, `found` at the end; its files are growing.

    At any time `files` has the row of each file whose symbols are in `symbols`.
    """

    files: Path
    symbols: Path
    found: asyncio.Task[Index | Base]


async def claim(
    connection: AsyncConnection[Any], *, worker_id: str, lease: timedelta
) -> Job | None:
    """Takes the next job for this worker, or nothing when there is none to do."""
    async with connection.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(_CLAIM, (worker_id, lease))
        return await cursor.fetchone()


async def report(
    connection: AsyncConnection[Any],
    job: Job,
    *,
    lease: timedelta | None,
    progress: Progress | None = None,
) -> bool:
    """A sign of life, with progress if there is any news of it.

    The lease runs anew unless it is None; a lease of zero hands the job back. Returns whether
    somebody asked to cancel the job.
    """
    phase, done, total = progress or (None, None, None)
    cursor = await connection.execute(_REPORT, (job.id, job.attempt, phase, done, total, lease))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def finish(
    connection: AsyncConnection[Any],
    job: Job,
    *,
    worker_id: str,
    status: str,
    metadata: dict[str, Any],
) -> None:
    """Ends this attempt of the job as failed, cancelled or completed."""
    await connection.execute(_UPDATE, (job.id, status, Jsonb(metadata), job.attempt, worker_id))


async def fail_attempt(connection: AsyncConnection[Any], job: Job, *, error: str) -> None:
    """Ends this attempt of the job, which is tried again later unless it was the last one."""
    await connection.execute(_FAIL, (job.id, job.attempt, error))


async def rescue(connection: AsyncConnection[Any]) -> tuple[int, int, int]:
    """Ends attempts whose worker is gone. How many jobs are retried, failed, cancelled."""
    cursor = await connection.execute(_RESCUE)
    retried, failed, cancelled = await cursor.fetchone() or (0, 0, 0)
    return retried, failed, cancelled


async def read_repository(
    connection: AsyncConnection[Any], job: Job, *, extractor: str, known: Path
) -> Repository | None:
    """The job's repository, with its rows as base if that extractor made them.

    Returns None when it was deleted, and its jobs with it. Writes the file `known`, unless the job
    asks for the commit that is there. To be run in one transaction, its first.
    """
    await connection.execute(_ONE_SNAPSHOT)
    cursor = await connection.execute(_GIT_URL, (job.repository_id,))
    row = await cursor.fetchone()
    if row is None:
        return None
    base = await _base(connection, job, extractor, known)
    if base is not None and base.commit_sha != job.commit_sha:
        statement = sql.SQL(_KNOWN).format(job.repository_id)
        rows = bytearray()
        async with (
            await anyio.open_file(known, "wb") as file,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            async for line in copy:
                rows += line
                if len(rows) > _BLOCK:
                    await file.write(rows)
                    rows.clear()
            await file.write(rows)
    return Repository(row[0], base)


async def complete(
    connection: AsyncConnection[Any],
    job: Job,
    made: Index | Base | Arriving,
    *,
    extractor: str,
    worker_id: str,
    lease: timedelta,
    progress: Callable[[], Progress | None],
) -> bool:
    """Brings the repository's rows up to date and completes the job, with its last `progress`.

    What was `made` is an index, whose rows are stored as they come when it is not done; or a Base,
    which says that its commit is the job's. Where the commit's rows are there already, they stay,
    and the stats tell so. Returns False, having changed nothing, when the base is not what there
    is any more: another job came between, and all must be indexed anew.

    To be run in one transaction. The job is touched last: its lock is short, and a worker that
    lost the job leaves no row behind. Repeating it after a lost answer changes nothing. Postgres
    ends it when this process is silent for as long as the lease: one that stands still with the
    repository locked must not hold up whoever took over the job.
    """
    rows = None if isinstance(made, Base) else _Rows(connection, job, made)
    if rows:
        silence = max(lease.total_seconds(), 5 * _PART_SECONDS)
        await connection.execute(sql.SQL(_STAGE).format(int(1000 * silence)))
        await rows.take()
    await connection.execute(_LOCK_REPOSITORY, (job.repository_id,))
    cursor = await connection.execute(_STANDING, (job.id, job.attempt))
    if await cursor.fetchone() == (True,):
        return True  # done already; since then a later job may have changed the rows
    there = await _base(connection, job, extractor, Path())
    if isinstance(made, Arriving):
        if rows and there is None:  # nor can it come, behind the lock
            await rows.store_as_they_come(made.found)
        index = await made.found
        if rows:
            await rows.take()
    else:
        index = made
    last = progress()

    base = index.base if isinstance(index, Index) else index
    if there is not None and there.commit_sha == index.commit_sha:
        reused = {"files_unchanged": there.stats["files_indexed"]}
        reused |= {"reused": True, "reused_job_id": there.job_id}
        stats = there.stats | reused
        files = stats["files_indexed"] + stats["files_skipped"]
        last = ("symbols", files, files)
    elif isinstance(index, Base) or (base and base.job_id != (there and there.job_id)):
        return False
    else:
        assert rows is not None  # noqa: S101 - what is not a Base has rows
        stats = index.stats
        await rows.store_rest(index)
        await connection.execute(
            _REMEMBER, (job.repository_id, job.id, index.commit_sha, extractor, Jsonb(stats))
        )

    await report(connection, job, lease=None, progress=last)
    metadata = {"stats": stats, "commit_sha": index.commit_sha}
    await finish(connection, job, worker_id=worker_id, status="completed", metadata=metadata)
    return True


async def _base(
    connection: AsyncConnection[Any], job: Job, extractor: str, known: Path
) -> Base | None:
    cursor = await connection.execute(_BASE, (job.repository_id, extractor))
    row = await cursor.fetchone()
    return Base(job_id=row[0], commit_sha=row[1], stats=row[2], known=known) if row else None


class _Rows:
    """Stages the rows of an index and stores them, at once or in parts as they come."""

    def __init__(self, connection: AsyncConnection[Any], job: Job, index: Index | Arriving) -> None:
        self._connection = connection
        self._ids = {"repository": job.repository_id, "job": job.id}
        self._files = _Tail(index.files)
        self._symbols = _Tail(index.symbols)
        self._is_replacing = False
        self._stored = 0

    async def take(self) -> None:
        """Stages what there is and was not staged."""
        # in this order: a file's row is written before those of its symbols
        await self._copy(_COPY_SYMBOLS, self._symbols)
        await self._copy(_COPY_FILES, self._files)

    async def store_as_they_come(self, found: asyncio.Task[Index | Base]) -> None:
        """Replaces all rows of the repository by those that come; the last ones are to be taken."""
        await self._replace_all()
        await self._store()
        while not (await asyncio.wait({found}, timeout=_PART_SECONDS))[0]:
            await self.take()
            await self._store()

    async def store_rest(self, index: Index) -> None:
        """Stores what was taken. Raises ValueError when the rows are not what the stats say."""
        if index.base is not None:
            await self._copy(_COPY_GONE, _Tail(index.gone))
            await self._connection.execute(_ANALYZE_GONE)
            await self._connection.execute(_DELETE_GONE_SYMBOLS, self._ids)
            await self._connection.execute(_DELETE_GONE_FILES, self._ids)
            await self._connection.execute(_DELETE_UNKNOWN_FILES, self._ids)
        elif not self._is_replacing:
            await self._replace_all()
        await self._store()
        counted = await (await self._connection.execute(_COUNT, self._ids)).fetchone()
        claimed = (index.stats.get("files_indexed"), index.stats.get("symbols_extracted"))
        if counted != (*claimed, self._stored):
            raise ValueError(f"stats say {claimed}, rows {counted}, {self._stored} of them new")

    async def _replace_all(self) -> None:
        self._is_replacing = True
        await self._connection.execute(_DELETE_ALL_SYMBOLS, self._ids)
        await self._connection.execute(_DELETE_ALL_FILES, self._ids)

    async def _store(self) -> None:
        await self._connection.execute(_ANALYZE_FILES)
        await self._connection.execute(_INSERT_FILES, self._ids)
        self._stored += (await self._connection.execute(_INSERT_SYMBOLS, self._ids)).rowcount
        await self._connection.execute(_FORGET_STORED)

    async def _copy(self, statement: LiteralString, tail: _Tail) -> None:
        async with (
            self._connection.cursor() as cursor,
            cursor.copy(statement) as copy,
            aclosing(tail.read()) as blocks,
        ):
            async for lines in blocks:
                await copy.write(lines)


class _Tail:
    """Reads the whole lines that a file has got since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    async def read(self) -> AsyncGenerator[bytes, None]:
        """Those lines, in blocks."""
        async with await anyio.open_file(self._path, "rb") as file:
            await file.seek(self._read)
            rest = b""
            while block := await file.read(_BLOCK):
                lines, newline, rest = (rest + block).rpartition(b"\n")
                self._read += len(lines + newline)
                if newline:
                    yield lines + newline
