"""What goes into the indexer and what comes out of it."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from worker.indexer.rules import is_commit_sha

Phase = Literal["clone", "files", "symbols"]


class IndexingError(Exception):
    """Ends a job. The message is for its owner: no credentials, no path of the machine."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Limits:
    """What one job may take. Sizes in bytes, times in seconds.

    `seconds` to `scratch_bytes` are of all its processes together. `files` counts folders apart.
    `parse_seconds` are processor time, of a batch of files and then of each that takes longer.
    """

    seconds: float = 900
    cpu_seconds: float = 1800
    memory: int = 1024**3
    processes: int = 256
    scratch_bytes: int = 4 * 1024**3
    files: int = 500_000
    file_bytes: int = 1024 * 1024
    total_bytes: int = 4 * 1024**3
    symbols: int = 10_000_000
    parse_seconds: float = 10
    parser_memory: int = 768 * 1024**2
    parsers: int = field(default_factory=lambda: min(4, len(os.sched_getaffinity(0))))


@dataclass(frozen=True)
class Known:
    """What the last index left: its commit, and a file of its rows in COPY's text format.

    They are id, path, language, bytes, blob_sha and symbol_count of each file that need not be
    parsed again while its path and content stay.
    """

    commit_sha: str
    files: Path


@dataclass(frozen=True)
class Request:
    """One job: index `ref` (HEAD: the default branch) or exactly `commit_sha` of `git_url`.

    Of a repository that is `known` only what has changed is read. Local paths and file:// are
    taken only inside `local_roots`; http:// and addresses that are not public only of
    `trusted_hosts`, each `name` or `name:port`. A `proxy`, a URL, looks names up itself. With
    `credentials`, standard input is a socket where git may ask for some: a question is the lines of
    git's credential protocol and an empty one, and so is its answer.
    """

    git_url: str
    scratch: Path
    ref: str = "HEAD"
    commit_sha: str | None = None
    known: Known | None = None
    local_roots: tuple[Path, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    credentials: bool = False
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def read(cls, path: Path) -> Request:
        """Raises IndexingError invalid_request when the file does not hold a request."""
        try:
            return cls._from_json(json.loads(path.read_bytes()))
        except (ValueError, TypeError, KeyError) as error:
            raise IndexingError("invalid_request", f"The request is not valid: {error}") from error

    def write(self, path: Path) -> None:
        """Writes the file that `read` reads."""
        path.write_text(json.dumps(dataclasses.asdict(self), default=str), encoding="utf-8")

    @classmethod
    def _from_json(cls, data: dict[str, Any]) -> Request:
        unknown = data.keys() - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown field {min(unknown)}")
        ref, commit_sha = data.get("ref") or "HEAD", data.get("commit_sha")
        if not isinstance(data["git_url"], str) or not isinstance(ref, str):
            raise ValueError("git_url and ref must be text")
        if commit_sha is not None and not is_commit_sha(commit_sha):
            raise ValueError("commit_sha must be 40 hexadecimal digits")
        known = data.get("known")
        if known is not None:
            known = Known(str(known["commit_sha"]), Path(known["files"]))
        scratch, roots = Path(data["scratch"]), tuple(map(Path, data.get("local_roots") or ()))
        if not all(path.is_absolute() for path in (scratch, *roots)):
            raise ValueError("scratch and local_roots must be absolute")
        limits = Limits(**(data.get("limits") or {}))
        if not all(value > 0 for value in dataclasses.astuple(limits)):
            raise ValueError("limits must be greater than 0")
        return cls(
            git_url=data["git_url"],
            scratch=scratch,
            ref=ref,
            commit_sha=commit_sha.lower() if commit_sha else None,
            known=known,
            local_roots=roots,
            trusted_hosts=tuple(data.get("trusted_hosts") or ()),
            proxy=data.get("proxy"),
            credentials=data.get("credentials") is True,
            limits=limits,
        )


class Stats(TypedDict):
    """Counts of one finished job. files_indexed and symbols_extracted are the repository's rows.

    files_unchanged of them stood there before; the others were read and parsed by this job.
    `languages` counts indexed files by language; files of no known language are left out.
    `skipped` counts the other files by reason; files_skipped is its sum. `unparsed` counts
    indexed files whose symbols could not be had within the limits of time and memory.
    """

    files_indexed: int
    files_unchanged: int
    symbols_extracted: int
    files_skipped: int
    bytes: int
    languages: dict[str, int]
    skipped: dict[str, int]
    unparsed: int


class Progress(TypedDict):
    event: Literal["progress"]
    phase: Phase
    done: int
    total: int | None


class Result(TypedDict):
    """`files` and `symbols` hold new rows, `gone` the ids of known rows that hold no longer.

    `skipped` has the path and the reason of each file left out, the first 10,000 of them: those of
    the whole tree, which replace what an earlier index left.
    """

    event: Literal["result"]
    commit_sha: str
    stats: Stats
    files: str
    symbols: str
    gone: str
    skipped: str


class Unchanged(TypedDict):
    """The commit is the known one, and nothing was fetched."""

    event: Literal["unchanged"]
    commit_sha: str


class Failure(TypedDict):
    event: Literal["error"]
    code: str
    message: str


Event = Progress | Result | Unchanged | Failure
