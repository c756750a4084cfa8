"""Starts the runner's indexers through a fork server, so that the API never waits for one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from worker.indexer import git

_INHERITED = {"HOME", "LANG", "LC_ALL", *git.INHERITED}
_LINE_BYTES = 1024 * 1024
_BEGIN_SECONDS = 5.0
# How long to wait for a killed process: one that waits for a disk does not end.
_END_SECONDS = 10.0


class Indexer:
    """A running indexer. `output` has the lines of its protocol."""

    def __init__(self, output: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.output = output
        self._writer = writer
        self._group = asyncio.ensure_future(output.readline())

    async def has_begun(self, seconds: float) -> bool:
        """Whether it has a process, or died without one, within `seconds`."""
        return bool((await asyncio.wait({self._group}, timeout=seconds))[0])

    async def kill(self) -> None:
        """Ends all its processes. When this returns, none of them holds its output open.

        One that has not started within a few seconds ends at its first output. Waits a few seconds
        for one that does not end when killed. Completes even if cancelled.
        """
        killing = asyncio.create_task(self._kill())
        cancelled = None
        while not killing.done():
            try:
                await asyncio.wait({killing})
            except asyncio.CancelledError as error:
                cancelled = error
        killing.result()
        if cancelled:
            raise cancelled

    async def _kill(self) -> None:
        try:
            if await self.has_begun(_BEGIN_SECONDS):
                if group := self._group.result():
                    with suppress(ProcessLookupError):
                        os.killpg(int(group), signal.SIGKILL)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_SECONDS):
                        while await self.output.read(_LINE_BYTES):
                            pass
        finally:
            self._group.cancel()
            self._writer.close()


class Indexers:
    """Starts indexers. Their server starts when this is opened, and again if it dies."""

    def __init__(self) -> None:
        self._server: asyncio.subprocess.Process | None = None
        self._jobs: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def start(
        self, request: Path, log: Path, credentials: socket.socket | None = None
    ) -> Indexer:
        """Starts an indexer in the folder of its request file, with its stderr in `log`.

        The credential questions of its git arrive at the other end of `credentials`. The caller
        must call kill(), however it ended.
        """
        # a socket, because uvloop closes a pipe twice, and the descriptor may be reused by then
        ours, theirs = socket.socketpair()
        with theirs, log.open("wb") as errors:
            output, writer = await asyncio.open_connection(sock=ours, limit=_LINE_BYTES)
            try:
                given = [theirs.fileno(), errors.fileno()]
                await self._ask(request, given + ([credentials.fileno()] if credentials else []))
            except BaseException:
                writer.close()
                raise
        return Indexer(output, writer)

    async def open(self) -> None:
        """Starts the server ahead of the first indexer."""
        async with self._starting:
            with suppress(OSError):  # start() will report what is wrong
                await self._open()

    async def _ask(self, request: Path, descriptors: list[int]) -> None:
        async with self._starting:
            try:
                jobs = self._jobs or await self._open()
                socket.send_fds(jobs, [os.fsencode(request)], descriptors)
            except ConnectionError:
                socket.send_fds(await self._open(), [os.fsencode(request)], descriptors)

    async def _open(self) -> socket.socket:
        await self.close()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._server = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "worker.indexer",
                    "-",
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    cwd="/",
                    env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        self._jobs = ours
        return ours

    async def close(self) -> None:
        """Ends the server and all remaining indexers."""
        jobs, server = self._jobs, self._server
        self._jobs = self._server = None
        if jobs is not None:
            jobs.close()
        if server is not None:
            with suppress(ProcessLookupError):
                server.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await server.wait()
