"""Durable POST /index and a page of GET /jobs, compared with the empty route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

from bench import servers
from bench.load import Call, wrk
from bench.measure import Comparison, Goal, Rounds
from bench.world import World

_SECONDS = 3.0
_CLIENTS = 50


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields the comparison."""
    users = range(1, world.users + 1)
    body = json.dumps({"repository": "bench/repository"})
    keys = [f"Authorization: Bearer {world.key(number)}" for number in users]
    create = [Call("/index", (key, "Content-Type: application/json"), "POST", body) for key in keys]
    pages = [Call("/jobs?limit=20", (key,)) for key in keys]
    with ExitStack() as stack:
        url, _ = stack.enter_context(servers.api(world))
        floor = stack.enter_context(servers.floor(900))

        def rate(address: str, calls: list[Call]) -> float:
            return wrk(address, calls, clients=_CLIENTS, seconds=_SECONDS).rate

        figures = rounds.run(
            "routes",
            {
                "empty route": lambda: rate(floor, [Call("/")]),
                "POST /index": lambda: rate(url, create),
                "GET /jobs, 20 jobs": lambda: rate(url, pages),
            },
        )
    yield Comparison(
        "routes",
        "Other routes, 50 connections",
        "answers a second",
        figures,
        (Goal("POST /index", "empty route", 0.12), Goal("GET /jobs, 20 jobs", "empty route", 0.15)),
    )
