"""Limits calls that cost no quota: one at a time per user, and a few for all users together.

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
    """Allows at most `places` calls at once, each of a different user. The rest wait in order.

    A user's next call joins the queue when the previous one has ended. So no matter how many calls
    one user sends, they delay another user by only one.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def acquire(self, user: str, seconds: float) -> AsyncIterator[None]:
        """Holds the user's place. Raises TooManyRequests if none is free within `seconds`."""
        own = self._own.setdefault(user, asyncio.Lock())
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(seconds):
                    await turn.enter_async_context(own)
                    await turn.enter_async_context(self._places)
            except TimeoutError:
                raise TooManyRequests("other calls took every place") from None
            yield
