"""Ends tasks that would otherwise run forever."""

from __future__ import annotations

import asyncio
from typing import Any


async def end(*tasks: asyncio.Task[Any], again: float) -> None:
    """Cancels the tasks and returns when all are over, however they ended.

    One that is not over after `again` seconds is cancelled again: before Python 3.12 a cancellation
    is lost that comes just when asyncio.wait_for has its result, as in a wait for a connection.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)
    await asyncio.gather(*tasks, return_exceptions=True)  # so that no error counts as overlooked
