"""The rows of an index: what the tables hold of a repository, and how a new index is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

import anyio
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from worker.progress import Progress
from worker.records import Job, NewIndex, Repository, StoredIndex, UnfinishedIndex

_ONE_SNAPSHOT: Final = "set transaction isolation level repeatable read, read only"

_GIT_URL: Final = "select git_url from public.repositories where id = %s"

_STORED: Final = """
select c.job_id::text, c.commit_sha, c.stats
from public.indexed_commits as c
where c.repository_id = %s
  and c.extractor = %s
  and (c.stats -> 'files_indexed') = to_jsonb((
    select count(*) from public.indexed_files as f where f.repository_id = c.repository_id))
"""
_KNOWN: Final = """
copy (
  select f.id, f.path, f.language, f.bytes, f.blob_sha, f.symbol_count
  from public.indexed_files as f
  where f.repository_id = {} and f.symbol_count is not null
) to stdout
"""

# Rows are locked for a while: if this machine or process falls silent, Postgres is to notice soon.
_STAGE: Final = """
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
_COPY_FILES: Final = """
copy pg_temp.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count) from stdin
"""
_COPY_SYMBOLS: Final = """
copy pg_temp.incoming_symbols (file_no, name, kind, start_line, end_line, parent) from stdin
"""
_COPY_GONE: Final = "copy pg_temp.gone_files (id) from stdin"

_ANALYZE_FILES: Final = "analyze pg_temp.incoming_files"

_ANALYZE_GONE: Final = "analyze pg_temp.gone_files"

_LOCK_REPOSITORY: Final = "select from public.repositories where id = %s for no key update"

_IS_COMPLETED: Final = """
select status = 'completed' from public.index_jobs where id = %s and attempt = %s
"""
_DELETE_ALL_SYMBOLS: Final = "delete from public.symbols where repository_id = %(repository)s"

_DELETE_ALL_FILES: Final = "delete from public.indexed_files where repository_id = %(repository)s"

_DELETE_GONE_SYMBOLS: Final = """
delete from public.symbols as s
using pg_temp.gone_files as g
where s.repository_id = %(repository)s and s.file_id = g.id
"""
_DELETE_GONE_FILES: Final = """
delete from public.indexed_files as f
using pg_temp.gone_files as g
where f.repository_id = %(repository)s and f.id = g.id
"""
_DELETE_UNKNOWN_FILES: Final = """
delete from public.indexed_files
where repository_id = %(repository)s and symbol_count is null
"""
_INSERT_FILES: Final = """
insert into public.indexed_files
  (repository_id, job_id, path, language, bytes, blob_sha, symbol_count)
select %(repository)s, %(job)s, i.path, i.language, i.bytes, i.blob_sha, i.symbol_count
from pg_temp.incoming_files as i
where not exists (
  select from public.indexed_files as f where f.repository_id = %(repository)s and f.path = i.path)
"""
_INSERT_SYMBOLS: Final = """
insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line, parent)
select f.repository_id, f.id, s.name, s.kind, s.start_line, s.end_line, s.parent
from pg_temp.incoming_symbols as s
join pg_temp.incoming_files as i using (file_no)
join public.indexed_files as f on f.repository_id = %(repository)s and f.path = i.path
"""
_FORGET_STORED: Final = "truncate pg_temp.incoming_symbols"

_COUNT: Final = """
select count(*), coalesce(sum(f.symbol_count), 0),
  (select coalesce(sum(i.symbol_count), 0) from pg_temp.incoming_files as i)
from public.indexed_files as f
where f.repository_id = %(repository)s
"""
_UPSERT_COMMIT: Final = """
insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (%s, %s, %s, %s, %s)
on conflict (repository_id) do update
set job_id = excluded.job_id, commit_sha = excluded.commit_sha, extractor = excluded.extractor,
  stats = excluded.stats
"""
_BLOCK: Final = 64 * 1024
# How long new rows are waited for before they are stored.
_PART_SECONDS: Final = 1.0


class BaseChangedError(Exception):
    """The rows that an index was to change are not there any more."""


@dataclass(frozen=True)
class Completion:
    """What a job is completed with, once its rows are stored."""

    commit_sha: str
    stats: dict[str, Any]
    progress: Progress | None


