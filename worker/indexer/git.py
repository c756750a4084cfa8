"""Runs git: its environment, its configuration and the meaning of its errors.

Git reads only the configuration written here. Only commands that reach the source get a transport.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from tempfile import NamedTemporaryFile
from typing import IO

from worker.indexer.guard import drop_input, exceeded, files
from worker.indexer.protocol import IndexingError, Request
from worker.indexer.source import Source, exec_path

# Read by our git and by a local repository's upload-pack, instead of the system's and the user's
# configuration. A repository may belong to a user other than the indexer's.
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
	useHttpPath = true
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
# Passes git's question to descriptor 3 and the answer to git; stores nothing. No secret becomes an
# argument: all of these commands but cat are shell built-ins.
_HELPER = r"""[credential]
	helper = "!f() { test \"$1\" = get || exit 0; { cat; echo; } >&3; \
while IFS= read -r line <&3 && test -n \"$line\"; do printf '%s\\n' \"$line\"; done; }; f"
"""
# Standard input becomes descriptor 3: shells can address it, and git's children inherit it.
_WITH_CREDENTIALS = ("sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh")
# The variables that git gets: where it is, and which certificates it trusts.
INHERITED = ("PATH", "GIT_SSL_CAINFO")
# Everything that git needs to fetch. Without git-http-fetch, git cannot follow packfile-uris to
# addresses that were not checked.
_PROGRAMS = ("git", "git-remote-http", "git-remote-https", "git-upload-pack")
# The first version with http.curloptResolve, without which names would be resolved again.
_OLDEST_GIT = (2, 37)

_DAMAGED = (
    "The repository is damaged: git cannot read all of it. Run git fsck there to see what is"
    " missing."
)
# Git's messages -> the error for the job's owner; the first match counts. Lines from the other side
# ("remote: ...") are ignored.
_FAILURES = (
    (
        r"dumb http transport",
        "unsupported_repository",
        "The host does not support git's smart HTTP protocol.",
    ),
    (
        r"authentication failed|could not read (username|password)|returned error: 401"
        r"|credential helper .* told us to quit",
        "repository_not_found",
        "The repository does not exist, or it is private: this server has no credentials for it.",
    ),
    (
        r"repository '.*' not found|not appear to be a git repo|is this a git repo"
        r"|returned error: (403|404)",
        "repository_not_found",
        "The repository does not exist, or it is private.",
    ),
    (
        r"returned error: 3[0-9][0-9]|unable to update url base from redirection",
        "repository_moved",
        "The repository has moved to another address. Use the new one.",
    ),
    (
        r"bad config",
        "damaged_repository",
        "The configuration of the repository cannot be read: run git config --list there to see"
        " which line is wrong.",
    ),
    (
        r"possible repository corruption|bad pack header|remote did not send all necessary objects"
        r"|bad object|unable to (read|find) [0-9a-f]{40}|loose object .* corrupt",
        "damaged_repository",
        _DAMAGED,
    ),
    (
        r"not our ref|unadvertised object",
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
        "The host of the repository is overloaded or limits requests. Try again later.",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "internal_error",
        "There is no disk space left for the repository. Try again later.",
    ),
    (
        # the address of the host is already known
        r"could not resolve (host|proxy)|response (407|5[0-9][0-9])"
        r"|failed to connect|couldn't connect|connection (refused|timed out|reset)"
        r"|operation (timed out|too slow)|ssl|tls|certificate"
        r"|early eof|hung up|unexpected disconnect|rpc failed",
        "host_unreachable",
        "The host of the repository could not be reached or hung up. Try again later.",
    ),
)
# When a child of git was killed, git may print only these.
_SILENCED = {
    "early EOF",
    "fetch-pack: invalid index-pack output",
    "the remote end hung up unexpectedly",
    "Could not read from remote repository.",
}
# Git reports that one of its processes exceeded a limit, and which.
_EXCEEDED = (
    (r"died of signal 24", "cpu_limit"),
    (r"out of memory|cannot allocate memory|unable to create thread", "memory_limit"),
)


class Git:
    """Runs git for one request, in a bare repository in its scratch folder.

    `pin` comes from address_pinning.pin.
    """

    def __init__(self, request: Request, source: Source, pin: str | None) -> None:
        scratch = request.scratch
        self._git_dir = scratch / "repository.git"
        self._source = source
        self._limits = request.limits
        # never unencrypted, not even to a trusted host
        self._asks = request.credentials and source.protocol == "https"
        programs = scratch / "git-core"
        programs.mkdir()
        for name in _PROGRAMS:
            (programs / name).symlink_to(exec_path() / name)
        config = scratch / "gitconfig"
        config.write_text(_CONFIG + (_HELPER if self._asks else ""), encoding="utf-8")
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

    def check_version(self) -> None:
        """Raises IndexingError git_too_old if this git cannot be pinned to an address."""
        said = self.call("version").stdout.decode(errors="replace")
        numbers = re.search(r"([0-9]+)\.([0-9]+)", said)
        if not numbers or (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
            raise IndexingError("git_too_old", "This server's git is older than version 2.37.")

    def run(self, *arguments: str) -> None:
        """Runs a command that prepares the repository. Raises IndexingError if it fails."""
        if self.call(*arguments).returncode:
            raise IndexingError("clone_failed", "The repository could not be prepared.")

    def call(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs a command to its end. Raises IndexingError interrupted if it was killed."""
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

    def start(self, *arguments: str, stdin: int) -> subprocess.Popen[bytes]:
        """Starts a command without a transport. The caller must stop it."""
        return subprocess.Popen(
            ["git", *arguments], env=self._environment, stdin=stdin, stdout=subprocess.PIPE
        )

    def start_remote(
        self, *arguments: str, messages: IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a command that reaches the source, by its protocol only.

        Its stderr is a pipe, or the file for its `messages`. The caller must read all of a pipe:
        the source can make git print any amount, and git blocks until it is read.
        """
        return subprocess.Popen(
            [*(_WITH_CREDENTIALS if self._asks else ()), "git", *arguments],
            env=self._environment | {"GIT_ALLOW_PROTOCOL": self._source.protocol},
            stdin=None if self._asks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages or subprocess.PIPE,
        )

    def forget_credentials(self) -> None:
        """Closes the channel for credentials in this process and its future children."""
        if self._asks:
            drop_input()

    def messages(self) -> IO[bytes]:
        """Opens a file for git's messages. Its size counts as part of the repository."""
        return NamedTemporaryFile(dir=self._git_dir)

    def failure(self, process: subprocess.Popen[bytes], messages: bytes) -> IndexingError:
        """Returns the error for a failed fetch, by git's messages."""
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

    def _is_full(self) -> bool:
        """Whether a file has reached its size limit, which git does not report."""
        sizes = (file.st_size for file in files(self._git_dir))
        return max(sizes, default=0) >= self._limits.scratch_bytes


def pipe(stream: IO[bytes] | None) -> io.BufferedReader:
    """Returns a stream of a process that was started with a pipe for it."""
    if not isinstance(stream, io.BufferedReader):
        raise TypeError("the process was started without this pipe")
    return stream


def error_of(process: subprocess.Popen[bytes]) -> IndexingError:
    """Returns why a git that has ended, or is ending, gave less than requested."""
    if process.wait() == -signal.SIGKILL:
        return _interrupted()
    return damaged_error()


def damaged_error() -> IndexingError:
    """Returns the error for a repository that git cannot read."""
    return IndexingError("damaged_repository", _DAMAGED)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kills a process unless it has ended, and closes its pipes."""
    process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    process.wait()


def _interrupted() -> IndexingError:
    return IndexingError(
        "interrupted", "Git was interrupted, or the host hung up. Try again later."
    )
