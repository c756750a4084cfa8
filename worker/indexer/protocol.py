"""The requests and the events of the indexer."""

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
    """Fails a job. The message is for its owner and must not contain credentials or local paths."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Limits:
    """The limits of one job. Sizes are in bytes, times in seconds.

    `seconds` to `scratch_bytes` apply to all its processes together. `files` also limits folders,
    counted separately. `parse_seconds` is the processor time of a batch, and then of each file.
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
    """The previous index: its commit, and a file of its rows in COPY's text format.

    The columns are id, path, language, bytes, blob_sha and symbol_count. These files need not be
    parsed again unless their path or content has changed.
    """

    commit_sha: str
    files: Path


@dataclass(frozen=True)
class Request:
    """One job: index `ref` (HEAD: the default branch) or exactly `commit_sha` of `git_url`.

    If the repository is `known`, reads only what has changed. Accepts local paths and file:// only
    inside `local_roots`, and http:// and private addresses only for `trusted_hosts`, each `name` or
    `name:port`. A `proxy`, a URL, resolves names itself. With `credentials`, standard input is a
    socket for git's credential questions. A question and its answer are lines of git's credential
    protocol and an empty line.
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
        """Reads a request. Raises IndexingError invalid_request if it is not valid."""
        try:
            return cls._from_json(json.loads(path.read_bytes()))
        except (ValueError, TypeError, KeyError) as error:
            raise IndexingError("invalid_request", f"The request is not valid: {error}") from error

    def write(self, path: Path) -> None:
        """Writes the request to a file, for `read`."""
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
    """The counts of a finished job. files_indexed and symbols_extracted count all current rows.

    files_unchanged of the files were already stored; this job read and parsed the others.
    `languages` counts indexed files by language, without files of unknown languages. `skipped`
    counts the other files by reason, and files_skipped is its sum. `unparsed` counts indexed files
    whose symbols could not be extracted within the limits.
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
    """`files` and `symbols` are new rows; `gone` are the ids of known rows no longer valid.

    `skipped` has the paths and reasons of the first 10,000 skipped files of the whole tree. They
    replace those of the previous index.
    """

    event: Literal["result"]
    commit_sha: str
    stats: Stats
    files: str
    symbols: str
    gone: str
    skipped: str


class Unchanged(TypedDict):
    """The commit is the known one. Nothing was fetched."""

    event: Literal["unchanged"]
    commit_sha: str


class Failure(TypedDict):
    event: Literal["error"]
    code: str
    message: str


Event = Progress | Result | Unchanged | Failure
