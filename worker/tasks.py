"""Cancels tasks that would otherwise run forever."""

from __future__ import annotations

import asyncio
from typing import Any


async def cancel_tasks(*tasks: asyncio.Task[Any], retry_after: float) -> None:
    """Cancels the tasks and returns when all have ended, in whatever way.

    A task that is still running after `retry_after` seconds is cancelled again: before Python 3.12,
    asyncio.wait_for loses a cancellation that arrives just as its result does.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=retry_after)
    await asyncio.gather(
        *tasks, return_exceptions=True
    )  # so that no exception counts as never retrieved