async def read(
    connection: AsyncConnection[Any], job: Job, *, extractor: str, known: Path
) -> Repository | None:
    """The job's repository, with what is stored of it if that extractor made it.

    Returns None when it was deleted, and its jobs with it. Writes the file `known`, unless the job
    asks for the commit that is stored. To be run in one transaction, its first.
    """
    await connection.execute(_ONE_SNAPSHOT)
    cursor = await connection.execute(_GIT_URL, (job.repository_id,))
    row = await cursor.fetchone()
    if row is None:
        return None
    stored = await _read_stored(connection, job, extractor, known)
    if stored is not None and stored.commit_sha != job.commit_sha:
        statement = sql.SQL(_KNOWN).format(job.repository_id)
        lines = bytearray()
        async with (
            await anyio.open_file(known, "wb") as file,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            async for line in copy:
                lines += line
                if len(lines) > _BLOCK:
                    await file.write(lines)
                    lines.clear()
            await file.write(lines)
    return Repository(row[0], stored)


async def store(
    connection: AsyncConnection[Any],
    job: Job,
    index: NewIndex | StoredIndex | UnfinishedIndex,
    *,
    extractor: str,
    lease_seconds: float,
    last_progress: Callable[[], Progress | None],
) -> Completion | None:
    """Brings the repository's rows up to date, as WorkerRpc.complete says.

    Returns None when the job is completed already. Raises BaseChangedError, having changed nothing.
    To be run in one transaction, which Postgres ends when this process is silent for as long as the
    lease: one that stands still with the repository locked must not hold up the next worker.
    """
    rows = None if isinstance(index, StoredIndex) else _Rows(connection, job, index)
    if rows:
        silence = max(lease_seconds, 5 * _PART_SECONDS)
        await connection.execute(sql.SQL(_STAGE).format(int(1000 * silence)))
        await rows.stage()
    await connection.execute(_LOCK_REPOSITORY, (job.repository_id,))
    cursor = await connection.execute(_IS_COMPLETED, (job.id, job.attempt))
    if await cursor.fetchone() == (True,):
        return None  # since then a later job may have changed the rows
    stored = await _read_stored(connection, job, extractor, Path())
    if isinstance(index, UnfinishedIndex):
        if rows and stored is None:  # nor can it come, behind the lock
            await rows.store_as_they_come(index.found)
        found = await index.found
        if rows:
            await rows.stage()
    else:
        found = index
    progress = last_progress()

    base = found.base if isinstance(found, NewIndex) else found
    if stored is not None and stored.commit_sha == found.commit_sha:
        reused = {"files_unchanged": stored.stats["files_indexed"]}
        reused |= {"reused": True, "reused_job_id": stored.job_id}
        stats = stored.stats | reused
        files = stats["files_indexed"] + stats["files_skipped"]
        return Completion(found.commit_sha, stats, Progress("symbols", files, files))
    if isinstance(found, StoredIndex) or (base and base.job_id != (stored and stored.job_id)):
        raise BaseChangedError
    assert rows is not None  # noqa: S101 - only a StoredIndex has none
    await rows.store_rest(found)
    await connection.execute(
        _UPSERT_COMMIT,
        (job.repository_id, job.id, found.commit_sha, extractor, Jsonb(found.stats)),
    )
    return Completion(found.commit_sha, found.stats, progress)


async def _read_stored(
    connection: AsyncConnection[Any], job: Job, extractor: str, known: Path
) -> StoredIndex | None:
    cursor = await connection.execute(_STORED, (job.repository_id, extractor))
    row = await cursor.fetchone()
    return StoredIndex(row[0], row[1], row[2], known) if row else None


class _Rows:
    """Stages the rows of an index and stores them, at once or in parts as they come."""

    def __init__(
        self, connection: AsyncConnection[Any], job: Job, index: NewIndex | UnfinishedIndex
    ) -> None:
        self._connection = connection
        self._ids = {"repository": job.repository_id, "job": job.id}
        self._files = _Tail(index.files)
        self._symbols = _Tail(index.symbols)
        self._is_replacing = False
        self._stored = 0

    async def stage(self) -> None:
        """Stages what there is and was not staged."""
        # in this order: a file's row is written before those of its symbols
        await self._copy(_COPY_SYMBOLS, self._symbols)
        await self._copy(_COPY_FILES, self._files)

    async def store_as_they_come(self, found: asyncio.Task[NewIndex | StoredIndex]) -> None:
        """Replaces all rows of the repository by those that come. The last are not staged yet."""
        await self._replace_all()
        await self._store()
        while not (await asyncio.wait({found}, timeout=_PART_SECONDS))[0]:
            await self.stage()
            await self._store()

    async def store_rest(self, index: NewIndex) -> None:
        """Stores what was staged. Raises ValueError when the rows are not what the stats say."""
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
