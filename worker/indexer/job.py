"""Runs one job from its request to its result: fetch, count, read, parse, write."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from worker.indexer import address_pinning, copy_text, languages, source
from worker.indexer.copy_text import Writer
from worker.indexer.parsers import Parsers, Rows, Source
from worker.indexer.protocol import (
    IndexingError,
    Known,
    Phase,
    Progress,
    Request,
    Result,
    Stats,
    Unchanged,
)
from worker.indexer.repository import Blobs, Entry, Repository
from worker.indexer.repository_context import RepositoryContext
from worker.indexer.skip_rules import Reason, skip_by_content
from worker.indexer.text import decoded_text

# The size of a parser's batch: large enough to hide the round trip, small enough for memory.
_BATCH_FILES = 64
_BATCH_BYTES = 512 * 1024
# Postgres refuses index entries over a third of a page, and paths are indexed.
_PATH_BYTES = 2000
# How many skipped files to list. All are counted.
_SKIPPED_LISTED = 10_000
_PROGRESS_SECONDS = 0.5


def run(request: Request, emit: Callable[[Progress], None]) -> Result | Unchanged:
    """Runs one job in this process. Raises IndexingError if it fails."""
    where = source.parse(request.git_url, request.local_roots, request.trusted_hosts)
    source.check_ref(request.ref)
    pin = address_pinning.pin(where, proxied=request.proxy is not None)
    repository = Repository(request, where, pin)
    limits = request.limits

    with _Phase("clone", emit) as phase:
        found = repository.find(request.ref, request.commit_sha)
        if request.known and request.known.commit_sha == found.commit:
            return {"event": "unchanged", "commit_sha": found.commit}
        commit = repository.fetch(found, request.commit_sha, phase.reached)
    context = RepositoryContext()
    with _Phase("files", emit) as phase:
        for entry in repository.tree(commit, sizes=False):
            if _special(entry) is None:
                context.add(_text(entry.path), entry.oid)
                phase.reached(phase.done + 1)
        total = phase.total = phase.done
    with (
        _Phase("symbols", emit, total) as phase,
        _Tables.open(request.scratch) as tables,
        closing(Parsers(limits)) as parsers,
        closing(repository.blobs()) as blobs,
    ):
        tree = repository.tree(commit, sizes=True)
        context.read_attributes(blobs)
        rows = _Rows(request, tables, parsers, context)
        for entry, content in _contents(rows, tree, blobs):
            rows.add(entry, content)
            phase.reached(rows.done)
        stats = rows.finish()
        phase.reached(total)
    return {
        "event": "result",
        "commit_sha": commit,
        "stats": stats,
        "files": str(tables.files.path),
        "symbols": str(tables.symbols.path),
        "gone": str(tables.gone.path),
        "skipped": str(tables.skipped.path),
    }


class _Phase:
    """Reports the progress of a phase, at most twice per second and once at its end."""

    def __init__(
        self, name: Phase, emit: Callable[[Progress], None], total: int | None = None
    ) -> None:
        self.done = 0
        self.total = total
        self._name = name
        self._emit = emit
        self._next = 0.0

    def reached(self, done: int, total: int | None = None) -> None:
        self.done = max(done, self.done)
        self.total = total or self.total
        if time.monotonic() >= self._next:
            self._report()

    def _report(self) -> None:
        self._next = time.monotonic() + _PROGRESS_SECONDS
        self._emit(
            {"event": "progress", "phase": self._name, "done": self.done, "total": self.total}
        )

    def __enter__(self) -> _Phase:
        self._report()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._report()


class _Known(NamedTuple):
    """A row of the previous index."""

    id: int
    blob_sha: str
    language: str | None
    bytes: int
    symbols: int


def _known(known: Known | None) -> dict[str, _Known]:
    """Returns the known rows by path."""
    if known is None:
        return {}
    return {
        str(path): _Known(int(str(id_)), str(blob), language, int(str(size)), int(str(count)))
        for id_, path, language, size, blob, count in copy_text.rows(known.files)
    }


class _Tables(NamedTuple):
    """The files for the rows of a job."""

    files: Writer
    symbols: Writer
    gone: Writer
    skipped: Writer

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[_Tables]:
        with ExitStack() as stack:
            yield cls(*(stack.enter_context(Writer(folder / f"{n}.copy")) for n in cls._fields))


class _Rows:
    """Decides what to do with each file, and writes its rows."""

    def __init__(
        self, request: Request, tables: _Tables, parsers: Parsers, context: RepositoryContext
    ) -> None:
        self._seen = 0
        self._limits = request.limits
        self._known = _known(request.known)
        self._tables = tables
        self._parsers = parsers
        self._context = context
        self._skipped: Counter[str] = Counter()
        self._skipped_paths: set[int] = set()
        self._languages: Counter[str] = Counter()
        self._bytes = 0
        self._numbered = 0
        self._kept = 0
        self._kept_symbols = 0
        self._unparsed = 0
        self._paths: set[int] = set()
        self._batch: list[tuple[_Row, Source]] = []
        self._batch_bytes = 0
        self._given: deque[_Row] = deque()
        self._parsed: dict[int, Rows | None] = {}

    @property
    def done(self) -> int:
        """Returns the number of files that are done."""
        return self._seen - len(self._batch) - len(self._given)

    def wants(self, entry: Entry) -> bool:
        """Whether the content of an entry is needed. If not, counts it as skipped or kept."""
        special = _special(entry)
        wanted = self._decide(entry, special)
        if special is None and not wanted:
            self._seen += 1
        return wanted

    def _decide(self, entry: Entry, special: Reason | None) -> bool:
        path = _text(entry.path)
        reason = special or self._context.skip_by_path(path)
        if reason is None and (entry.size is None or entry.size > self._limits.file_bytes):
            reason = "oversized"
        if reason is None and len(path.encode()) > _PATH_BYTES:
            reason = "path_too_long"
        if reason is None and hash(path) in self._paths:
            reason = "duplicate_path"
        if reason:
            self._skip(path, reason)
            return False
        self._paths.add(hash(path))
        return not self._keep(path, entry.oid)

    def _skip(self, path: str, reason: Reason) -> None:
        """Counts a skipped file, and lists it unless its path is already listed."""
        self._skipped[reason] += 1
        listed = path.encode()[:_PATH_BYTES].decode(errors="ignore")
        if len(self._skipped_paths) < _SKIPPED_LISTED and hash(listed) not in self._skipped_paths:
            self._skipped_paths.add(hash(listed))
            self._tables.skipped.write(listed, reason)

    def _keep(self, path: str, oid: str) -> bool:
        known = self._known.get(path)
        if known is None or known.blob_sha != oid:
            return False
        del self._known[path]
        self._kept += 1
        self._kept_symbols += known.symbols
        self._count(known.language, known.bytes)
        return True

    def add(self, entry: Entry, content: bytes) -> None:
        """Queues an entry for parsing, if its language has a parser."""
        self._seen += 1
        path = _text(entry.path)
        size, content = len(content), decoded_text(content)
        language = languages.language_of(path, content, self._context)
        if reason := skip_by_content(language, content, self._context.attributes_of(path)):
            self._skip(path, reason)
            return
        self._count(language, size)
        self._numbered += 1
        row = _Row(self._numbered, path, language, size, entry.oid)
        if language not in languages.GRAMMARS:
            self._tables.files.write(*row, 0)
            return
        self._batch.append((row, Source(row.file_no, language, content)))
        self._batch_bytes += len(content)
        if len(self._batch) >= _BATCH_FILES or self._batch_bytes >= _BATCH_BYTES:
            self._give()

    def _count(self, language: str | None, size: int) -> None:
        if language is not None:
            self._languages[language] += 1
        self._bytes += size
        if self._bytes > self._limits.total_bytes:
            raise IndexingError(
                "too_large", f"The repository has more than {self._limits.total_bytes} bytes."
            )

    def finish(self) -> Stats:
        """Takes the remaining results. Call it once, after the last file."""
        self._give()
        while not self._parsers.is_empty:
            self._take()
        for known in self._known.values():
            self._tables.gone.write(known.id)
        return {
            "files_indexed": self._kept + self._tables.files.rows,
            "files_unchanged": self._kept,
            "symbols_extracted": self._kept_symbols + self._tables.symbols.rows,
            "files_skipped": self._skipped.total(),
            "bytes": self._bytes,
            "languages": dict(sorted(self._languages.items())),
            "skipped": dict(sorted(self._skipped.items())),
            "unparsed": self._unparsed,
        }

    def _give(self) -> None:
        if not self._batch:
            return
        if self._parsers.is_full:
            self._take()
        self._parsers.give([source for _, source in self._batch])
        self._given.extend(row for row, _ in self._batch)
        self._batch = []
        self._batch_bytes = 0

    def _take(self) -> None:
        """Writes the rows of a batch, in the order of its files, each before its symbols."""
        self._parsed.update(self._parsers.take())
        found: list[Rows] = []
        while self._given and self._given[0].file_no in self._parsed:
            row = self._given.popleft()
            rows = self._parsed.pop(row.file_no)
            self._tables.files.write(*row, rows and rows.number)
            if rows is None:
                self._unparsed += 1
            else:
                found.append(rows)
        self._tables.files.flush()
        for rows in found:
            self._tables.symbols.add(rows.lines, rows.number)
        self._tables.symbols.flush()
        if self._kept_symbols + self._tables.symbols.rows > self._limits.symbols:
            raise IndexingError(
                "too_many_symbols",
                f"The repository has more than {self._limits.symbols} symbols.",
            )


class _Row(NamedTuple):
    file_no: int
    path: str
    language: str | None
    bytes: int
    blob_sha: str


def _contents(rows: _Rows, entries: Iterator[Entry], blobs: Blobs) -> Iterator[tuple[Entry, bytes]]:
    """Yields the entries with the contents of those that are needed."""
    wanted = filter(rows.wants, entries)
    while chunk := list(islice(wanted, Blobs.BATCH)):
        yield from zip(chunk, blobs.read([entry.oid for entry in chunk]), strict=True)


def _special(entry: Entry) -> Reason | None:
    """Returns the reason to skip an entry that is not a regular file."""
    if entry.mode == b"120000":
        return "symlink"
    return "submodule" if entry.mode == b"160000" else None


def _text(path: bytes) -> str:
    """Returns a path as text. Bytes that are not UTF-8 become \\xNN."""
    return path.decode(errors="backslashreplace")
