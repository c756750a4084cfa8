"""The clients that follow a job by a wait or a stream: their limits, and when one disconnects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from starlette.types import Receive

from api.answers import rate_headers
from api.auth import Caller
from api.errors import Problem
from api.live.watcher import Follower, Watcher
from api.rpc.contract import Answer, Rpc

MAX_PER_USER: Final = 20
"""The maximum number of followers per user."""
_LATER: Final = {"Retry-After": "5"}


class Followers:
    """The followers of this process, at most `limit`. An async context manager."""

    def __init__(self, rpc: Rpc, *, limit: int, interval: float) -> None:
        self._watcher = Watcher(rpc, interval)
        self._limit = limit
        self._count = 0
        self._of_users: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self._watcher.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._watcher.__aexit__()

    def disconnect_all(self) -> None:
        """Ends all waits and streams, because the process is stopping."""
        self._watcher.disconnect_all()

    def wake(self, follower: Follower, at: float) -> None:
        """Sets the follower's `news` at this time.monotonic(), or up to 0.25 s later.

        It may be set earlier, so check the clock after waiting.
        """
        self._watcher.wake(follower, at)

    @asynccontextmanager
    async def follow(
        self, answer: Answer, version: int, caller: Caller, receive: Receive
    ) -> AsyncIterator[Follower]:
        """Follows the answer's job from this version on, until the block ends.

        Raises Problem 429 at the user's limit and 503 at the limit of all users.
        """
        user_id, job_id = answer.user_id or "", answer.job_id or ""
        if self._of_users[user_id] >= MAX_PER_USER:
            raise Problem("TOO_MANY_STREAMS", headers=_LATER | rate_headers(answer))
        if self._count >= self._limit:
            raise Problem("LIVE_LIMIT", headers=_LATER | rate_headers(answer))
        self._count += 1
        self._of_users[user_id] += 1
        try:
            with self._watcher.follow(job_id, version, caller) as follower:
                leaving = asyncio.create_task(_notice_leaving(receive, follower))
                try:
                    yield follower
                finally:
                    leaving.cancel()
        finally:
            self._count -= 1
            self._of_users[user_id] -= 1
            if not self._of_users[user_id]:
                del self._of_users[user_id]


async def _notice_leaving(receive: Receive, follower: Follower) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.has_left = True
    follower.news.set()
