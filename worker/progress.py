"""Passes a job's progress from the indexer to the database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple


class Progress(NamedTuple):
    """The phase, and how much of it is done. `total` is None while unknown."""

    phase: str
    done: int
    total: int | None


class ProgressChannel:
    """Holds the newest progress of a job until it is closed.

    One task sets values, another waits for them. A value replaced before it was read is lost.
    """

    def __init__(self) -> None:
        self.newest: Progress | None = None
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """Ends `wait` and `pause` at once. There is no more progress."""
        self._closed.set()
        self._changed.set()

    def set(self, progress: Progress) -> None:
        self.newest = progress
        self._changed.set()

    def put_back(self, progress: Progress) -> None:
        """Puts back a value that could not be reported, unless there is a newer one."""
        if not self._changed.is_set():
            self.set(progress)

    async def wait(self, seconds: float) -> Progress | None:
        """Returns the next value, or None if there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return None
        self._changed.clear()
        return self.newest

    async def pause(self, seconds: float) -> None:
        """Returns after that time, or once the channel is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
