"""The order of calls, without a server."""

from __future__ import annotations

import asyncio

import pytest
from psycopg_pool import TooManyRequests

from api.rest.call_limiter import CallLimiter
from tests.support.waiting import PATIENCE


async def calls(limiter: CallLimiter, order: list[str]) -> list[str]:
    """Returns the users in the order served, when all call at once in this order."""
    served: list[str] = []

    async def call(user: str) -> None:
        async with limiter.acquire(user, PATIENCE):
            served.append(user)
            await asyncio.sleep(0)

    await asyncio.gather(*map(call, order))
    return served


def test_frequent_caller_delays_others_by_at_most_one_call() -> None:
    served = asyncio.run(calls(CallLimiter(1), ["mallory"] * 100 + ["alice"]))
    assert served.index("alice") <= 2
    assert sorted(served) == ["alice"] + ["mallory"] * 100


def test_calls_are_limited_to_one_per_user_and_to_the_pool_size() -> None:
    async def most() -> tuple[int, int]:
        limiter, own, together, top_own, top = CallLimiter(2), dict[str, int](), 0, 0, 0

        async def call(user: str) -> None:
            nonlocal together, top_own, top
            async with limiter.acquire(user, PATIENCE):
                own[user] = own.get(user, 0) + 1
                together += 1
                top_own, top = max(top_own, own[user]), max(top, together)
                await asyncio.sleep(0)
                own[user] -= 1
                together -= 1

        await asyncio.gather(*(call(user) for user in "abc" * 20))
        return top_own, top

    assert asyncio.run(most()) == (1, 2)


def test_timed_out_caller_leaves_the_queue() -> None:
    async def run() -> None:
        limiter = CallLimiter(1)
        async with limiter.acquire("alice", PATIENCE):
            for user in ("alice", "bob"):
                with pytest.raises(TooManyRequests):
                    async with limiter.acquire(user, 0.01):
                        raise AssertionError("there is one place")
        for user in ("alice", "bob"):
            async with limiter.acquire(user, PATIENCE):
                pass

    asyncio.run(run())


def test_failed_call_releases_its_slot() -> None:
    async def run() -> None:
        limiter = CallLimiter(1)
        with pytest.raises(ZeroDivisionError):
            async with limiter.acquire("alice", PATIENCE):
                raise ZeroDivisionError
        async with limiter.acquire("alice", PATIENCE):
            pass

    asyncio.run(run())
