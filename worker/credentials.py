"""Gets credentials for private repositories from the operator's helper program.

The helper uses git's credential protocol. It runs once per clone, if the host answers 401. The
answer stays in memory and reaches git through a socket and a pipe. It never appears in an argument,
a variable, a file, a row or a log line.
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
_NOTHING: Final = b"quit=1\n\n"  # makes git give up instead of trying without credentials

_UNKNOWN: Final = (
    "The repository does not exist, or it is private: this server has no credentials of yours"
    " for it."
)
_REFUSED: Final = (
    "The repository does not exist, or this server's credentials do not give access to it."
)


class HelperError(Exception):
    """The helper failed. The message completes a sentence that begins with the helper."""


@dataclass(frozen=True)
class Credential:
    """A user name and a password. Its text shows neither."""

    username: bytes = field(repr=False)
    password: bytes = field(repr=False)


class Failure(NamedTuple):
    """Why a clone failed. Another attempt may help if it `is_transient`."""

    sentence: str
    is_transient: bool


@dataclass(frozen=True)
class CredentialHelper:
    """The operator's program. It must answer within `seconds`."""

    program: Path
    seconds: float

    async def ask(self, question: bytes) -> Credential | None:
        """Returns its answer, or None if it has none. In any case, the program has ended then.

        Discards its standard error, which may contain the credentials. Raises HelperError.
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
    """Opens a pipe for a process. asyncio's own pipes would delay its end until they are read."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as ours, os.fdopen(writing, "wb", 0) as theirs:
        yield ours, theirs


async def _read(pipe: int) -> bytes:
    """Reads a pipe to its end. Raises HelperError if it holds too much."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    os.set_blocking(pipe, False)
    loop.add_reader(pipe, readable.set)
    try:
        printed = bytearray()
        while len(printed) <= _ANSWER_BYTES:
            await readable.wait()
            readable.clear()
            with suppress(BlockingIOError):  # woken twice for the same bytes
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
    """Answers the credential questions of one job's git, for the job's tenant.

    Answers only for the job's repository and over https, because git can be led to ask for others.
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
        """Yields a socket, and answers questions at its other end until the block ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            answering = asyncio.create_task(self._answer_all(reader, writer))
            try:
                yield theirs
            finally:
                await cancel_tasks(answering, retry_after=1)

    def failure(self, code: str) -> Failure | None:
        """Returns what an indexer's error means if it concerns credentials."""
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
        except (ConnectionError, ValueError):  # git has ended, or keeps asking
            pass
        except Exception:
            self._log.exception("could not answer git's credential question")
        finally:
            writer.close()

    def _is_mine(self, question: Mapping[str, bytes]) -> bool:
        """Whether git asks for the job's repository, with or without .git at the end."""
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
                f"The repository is private, or does not exist. This server's credential helper"
                f" {error}: tell the operator of the server.",
                is_transient=True,
            )
            return _NOTHING
        if known is None:
            self._failure = Failure(_UNKNOWN, is_transient=False)
            return _NOTHING
        return b"username=%s\npassword=%s\n\n" % (known.username, known.password)


def _place(git_url: str) -> dict[str, bytes]:
    """Returns the fields that git would send for a repository; none if that would be unsafe."""
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
    """Returns the fields of the next question; none at the end."""
    fields: dict[str, bytes] = {}
    async for line in reader:
        key, _, value = line.rstrip(b"\n").partition(b"=")
        if key:
            fields[key.decode(errors="replace")] = value
        elif fields:
            return fields
    return {}
