"""A repository: fetches one commit, bare and shallow, and reads its tree and blobs.

There is never a work tree, so symlinks, filters, attributes and hooks of the repository have no
effect. Everything after the fetch runs without a transport.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from worker.indexer.fetch_errors import explain_fetch_error
from worker.indexer.git import Git, damaged_error, error_of, pipe, stop
from worker.indexer.guard import exceeded
from worker.indexer.protocol import IndexingError, Request
from worker.indexer.rules import is_commit_sha
from worker.indexer.source import Source, alternative_url
from worker.indexer.text import last_bytes

_T = TypeVar("_T")

_HEAD = "refs/job/head"
_RECEIVING = re.compile(rb"Receiving objects: +[0-9]+% \(([0-9]+)/([0-9]+)\)")
_RECORD_BYTES = 1024 * 1024
# How much of git's messages to keep.
_LAST_BYTES = 16384


class Entry(NamedTuple):
    """One entry of a tree. `size` is None if the blob was too large to fetch."""

    mode: bytes
    oid: str
    size: int | None
    path: bytes


class Found(NamedTuple):
    """A full ref name or a commit hash, and its commit."""

    name: str
    commit: str


class Repository:
    """One commit of a source, fetched into the scratch folder of a request.

    `pin` comes from address_pinning.pin.
    """

    def __init__(self, request: Request, source: Source, pin: str | None) -> None:
        self._git = Git(request, source, pin)
        self._source = source
        self._pin = pin
        self._limits = request.limits
        self._is_respelled = False

    def find(self, ref: str, commit_sha: str | None) -> Found:
        """Returns what to fetch for a ref or a commit, without fetching it.

        `ref` is HEAD, a branch, a tag (a branch wins over a tag with its name), a full name below
        refs/ or a full commit hash. A `commit_sha` takes precedence. Call it once, first.
        Raises IndexingError if there is no such repository or ref.
        """
        self._git.run("init", "--quiet", "--bare", "--template=", "--object-format=sha1")
        self._git.run("config", "remote.origin.url", self._source.url)
        if self._pin:
            self._git.check_version()
        if commit_sha or is_commit_sha(ref):
            wanted = commit_sha or ref.lower()
            return Found(wanted, wanted)
        return self._find(ref)

    def fetch(
        self,
        found: Found,
        commit_sha: str | None,
        progress: Callable[[int, int], None],
    ) -> str:
        """Fetches one commit without its history and without blobs over the limit of a file.

        `progress` gets the number of objects received and their total. Returns the hash of the
        commit, because a branch may have moved since it was found.
        Raises IndexingError if there is no such commit.
        """
        try:
            self._reach(lambda: self._fetch(found.name, progress))
        except IndexingError as error:
            if error.code == "unknown_commit" and self._is_named(found):
                raise damaged_error() from None
            raise
        self._git.forget_credentials()
        # Without a promisor, a missing blob stays missing instead of being fetched.
        self._git.run("config", "--remove-section", "remote.origin")
        fetched = self._commit(f"{_HEAD}^{{commit}}")
        if fetched is None or (commit_sha and fetched != commit_sha):
            raise IndexingError("unknown_ref", "The ref does not name a commit.")
        return fetched

    def tree(self, commit: str, *, sizes: bool) -> Iterator[Entry]:
        """Yields every entry below `commit` that is not a folder, in git's order.

        Without `sizes`, every size is None and git need not look at the blobs.
        Raises IndexingError too_many_files, also for too many folders.
        """
        files = folders = 0
        arguments = [
            "ls-tree",
            "-r",
            "-t",
            "-z",
            "--full-tree",
            *(["--long"] if sizes else []),
            commit,
        ]
        process = self._git.start(*arguments, stdin=subprocess.DEVNULL)
        try:
            for record in _records(pipe(process.stdout)):
                fields, _, path = record.partition(b"\t")
                mode, kind, oid, *rest = fields.split()
                if kind == b"tree":
                    folders += 1
                else:
                    files += 1
                if max(files, folders) > self._limits.files:
                    raise exceeded("too_many_files", self._limits)
                if kind == b"tree":
                    continue
                # "-" for a submodule, BAD for a blob that was not fetched
                size = int(rest[0]) if rest and rest[0] not in {b"-", b"BAD"} else None
                yield Entry(mode, oid.decode(), size, path)
            if process.wait():
                raise error_of(process)
        finally:
            stop(process)

    def blobs(self) -> Blobs:
        return Blobs(self._git.start("cat-file", "--batch", stdin=subprocess.PIPE))

    def _find(self, ref: str) -> Found:
        candidates = ["HEAD"] if ref == "HEAD" else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        if ref.startswith("refs/"):
            candidates.insert(0, ref)
        # A tag's name has the tag object; its name with a suffix has the commit.
        names = [*candidates, *(f"{name}^{{}}" for name in candidates)]
        found = self._reach(lambda: self._list_remote(names))
        for candidate in candidates:
            if oid := found.get(f"{candidate}^{{}}") or found.get(candidate):
                return Found(candidate, oid)
        if not self._list_remote([]):
            raise IndexingError("empty_repository", "The repository is empty: it has no commits.")
        if ref == "HEAD":
            raise IndexingError(
                "unknown_ref", "The repository has no default branch. Specify a ref."
            )
        raise IndexingError(
            "unknown_ref",
            f"The repository has no branch or tag named {ref}. (A commit needs all 40 digits of"
            " its hash.)",
        )

    def _reach(self, call: Callable[[], _T]) -> _T:
        """Returns the result of a call that reaches the source.

        If the host redirects, tries once more at the same address with .git added or removed. No
        other redirect is followed.
        """
        try:
            return call()
        except IndexingError as moved:
            if self._source.protocol == "file":
                raise explain_fetch_error(moved, Path(self._source.url)) from None
            other = alternative_url(self._source.url)
            if moved.code != "repository_moved" or self._is_respelled or other is None:
                raise
            self._is_respelled = True
            self._git.run("config", "remote.origin.url", other)
            try:
                return call()
            except IndexingError as error:
                if error.code in {"repository_not_found", "unsupported_repository"}:
                    raise moved from None  # nothing is at the other address
                raise

    def _is_named(self, found: Found) -> bool:
        """Whether the source lists the commit, as the ref found or as its HEAD."""
        return found.name != found.commit or found.commit in self._list_remote(["HEAD"]).values()

    def _list_remote(self, names: list[str]) -> dict[str, str]:
        """Returns the objects of those `names` that the source has; without names, of any ref."""
        arguments = ["ls-remote", "--quiet", "--", "origin", *names]
        with self._git.messages() as messages:
            process = self._git.start_remote(*arguments, messages=messages)
            try:
                found: dict[str, str] = {}
                for line in pipe(process.stdout):
                    oid, _, name = line.decode(errors="replace").rstrip("\n").partition("\t")
                    if not names or name in names:
                        found[name] = oid
                    if not names:
                        return found
                if process.wait():
                    raise self._git.failure(process, last_bytes(Path(messages.name), _LAST_BYTES))
                return found
            finally:
                stop(process)

    def _fetch(self, wanted: str, progress: Callable[[int, int], None]) -> None:
        process = self._git.start_remote(
            "fetch",
            "--progress",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            f"--filter=blob:limit={self._limits.file_bytes + 1}",
            "--",
            "origin",
            f"+{wanted}:{_HEAD}",
        )
        try:
            messages = b""
            for line in _lines(pipe(process.stderr)):
                if received := _RECEIVING.match(line):
                    progress(int(received[1]), int(received[2]))
                else:
                    messages = (messages + line + b"\n")[-_LAST_BYTES:]
            if process.wait():
                raise self._git.failure(process, messages)
        finally:
            stop(process)

    def _commit(self, revision: str) -> str | None:
        done = self._git.call("rev-parse", "--verify", "--quiet", revision)
        return done.stdout.decode().strip() if done.returncode == 0 else None


class Blobs:
    """Reads blobs by hash, in batches."""

    # A batch of requests fits into a pipe, so writing it never waits for reading.
    BATCH = 1000

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, oids: Sequence[str]) -> Iterator[bytes]:
        """Yields the contents of at most BATCH blobs, in order."""
        asked, answered = self._process.stdin, pipe(self._process.stdout)
        if asked is None or len(oids) > self.BATCH:
            raise ValueError("too many blobs at once")
        try:
            asked.write("".join(f"{oid}\n" for oid in oids).encode())
            asked.flush()
        except BrokenPipeError:
            raise error_of(self._process) from None
        for _ in oids:
            line = answered.readline()
            if not line.endswith(b"\n"):
                raise error_of(self._process)
            header = line.split()
            if len(header) != 3 or header[1] != b"blob":
                raise damaged_error()
            size = int(header[2])
            content = answered.read(size + 1)
            if len(content) != size + 1:
                raise error_of(self._process)
            yield content[:-1]

    def close(self) -> None:
        stop(self._process)


def _records(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yields the NUL-terminated parts of a stream."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > _RECORD_BYTES:
            raise damaged_error()


def _lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yields the lines of git's messages. Progress lines end with a carriage return."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from whole
        rest = rest[-_LAST_BYTES:]
    yield rest
