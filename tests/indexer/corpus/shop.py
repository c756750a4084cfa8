"""A small shop: what a Python file of an ordinary project looks like."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

VERSION = "1.4.0"
DEFAULT_LIMIT: int = 100
LOW, HIGH = 1, 10
logger = None
_CACHE_SECONDS = 60


def logged(action: Callable[[], int]) -> Callable[[], int]:
    @functools.wraps(action)
    def wrapper() -> int:
        print(action)
        return action()

    return wrapper


@dataclass(frozen=True)
class Item:
    name: str
    price: int = 0

    TAX = 19

    @property
    def gross(self) -> int:
        def rounded(value: float) -> int:
            return round(value)

        return rounded(self.price * 1.19)

    if VERSION:

        def label(self) -> str:
            return f"{self.name}: {self.price}"

    class Meta:
        ordering = ("name",)

        def describe(self) -> str:
            return "items by name"


class ShopError(Exception): ...


async def fetch_items(
    limit: int = DEFAULT_LIMIT,
) -> list[Item]:
    return [Item(str(n), n) for n in range(limit)]


double = lambda value: value * 2  # noqa: E731
