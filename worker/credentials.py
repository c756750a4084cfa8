"""Credentials for private repositories, from a program of the operator's.

It is asked by git's credential protocol, once for a clone, when the host of the repository has
answered 401. The answer is held in memory and goes to git through a socket and a pipe: it is in no
argument, variable, file, row or log line.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import IO, Final, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from db.tools.logs import get_logger
from worker.indexer import source
from worker.indexer.protocol import IndexingError
from worker.records import Job
from worker.tasks import cancel_tasks

logger = get_logger(__name__)

_ANSWER_BYTES: Final = 16 * 1024
_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
_NOTHING: Final = b"quit=1\n\n"  # has git give up, instead of trying without credentials

_UNKNOWN: Final = (
    "The repository does not exist, or it is private: this server knows no credentials of yours"
    " for it."
)
_REFUSED: Final = (
    "The repository does not exist, or the credentials that this server has for it do not open it."
)


class HelperError(Exception):
    """The helper is broken; the message says in what way, as the end of a sentence about it."""


@dataclass(frozen=True)
class Credential:
    """A name and a password; neither is in its text."""

    username: bytes = field(repr=False)
    password: bytes = field(repr=False)


class Failure(NamedTuple):
    """Why a clone got no further. Another attempt may help where the reason `is_transient`."""

    sentence: str
    is_transient: bool


@dataclass(frozen=True)
class CredentialHelper:
    """The operator's program. It has `seconds` to answer."""

    program: Path
    seconds: float

    async def ask(self, question: bytes) -> Credential | None:
        """What it knows; None if that is nothing. However this ends, the program has ended then.

        Its standard error is dropped, for that may tell what its output is. Raises HelperError.
        """
        with _pipe() as (asked, asking), _pipe() as (output, printing):
            asking.write(question)
            asking.close()
            try:
                process = await asyncio.create_subprocess_exec(
                    self.program,
                    "get",
                    stdin=asked,
                    stdout=printing,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise HelperError(f"cannot be started ({os.strerror(error.errno or 0)})") from None
            printing.close()
            try:
                async with asyncio.timeout(self.seconds):
                    printed = await _read(output.fileno())
                    code = await process.wait()
            except TimeoutError:
                raise HelperError(f"took longer than {self.seconds:g} seconds") from None
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code:
            raise HelperError(f"ended with exit code {code}" if code > 0 else "was killed")
        return _credential(printed)


@contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A pipe to give to a process: those of asyncio keep a dead one waiting for their readers."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as ours, os.fdopen(writing, "wb", 0) as theirs:
        yield ours, theirs


async def _read(pipe: int) -> bytes:
    """All that comes out of a pipe. Raises HelperError when that is too much."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    os.set_blocking(pipe, False)
    loop.add_reader(pipe, readable.set)
    try:
        printed = bytearray()
        while len(printed) <= _ANSWER_BYTES:
            await readable.wait()
            readable.clear()
            with suppress(BlockingIOError):  # told twice of the same bytes
                if not (block := os.read(pipe, _ANSWER_BYTES)):
                    return bytes(printed)
                printed += block
    finally:
        loop.remove_reader(pipe)
    raise HelperError(f"printed more than {_ANSWER_BYTES} bytes")


def _credential(output: bytes) -> Credential | None:
    if _CONTROL.search(output):
        raise HelperError("printed a control character")
    fields: dict[bytes, bytes] = {}
    for line in takewhile(bool, output.split(b"\n")):
        key, equals, value = line.partition(b"=")
        if not (key and equals):
            raise HelperError("printed a line that is not key=value")
        fields[key] = value
    username, password = fields.get(b"username"), fields.get(b"password")
    return Credential(username, password) if username and password else None


class CloneCredentials:
    """Answers what the git of one job asks, for the tenant of the job.

    It answers for the repository of the job alone, by https: git may be led to ask for others.
    """

    def __init__(self, helper: CredentialHelper, job: Job, git_url: str) -> None:
        self._helper = helper
        self._place = _place(git_url)
        self._job = job
        self._answer: bytes | None = None
        self._failure: Failure | None = None
        self._log = logger.bind(job_id=job.id, attempt=job.attempt)

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[socket.socket]:
        """Answers as long as it is entered, at the other end of the socket that this gives."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            answering = asyncio.create_task(self._answer_all(reader, writer))
            try:
                yield theirs
            finally:
                await cancel_tasks(answering, retry_after=1)

    def failure(self, code: str) -> Failure | None:
        """What the error of an indexer means, where that has to do with credentials."""
        if code != "repository_not_found":
            return None
        if self._answer is not None and self._failure is None:
            return Failure(_REFUSED, is_transient=False)
        return self._failure

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while question := await _question(reader):
                mine = self._is_mine(question)
                if mine and self._answer is None:
                    self._answer = await self._ask()
                writer.write((mine and self._answer) or _NOTHING)
                await writer.drain()
        except (ConnectionError, ValueError):  # git has ended, or it keeps asking
            pass
        except Exception:
            self._log.exception("a question of git's could not be answered")
        finally:
            writer.close()

    def _is_mine(self, question: Mapping[str, bytes]) -> bool:
        """Whether git asks for the repository of the job, whose path may end in .git or not."""
        if not self._place:
            return False
        given, ours = dict(question), dict(self._place)
        for fields in (given, ours):
            fields["path"] = fields.get("path", b"").removesuffix(b".git")
        return given.items() >= ours.items()

    async def _ask(self) -> bytes:
        fields = self._place | {
            "tenant_id": self._job.tenant_id.encode(),
            "repository_id": self._job.repository_id.encode(),
            "job_id": self._job.id.encode(),
        }
        question = b"".join(b"%s=%s\n" % (key.encode(), value) for key, value in fields.items())
        try:
            known = await self._helper.ask(question + b"\n")
        except HelperError as error:
            self._log.warning("the credential helper is broken", reason=f"it {error}")
            self._failure = Failure(
                f"The repository is private, or does not exist. The credential helper of this"
                f" server, which is asked then, {error}: tell the operator of the server.",
                is_transient=True,
            )
            return _NOTHING
        if known is None:
            self._failure = Failure(_UNKNOWN, is_transient=False)
            return _NOTHING
        return b"username=%s\npassword=%s\n\n" % (known.username, known.password)


def _place(git_url: str) -> dict[str, bytes]:
    """What git says of a repository when it asks; empty if credentials would not be safe there."""
    try:
        url = source.parse(git_url, ()).url
    except IndexingError:
        return {}
    parts = urlsplit(url)
    path = unquote_to_bytes(parts.path.lstrip("/")).rstrip(b"/")
    if parts.scheme != "https" or re.search(rb"[\x00-\x1f\x7f]", path):
        return {}
    return {"protocol": b"https", "host": parts.netloc.encode(), "path": path}


async def _question(reader: asyncio.StreamReader) -> dict[str, bytes]:
    """The fields of the next question; none at the end."""
    fields: dict[str, bytes] = {}
    async for line in reader:
        key, _, value = line.rstrip(b"\n").partition(b"=")
        if key:
            fields[key.decode(errors="replace")] = value
        elif fields:
            return fields
    return {}
