"""Ending of tasks that would run forever."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from worker.tasks import cancel_tasks


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_task_that_ignores_cancellations_is_ended(lost: int) -> None:
    async def run() -> bool:
        async def losing() -> None:
            for _ in range(lost):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(600)
            await asyncio.sleep(600)

        task = asyncio.create_task(losing())
        await asyncio.sleep(0)
        await cancel_tasks(task, retry_after=0.01)
        return task.cancelled()

    assert asyncio.run(run())


def test_error_of_a_failed_task_counts_as_retrieved() -> None:
    reported: list[str] = []

    async def run() -> None:
        async def failing() -> None:
            raise ValueError

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context["message"])))
        task = asyncio.create_task(failing())
        await asyncio.sleep(0)
        await cancel_tasks(task, retry_after=0.01)
        del task
        gc.collect()

    asyncio.run(run())
    assert reported == []
