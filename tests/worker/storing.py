"""A worker that stores an index by SQL alone, like a third-party worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

COPIES: dict[str, LiteralString] = {
    "files": "copy private.incoming_files"
    " (file_no, path, language, bytes, blob_sha, symbol_count) from stdin",
    "symbols": "copy private.incoming_symbols"
    " (file_no, name, kind, start_line, end_line, parent) from stdin",
    "skipped": "copy private.incoming_skipped (path, reason) from stdin",
    "gone": "copy private.gone_files (id) from stdin",
}
_COMPLETE: LiteralString = """
select public.complete_index(
  p_job_id => %(job)s, p_attempt => %(attempt)s, p_worker_id => %(worker)s,
  p_extractor => %(extractor)s, p_base_job_id => %(base)s, p_commit_sha => %(commit)s,
  p_stats => %(stats)s, p_phase => 'symbols', p_done => 1, p_total => 1)
"""


@dataclass(frozen=True)
class Rows:
    """The rows that a worker sends, and their stats."""

    files: Sequence[tuple[Any, ...]] = ()
    symbols: Sequence[tuple[Any, ...]] = ()
    skipped: Sequence[tuple[Any, ...]] = ()
    gone: Sequence[tuple[Any, ...]] = ()
    stats: dict[str, Any] = field(default_factory=dict)
    commit: str = "c" * 40


def index(path: str, symbols: int = 2, *, number: int = 1, commit: str = "c", **stats: Any) -> Rows:
    """The index of a repository with one Python file. Its commit repeats this hexadecimal digit."""
    return Rows(
        files=[(number, path, "Python", 10, "b" * 40, symbols)],
        symbols=[(number, f"f{n}", "function", n, n, None) for n in range(1, symbols + 1)],
        stats={"files_indexed": 1, "symbols_extracted": symbols} | stats,
        commit=commit * 40,
    )


@dataclass(frozen=True)
class Claim:
    """A job that a worker has claimed."""

    id: UUID
    attempt: int


class Worker:
    """One connection of a worker's login. The tests control its transactions."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self.connection = connection
        self.id = str(uuid4())

    def claim(self, lease: str = "1 minute") -> Claim:
        """Claims the next job and commits."""
        job_id, attempt = self.row(
            "select j.id, j.attempt from public.claim_index_job("
            "p_worker_id => %s, p_lease => %s::interval) as j",
            self.id,
            lease,
        )
        self.connection.commit()
        return Claim(job_id, attempt)

    def hand_back(self, job: Claim) -> None:
        """Hands the job back, so that the next claim starts another attempt."""
        self.row(
            "select from public.report_job_progress("
            "p_job_id => %s, p_attempt => %s, p_lease => '0')",
            job.id,
            job.attempt,
        )
        self.connection.commit()

    def begin(self, job: Claim, extractor: str = "x") -> tuple[Any, ...]:
        """Returns git_url, base_job_id, base_commit_sha and base_stats."""
        with self.connection.transaction():
            return self.row(
                "select b.* from public.begin_index("
                "p_job_id => %s, p_attempt => %s, p_extractor => %s) as b",
                job.id,
                job.attempt,
                extractor,
            )

    def send(self, rows: Rows) -> None:
        """Copies rows into the staging tables."""
        for kind, statement in COPIES.items():
            self._copy(statement, getattr(rows, kind))

    def _copy(self, statement: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def store(self, job: Claim) -> int:
        """Stores the rows sent so far. Returns the total number of stored rows."""
        (stored,) = self.row(
            "select public.store_index_rows(p_job_id => %s, p_attempt => %s)", job.id, job.attempt
        )
        return int(stored)

    def complete(
        self, job: Claim, rows: Rows, *, extractor: str = "x", base: UUID | None = None
    ) -> str:
        """Completes the job with the sent rows. Returns stored, reused or base_changed."""
        row = self.connection.execute(
            _COMPLETE,
            {
                "job": job.id,
                "attempt": job.attempt,
                "worker": self.id,
                "extractor": extractor,
                "base": base,
                "commit": rows.commit,
                "stats": Jsonb(rows.stats) if rows.stats else None,
            },
        ).fetchone()
        assert row is not None
        return str(row[0])

    def work(self, job: Claim, rows: Rows, **how: Any) -> str:
        """Sends the rows, completes the job and commits."""
        with self.connection.transaction():
            self.send(rows)
            return self.complete(job, rows, **how)

    def row(self, query: LiteralString, *arguments: Any) -> tuple[Any, ...]:
        """Returns the first row of a query."""
        row = self.connection.execute(query, arguments).fetchone()
        assert row is not None
        return row
