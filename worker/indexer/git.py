"""Calls to git: one bare, shallow repository in the scratch folder, its tree, its blobs.

There is never a work tree, so no symlink, filter, attribute or hook of the repository comes to
life. Everything after the fetch runs without any transport.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

from worker.indexer.guard import exceeded, files
from worker.indexer.protocol import IndexingError, Request
from worker.indexer.source import Source

# Read by our git and by the upload-pack of a local repository, instead of the configuration of
# the system and the user. A repository may belong to another user than the indexer's.
_CONFIG = """\
[safe]
	directory = *
[core]
	hooksPath = /dev/null
	symlinks = false
	fsmonitor = false
	bigFileThreshold = 16m
	packedGitWindowSize = 32m
	packedGitLimit = 128m
[pack]
	threads = 2
[credential]
	helper =
[protocol]
	allow = never
	version = 2
[http]
	followRedirects = false
	emptyAuth = false
	delegation = none
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[transfer]
	unpackLimit = 1
	bundleURI = false
[fetch]
	recurseSubmodules = false
[submodule]
	recurse = false
[gc]
	auto = 0
[maintenance]
	auto = false
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[remote "origin"]
	uploadpack = GIT_WORK_TREE=. GIT_ALLOW_PROTOCOL=none git upload-pack --strict
