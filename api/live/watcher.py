"""One task per process that asks the database which of the followed jobs have changed.

It holds no connection and uses no NOTIFY, which would take a lock in each transition. A follower
learns that something is new, not what, so nothing piles up for a slow client.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final, Self

from api.auth import Caller
from api.errors import Problem
from api.rpc.contract import Rpc
from db.tools.logs import get_logger

logger = get_logger(__name__)

RECHECK_SECONDS: Final = 5.0
"""The interval between checks of a follower's key, token and job."""
_SECONDS_IN_AN_OUTAGE: Final = 1.0
_RECHECKED_AT_ONCE: Final = 200
_SECONDS_BETWEEN_WAKES: Final = 0.25
_GONE: Final = 2**62  # the version of a job that was purged: above any other


class Follower:
    """A client that follows a job. `news` is set when another attribute has changed."""

    __slots__ = (
        "caller",
        "event_version",
        "has_left",
        "is_refused",
        "job_id",
        "news",
        "version",
        "wake_at",
    )

    def __init__(self, job_id: str, version: int, caller: Caller) -> None:
        self.job_id = job_id
        self.caller = caller
        self.news = asyncio.Event()
        self.version = version
        """The newest known version of the job."""
        self.event_version = 0
        """The version of the newest known event."""
        self.is_refused = False
        """Whether the key or token is no longer valid, or the caller may no longer see the job."""
        self.has_left = False
        """Whether the client has disconnected, or must go to another process."""
        self.wake_at = math.inf
        """When to set `news` even if nothing has changed, by time.monotonic()."""


class _Job:
    """The followers of a job, by caller, and the version to ask the database about."""

    __slots__ = ("followers", "version")

    def __init__(self, version: int) -> None:
        self.followers: dict[Caller, set[Follower]] = {}
        self.version = version


class Watcher:
    """Looks for changes every `interval` seconds while a job is followed. A context manager."""

    def __init__(self, rpc: Rpc, interval: float) -> None:
        self._rpc = rpc
        self._interval = interval
        self._jobs: dict[str, _Job] = {}
        self._asked: dict[str, str] | None = None  # arguments of _look; empty if jobs have changed
        self._wakes: dict[int, list[Follower]] = {}  # by tick: cheaper than a timer for each
        self._is_needed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        duties = (self._watch(), self._recheck(), self._wake())
        self._tasks = [asyncio.create_task(duty) for duty in duties]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.disconnect_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def disconnect_all(self) -> None:
        """Disconnects all followers."""
        for follower in self._followers():
            follower.has_left = True
            follower.news.set()

    @contextmanager
    def follow(self, job_id: str, version: int, caller: Caller) -> Iterator[Follower]:
        """Notifies the follower of each version of the job above this one, until the block ends.

        Includes versions from before the block.
        """
        follower = Follower(job_id, version, caller)
        job = self._jobs.setdefault(job_id, _Job(version))
        job.version = min(job.version, version)
        job.followers.setdefault(caller, set()).add(follower)
        self._asked = None
        self._is_needed.set()
        try:
            yield follower
        finally:
            job.followers[caller].discard(follower)
            if not job.followers[caller]:
                del job.followers[caller]
            if not job.followers:
                self._jobs.pop(job_id, None)
                self._asked = None
            if not self._jobs:
                self._is_needed.clear()

    async def _watch(self) -> None:
        while True:
            await self._is_needed.wait()
            began = time.monotonic()
            pause = self._interval
            try:
                await self._look()
            except Problem:  # already logged
                pause = _SECONDS_IN_AN_OUTAGE
            except Exception:
                logger.exception("could not check for changed jobs")
                pause = _SECONDS_IN_AN_OUTAGE
            await asyncio.sleep(max(pause - (time.monotonic() - began), pause / 2))

    async def _look(self) -> None:
        if self._asked is None:
            asked = self._jobs.items()
            self._asked = {
                "p_job_ids": "{" + ",".join([job_id for job_id, _ in asked]) + "}",
                "p_versions": "{" + ",".join([str(job.version) for _, job in asked]) + "}",
            }
        answer = await self._rpc.call("api_watch_jobs", **self._asked)
        for job_id, version, event_version in json.loads(answer.body or "[]"):
            job = self._jobs.get(job_id)
            if job is None:  # its followers have left by now
                continue
            job.version = _GONE if version is None else version
            self._asked = None
            for follower in chain.from_iterable(job.followers.values()):
                if follower.version < job.version or version is None:
                    follower.version = job.version
                    follower.event_version = _GONE if version is None else event_version or 0
                    follower.news.set()

    def wake(self, follower: Follower, at: float) -> None:
        """Sets `news` at this time.monotonic(), or up to _SECONDS_BETWEEN_WAKES later."""
        if at < follower.wake_at:
            follower.wake_at = at
            self._wakes.setdefault(math.ceil(at / _SECONDS_BETWEEN_WAKES), []).append(follower)

    async def _wake(self) -> None:
        while True:
            await self._is_needed.wait()
            await asyncio.sleep(_SECONDS_BETWEEN_WAKES)
            now = time.monotonic()
            due = [tick for tick in self._wakes if tick * _SECONDS_BETWEEN_WAKES <= now]
            for tick in sorted(due):
                for follower in self._wakes.pop(tick):
                    if follower.wake_at <= now:
                        follower.wake_at = math.inf
                        follower.news.set()

    async def _recheck(self) -> None:
        while True:
            await self._is_needed.wait()
            asked = [
                (caller, job_id) for job_id, job in self._jobs.items() for caller in job.followers
            ]
            pause = RECHECK_SECONDS / max(1, -(-len(asked) // _RECHECKED_AT_ONCE))
            for first in range(0, len(asked), _RECHECKED_AT_ONCE):
                await asyncio.sleep(pause)
                try:
                    await self._refuse(asked[first : first + _RECHECKED_AT_ONCE])
                except Problem:  # already logged; an outage changes nothing for followers
                    continue
                except Exception:
                    logger.exception("could not check the keys and tokens of followers")
            if not asked:
                await asyncio.sleep(pause)

    async def _refuse(self, asked: list[tuple[Caller, str]]) -> None:
        answer = await self._rpc.call(
            "api_recheck_followers",
            p_api_keys=_array(caller.api_key for caller, _ in asked),
            p_all_claims=_array(caller.claims for caller, _ in asked),
            p_job_ids=_array(job_id for _, job_id in asked),
        )
        refused = {place - 1 for place in json.loads(answer.body or "[]")}
        now = time.time()
        for place, (caller, job_id) in enumerate(asked):
            if place in refused or caller.expires_at <= now:
                job = self._jobs.get(job_id)
                for follower in job.followers.get(caller, ()) if job else ():
                    follower.is_refused = True
                    follower.news.set()

    def _followers(self) -> Iterator[Follower]:
        for job in list(self._jobs.values()):
            yield from list(chain.from_iterable(job.followers.values()))


def _array(values: Iterable[str | None]) -> str:
    """Returns Postgres's text form of a text array."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
