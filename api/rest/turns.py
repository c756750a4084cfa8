"""Turns of the users whose calls no quota counts: one call each at a time, and few together.

Such a call may run as long as a statement may. Without turns one user's calls would hold every
connection of the pool, and with it the routes of everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from psycopg_pool import TooManyRequests


class Turns:
    """At most `places` calls at once, of as many users; who waits is served in order.

    A user with a call under way waits for that before queueing, so that thousands of calls of one
    delay another's by one.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, user: str, patience: float) -> AsyncIterator[None]:
        """The user's turn. Raises TooManyRequests when it has not come after `patience` seconds."""
        own = self._own.setdefault(user, asyncio.Lock())
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(patience):
                    await turn.enter_async_context(own)
                    await turn.enter_async_context(self._places)
            except TimeoutError:
                raise TooManyRequests("other calls took every turn") from None
            yield
