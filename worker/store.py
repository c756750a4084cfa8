"""Stores an index and completes its job: rows by COPY into the staging tables, then SQL functions.

All of it is one transaction. A complete new index may still be growing in the meantime.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, LiteralString

import anyio
from psycopg import sql
from psycopg.types.json import Jsonb

from db.tools.connection import BoundedConnection
from worker.progress import Progress
from worker.records import GrowingIndex, Index, Job, NewIndex, Repository, StoredIndex

_BEGIN: Final = """
select b.git_url, b.base_job_id::text, b.base_commit_sha, (
  select coalesce(r.owner_user_id, r.organization_id)::text
  from public.repositories as r
  where r.id = %s
)
from public.begin_index(p_job_id => %s, p_attempt => %s, p_extractor => %s) as b
"""
_COPY_KNOWN: Final = """
copy (
  select f.id, f.path, f.language, f.bytes, f.blob_sha, f.symbol_count
  from public.indexed_files as f
  where f.repository_id = {} and f.symbol_count is not null
) to stdout
"""
_COPY_FILES: Final = """
copy private.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count) from stdin
"""
_COPY_SYMBOLS: Final = """
copy private.incoming_symbols (file_no, name, kind, start_line, end_line, parent) from stdin
"""
_COPY_SKIPPED: Final = "copy private.incoming_skipped (path, reason) from stdin"
_COPY_GONE: Final = "copy private.gone_files (id) from stdin"
_STATEMENT_TIMEOUT: Final = "select set_config('statement_timeout', %s, true)"
_STORE: Final = "select public.store_index_rows(p_job_id => %s, p_attempt => %s)"
_COMPLETE: Final = """
select public.complete_index(
  p_job_id => %s, p_attempt => %s, p_worker_id => %s, p_extractor => %s, p_base_job_id => %s,
  p_commit_sha => %s, p_stats => %s, p_phase => %s, p_done => %s, p_total => %s)
"""
_BLOCK: Final = 64 * 1024
# The interval between two parts of a growing index.
_PART_SECONDS: Final = 1.0


async def begin_index(
    connection: BoundedConnection, job: Job, extractor: str, known: Path, seconds: float
) -> Repository | None:
    """Like WorkerRpc.begin_index. Returns None if the repository is gone. Raises psycopg.Error."""
    arguments = (job.repository_id, job.id, job.attempt, extractor)
    row = await (await connection.execute(_BEGIN, arguments)).fetchone()
    if row is None:
        return None
    git_url, base_job_id, base_commit_sha, tenant_id = row
    if base_job_id is None:
        return Repository(git_url, tenant_id, None)
    if base_commit_sha != job.commit_sha:
        # another job may complete in between: then complete_index reports that the base has changed
        await set_timeout(connection, seconds)
        statement = sql.SQL(_COPY_KNOWN).format(job.repository_id)
        async with (
            await anyio.open_file(known, "wb") as file,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            rows = bytearray()
            async for row_text in copy:
                rows += row_text
                if len(rows) > _BLOCK:
                    await file.write(rows)
                    rows.clear()
            await file.write(rows)
    return Repository(git_url, tenant_id, StoredIndex(base_job_id, base_commit_sha, known))


async def complete_index(
    connection: BoundedConnection,
    job: Job,
    index: Index | GrowingIndex,
    *,
    worker_id: str,
    extractor: str,
    progress: Callable[[], Progress | None],
    seconds: float,
) -> bool:
    """Like WorkerRpc.complete_index, in the caller's transaction, with `seconds` per statement.

    Raises psycopg.Error, and what the indexing raises.
    """
    await set_timeout(connection, seconds)
    parts = None
    if isinstance(index, GrowingIndex):
        parts = _Parts(connection, index.files, index.symbols)
        while not (await asyncio.wait({index.made}, timeout=_PART_SECONDS))[0]:
            await parts.copy()
            with connection.patient(seconds + 1):
                await connection.execute(_STORE, (job.id, job.attempt))
        index = index.made.result()
    base = index.base if isinstance(index, NewIndex) else index
    stats = Jsonb(index.stats) if isinstance(index, NewIndex) else None
    if isinstance(index, NewIndex):
        await (parts or _Parts(connection, index.files, index.symbols)).copy()
        await _Part(index.skipped).copy(connection, _COPY_SKIPPED)
        await _Part(index.gone).copy(connection, _COPY_GONE)
    with connection.patient(seconds + 1):
        cursor = await connection.execute(
            _COMPLETE,
            (
                job.id,
                job.attempt,
                worker_id,
                extractor,
                base and base.job_id,
                index.commit_sha,
                stats,
                *(progress() or (None, None, None)),
            ),
        )
    return await cursor.fetchone() != ("base_changed",)


async def set_timeout(connection: BoundedConnection, seconds: float) -> None:
    """Sets the time limit of each statement in the transaction, in seconds."""
    await connection.execute(_STATEMENT_TIMEOUT, (str(round(1000 * seconds)),))


class _Parts:
    """Copies files and symbols in parts."""

    def __init__(self, connection: BoundedConnection, files: Path, symbols: Path) -> None:
        self._connection = connection
        self._files = _Part(files)
        self._symbols = _Part(symbols)

    async def copy(self) -> None:
        """Copies the rows written since the last call. A symbol's file is copied first or with it.

        A file's row is written before its symbols, so files are read last.
        """
        await self._symbols.copy(self._connection, _COPY_SYMBOLS)
        await self._files.copy(self._connection, _COPY_FILES)


class _Part:
    """Yields the complete lines added to a file since the last call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    async def copy(self, connection: BoundedConnection, statement: LiteralString) -> None:
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            async for lines in self._lines():
                await copy.write(lines)

    async def _lines(self) -> AsyncIterator[bytes]:
        async with await anyio.open_file(self._path, "rb") as file:
            await file.seek(self._read)
            rest = b""
            while block := await file.read(_BLOCK):
                lines, newline, rest = (rest + block).rpartition(b"\n")
                self._read += len(lines + newline)
                if newline:
                    yield lines + newline
