"""What passes between the runner and the database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Job:
    """A claimed job: this attempt of it is ours until the lease runs out."""

    id: str
    attempt: int
    ref: str
    commit_sha: str | None
    repository_id: str
    tenant_id: str

    @property
    def log_fields(self) -> dict[str, object]:
        """What each line of the log says of it."""
        return {"job_id": self.id, "attempt": self.attempt, "tenant_id": self.tenant_id}


class Rescued(NamedTuple):
    """How many stuck jobs were retried, failed and cancelled."""

    retried: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class StoredIndex:
    """What the tables hold of a repository: one commit, as one job stored it.

    `known` is a file of those rows that need not be made again, as the indexer wants them.
    """

    job_id: str
    commit_sha: str
    known: Path


@dataclass(frozen=True)
class Repository:
    """What a job's repository is cloned from, and what the tables hold of it.

    `tenant_id` owns it now; it may have belonged to another one when the job was made.
    """

    git_url: str
    tenant_id: str
    stored: StoredIndex | None


@dataclass(frozen=True)
class NewIndex:
    """What an indexer found: files in COPY's text format and the figures about them.

    With a `base` they say what changed since then; without one they are the whole.
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
    """A new index of the whole that is still being `made`. Its files get row after row.

    At any time `files` has the row of each file whose symbols are in `symbols`.
    """

    files: Path
    symbols: Path
    made: asyncio.Task[Index]