"""
# What git gets of the environment: where it is, and whose certificates it trusts.
INHERITED = ("PATH", "GIT_SSL_CAINFO")
# All that git needs to fetch. Without git-http-fetch nothing is fetched from where a host says
# that parts of its packs are (packfile-uris), at addresses that nobody has looked up.
_PROGRAMS = ("git", "git-remote-http", "git-remote-https", "git-upload-pack")
# The first with http.curloptResolve, without which names would be looked up anew.
_OLDEST_GIT = (2, 37)
_HEAD = "refs/job/head"
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_RECEIVING = re.compile(rb"Receiving objects: +[0-9]+% \(([0-9]+)/([0-9]+)\)")
_RECORD_BYTES = 1024 * 1024

# What git says, and what it means for the owner of the job; the first that fits. Lines that
# the other side dictates ("remote: ...") are never looked at.
_FAILURES = (
    (
        r"dumb http transport",
        "unsupported_repository",
        "The host does not speak git's smart HTTP protocol.",
    ),
    (
        r"repository '.*' not found|not appear to be a git repo|is this a git repo"
        r"|authentication failed|could not read (username|password)|returned error: (401|403|404)",
        "repository_not_found",
        "The repository does not exist, or it is private.",
    ),
    (
        r"returned error: 3[0-9][0-9]|unable to update url base from redirection",
        "repository_moved",
        "The repository has moved to another address. Use the new one.",
    ),
    (
        r"not our ref|unadvertised object|remote did not send all necessary objects",
        "unknown_commit",
        "The commit is not in the repository.",
    ),
    (r"couldn't find remote ref", "unknown_ref", "The ref is not in the repository."),
    (
        r"mismatched algorithms|unknown repository extension|object-?format",
        "unsupported_repository",
        "The repository uses a format that is not supported, such as SHA-256 object names.",
    ),
    (
        r"returned error: (408|429|5[0-9][0-9])",
        "host_unreachable",
        "The host of the repository is overloaded, or was asked too often. Try again later.",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "internal_error",
        "There is no disk space left for the repository. Try again later.",
    ),
    (
        # of the host its address is known by now
        r"could not resolve (host|proxy)|response (407|5[0-9][0-9])"
        r"|failed to connect|couldn't connect|connection (refused|timed out|reset)"
        r"|operation (timed out|too slow)|ssl|tls|certificate"
        r"|early eof|hung up|unexpected disconnect|rpc failed",
        "host_unreachable",
        "The host of the repository could not be reached, or broke off. Try again later.",
    ),
)
# When a process that git started was killed, it may tell no more than these.
_SILENCED = {
    "early EOF",
    "fetch-pack: invalid index-pack output",
    "the remote end hung up unexpectedly",
    "Could not read from remote repository.",
}
# Git says that one of its processes met a limit, and which.
_EXCEEDED = (
    (r"died of signal 24", "cpu_limit"),
    (r"out of memory|cannot allocate memory|unable to create thread", "memory_limit"),
)


@cache
def _exec_path() -> Path:
    """Where git has its programs."""
    done = subprocess.run(["git", "--exec-path"], check=True, stdout=subprocess.PIPE)
    return Path(os.fsdecode(done.stdout.rstrip(b"\n")))


class Entry(NamedTuple):
    """One entry of a tree. `size` is None where the blob was too large to be fetched."""

    mode: bytes
    oid: str
    size: int | None
    path: bytes


class Found(NamedTuple):
    """A ref as its repository names it, or a commit hash, and the commit that this was."""

    name: str
    commit: str


class Repository:
    """One commit of a source, fetched into the scratch folder of a request.

    `pin` comes from address.pin.
    """

    def __init__(self, request: Request, source: Source, pin: str | None) -> None:
        scratch = request.scratch
        self._git_dir = scratch / "repository.git"
        self._source = source
        self._pin = pin
        self._limits = request.limits
        programs = scratch / "git-core"
        programs.mkdir()
        for name in _PROGRAMS:
            (programs / name).symlink_to(_exec_path() / name)
        config = scratch / "gitconfig"
        config.write_text(_CONFIG)
        self._environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._environment |= {
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LC_ALL": "C",
            "GIT_DIR": str(self._git_dir),
            "GIT_EXEC_PATH": str(programs),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.curloptResolve",
            "GIT_CONFIG_VALUE_0": pin or "",
            "GIT_CONFIG_KEY_1": "http.proxy",
            "GIT_CONFIG_VALUE_1": request.proxy or "",
        }

    def find(self, ref: str, commit_sha: str | None) -> Found:
        """What to fetch for a ref and perhaps a commit, without fetching it.

        `ref` is HEAD, a branch, a tag (a branch wins over a tag of its name), a full name below
        refs/ or a full commit hash; a `commit_sha` goes before it. To be called first, once.
        Raises IndexingError when there is no such repository or ref.
        """
        self._run("init", "--quiet", "--bare", "--template=", "--object-format=sha1")
        self._run("config", "remote.origin.url", self._source.url)
        if self._pin:
            self._check_version()
        if commit_sha or _COMMIT.fullmatch(ref):
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

        `progress` gets the objects received and their total. Returns the hash of the commit: a
        branch may have moved since it was found.
        Raises IndexingError when there is no such commit.
        """
        self._fetch(found.name, progress)
        # No promise of more blobs: one that is missing stays missing, instead of being fetched.
        self._run("config", "--remove-section", "remote.origin")
        fetched = self._commit(f"{_HEAD}^{{commit}}")
        if fetched is None or (commit_sha and fetched != commit_sha):
            raise IndexingError("unknown_ref", "The ref does not name a commit.")
        return fetched

    def tree(self, commit: str, *, sizes: bool) -> Iterator[Entry]:
        """Every entry below `commit` that is not a folder, in git's order.

        Without `sizes` every size is None, and git need not look at the blobs.
        Raises IndexingError too_many_files; folders, even empty ones, can unfold without end too.
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
        process = self._start(*arguments, stdin=subprocess.DEVNULL)
        try:
            for record in _records(_pipe(process.stdout)):
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
                size = int(rest[0]) if rest and rest[0] != b"-" else None
                yield Entry(mode, oid.decode(), size, path)
            if process.wait():
                raise _broken(process)
        finally:
            _stop(process)

    def blobs(self) -> Blobs:
        return Blobs(self._start("cat-file", "--batch", stdin=subprocess.PIPE))

    def _find(self, ref: str) -> Found:
        candidates = ["HEAD"] if ref == "HEAD" else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        if ref.startswith("refs/"):
            candidates.insert(0, ref)
        # A tag's object comes under its name, the commit that it names with a mark behind.
        found = self._list_remote([*candidates, *(f"{name}^{{}}" for name in candidates)])
        for candidate in candidates:
            if oid := found.get(f"{candidate}^{{}}") or found.get(candidate):
                return Found(candidate, oid)
        if not self._list_remote([]):
            raise IndexingError("empty_repository", "The repository is empty: it has no commit.")
        if ref == "HEAD":
            raise IndexingError("unknown_ref", "The repository has no default branch. Name one.")
        raise IndexingError(
            "unknown_ref",
            f"The repository has no branch or tag named {ref}. (A commit must be given by all 40"
            " digits of its hash.)",
        )

    def _list_remote(self, names: list[str]) -> dict[str, str]:
        """The objects of those `names` that the source has; without names, of any one it has."""
        process = self._start_remote("ls-remote", "--quiet", "--", "origin", *names)
        try:
            found: dict[str, str] = {}
            for line in _pipe(process.stdout):
                oid, _, name = line.decode(errors="replace").rstrip("\n").partition("\t")
                if not names or name in names:
                    found[name] = oid
                if not names:
                    return found
            messages = _pipe(process.stderr).read()
            if process.wait():
                raise self._failure(process, messages)
            return found
        finally:
            _stop(process)

    def _fetch(self, wanted: str, progress: Callable[[int, int], None]) -> None:
        process = self._start_remote(
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
            for line in _lines(_pipe(process.stderr)):
                if received := _RECEIVING.match(line):
                    progress(int(received[1]), int(received[2]))
                else:
                    messages = (messages + line + b"\n")[-16384:]
            if process.wait():
                raise self._failure(process, messages)
        finally:
            _stop(process)

    def _check_version(self) -> None:
        said = self._call("version").stdout.decode(errors="replace")
        numbers = re.search(r"([0-9]+)\.([0-9]+)", said)
        if not numbers or (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
            raise IndexingError("git_too_old", "The git of this server is older than version 2.37.")

    def _commit(self, revision: str) -> str | None:
        done = self._call("rev-parse", "--verify", "--quiet", revision)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _run(self, *arguments: str) -> None:
        if self._call(*arguments).returncode:
            raise IndexingError("clone_failed", "The repository could not be prepared.")

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["git", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode == -signal.SIGKILL:
            raise _interrupted()
        return done

    def _start(
        self, *arguments: str, stdin: int, stderr: int | None = None, protocol: str = "none"
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", *arguments],
            env=self._environment | {"GIT_ALLOW_PROTOCOL": protocol},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def _start_remote(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self._start(
            *arguments,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            protocol=self._source.protocol,
        )

    def _is_full(self) -> bool:
        """Whether a file has become as large as it may, of which git itself says nothing."""
        sizes = (file.st_size for file in files(self._git_dir))
        return max(sizes, default=0) >= self._limits.scratch_bytes

    def _failure(self, process: subprocess.Popen[bytes], messages: bytes) -> IndexingError:
        """What a failed fetch means, by what git said."""
        said = messages.decode(errors="replace").replace(self._source.url, "the source")
        text = "\n".join(line for line in said.splitlines() if not line.startswith("remote:"))
        if process.returncode < 0:
            text += f"\ngit died of signal {-process.returncode}"
        print(f"git: {text[-2000:]!r}", file=sys.stderr)
        if self._is_full():
            return exceeded("scratch_limit", self._limits)
        complaints = set(re.findall("^(?:fatal|error): (.*)", text, re.MULTILINE))
        if "died of signal 9" in text or (complaints and complaints <= _SILENCED):
            return _interrupted()
        for pattern, code in _EXCEEDED:
            if re.search(pattern, text, re.IGNORECASE):
                return exceeded(code, self._limits)
        for pattern, code, message in _FAILURES:
            if re.search(pattern, text, re.IGNORECASE):
                return IndexingError(code, message)
        return IndexingError("clone_failed", "The repository could not be fetched.")


class Blobs:
    """Reads blobs by their hashes, in batches."""

    # A batch of requests fits into a pipe, so that writing it never waits for reading.
    BATCH = 1000

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, oids: Sequence[str]) -> Iterator[bytes]:
        """The contents of at most BATCH blobs, in order."""
        asked, answered = self._process.stdin, _pipe(self._process.stdout)
        if asked is None or len(oids) > self.BATCH:
            raise ValueError("too many blobs at once")
        try:
            asked.write("".join(f"{oid}\n" for oid in oids).encode())
            asked.flush()
        except BrokenPipeError:
            raise _broken(self._process) from None
        for _ in oids:
            line = answered.readline()
            if not line.endswith(b"\n"):
                raise _broken(self._process)
            header = line.split()
            if len(header) != 3 or header[1] != b"blob":
                raise _damaged()
            size = int(header[2])
            content = answered.read(size + 1)
            if len(content) != size + 1:
                raise _broken(self._process)
            yield content[:-1]

    def close(self) -> None:
        _stop(self._process)


def _pipe(stream: IO[bytes] | None) -> io.BufferedReader:
    if not isinstance(stream, io.BufferedReader):
        raise TypeError("the process was started without this pipe")
    return stream


def _records(stream: io.BufferedReader) -> Iterator[bytes]:
    """The parts of a stream that NUL ends."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > _RECORD_BYTES:
            raise _damaged()


def _lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """The lines of git's messages; its progress ends them with a carriage return."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        yield from whole
        rest = rest[-16384:]
    yield rest


def _broken(process: subprocess.Popen[bytes]) -> IndexingError:
    """Why a git that has ended, or is about to, gave less than it was asked for."""
    if process.wait() == -signal.SIGKILL:
        return _interrupted()
    return _damaged()


def _interrupted() -> IndexingError:
    return IndexingError(
        "interrupted", "Git was interrupted, or the host broke off. Try again later."
    )


def _damaged() -> IndexingError:
    return IndexingError("damaged_repository", "The repository is damaged and cannot be read.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    process.wait()
