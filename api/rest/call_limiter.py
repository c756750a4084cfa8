"""Limits calls that no quota counts: one at a time for each user, and a few for all together.

Such a call may run until the statement timeout. Without this limit one user's calls could take
every connection of the pool and block all other routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from psycopg_pool import TooManyRequests


class CallLimiter:
    """At most `places` calls at once, each of another user; the rest wait in order.

    A user's next call starts to queue when the last one has ended, so however many calls one user
    sends, they delay another user's by one.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def acquire(self, user: str, seconds: float) -> AsyncIterator[None]:
        """The user's turn. Raises TooManyRequests when it has not come after `seconds`."""
        own = self._own.setdefault(user, asyncio.Lock())
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(seconds):
                    await turn.enter_async_context(own)
                    await turn.enter_async_context(self._places)
            except TimeoutError:
                raise TooManyRequests("other calls took every turn") from None
            yield
