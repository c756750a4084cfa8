"""The records exchanged between the runner and the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Job:
    """A claimed job. This attempt is ours until the lease expires."""

    id: str
    attempt: int
    ref: str
    commit_sha: str | None
    repository_id: str
    tenant_id: str

    @property
    def log_fields(self) -> dict[str, object]:
        """Returns the fields of its log lines."""
        return {"job_id": self.id, "attempt": self.attempt, "tenant_id": self.tenant_id}


class Rescued(NamedTuple):
    """How many stuck jobs were retried, failed and cancelled."""

    retried: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class StoredIndex:
    """The stored index of a repository: one commit, stored by one job.

    `known` is a file of the rows that the indexer need not make again, in its format.
    """

    job_id: str
    commit_sha: str
    known: Path


@dataclass(frozen=True)
class Repository:
    """The address of a job's repository, and its stored index.

    `tenant_id` owns it now. Another tenant may have owned it when the job was created.
    """

    git_url: str
    tenant_id: str
    stored: StoredIndex | None


@dataclass(frozen=True)
class NewIndex:
    """The result of an indexer: files in COPY's text format, and the stats.

    With a `base` they contain the changes since it, otherwise the whole index.
    """

    files: Path
    symbols: Path
    skipped: Path
    gone: Path
    base: StoredIndex | None
    commit_sha: str
    stats: dict[str, Any]


Index = NewIndex | StoredIndex


@dataclass(frozen=True)
class GrowingIndex:
    """A complete new index that is still being `made`. Its files are growing.

    At any time, `files` has the row of each file whose symbols are in `symbols`.
    """

    files: Path
    symbols: Path
    made: asyncio.Task[Index]
