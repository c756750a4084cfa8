"""The indexer's speed and concurrent polls, here and in an earlier checkout; startup and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import servers
from bench.measure import Comparison, Goal, Rounds
from bench.world import World

_ROUNDS = 3


def run(world: World, rounds: Rounds, before: Path | None) -> Iterator[Comparison]:
    """Yields the comparisons. `before` is a checkout with a .venv to compare with."""
    fewer = Rounds(min(rounds.count, _ROUNDS), rounds.told)
    checkouts = {"here": Path.cwd()} | ({"before": before} if before else {})
    yield from index_rate(checkouts, fewer)
    yield poll_latency(checkouts, fewer)
    yield start(world, fewer)


def index_rate(checkouts: dict[str, Path], rounds: Rounds) -> Iterator[Comparison]:
    """Measures a first index compared with tree-sitter alone, and a second index."""
    first: dict[str, list[float]] = {}
    second: dict[str, list[float]] = {}
    for number in range(rounds.count):
        for name, checkout in checkouts.items():
            said = _said(checkout, "bench.index_rate", "--rounds", "1")
            first.setdefault(name, []).append(said["rate_to_tree_sitter_alone"])
            second.setdefault(name, []).append(said["second_times_faster"])
        rounds.told(f"  indexer {number + 1}/{rounds.count}: {first}")
    beside = (Goal("here", "before", 0.95),) if "before" in checkouts else ()
    yield Comparison(
        "index_rate",
        "A first index of 200,000 symbols",
        "rate of tree-sitter alone",
        first,
        (Goal("here", None, 0.70), *beside),
    )
    yield Comparison(
        "index_second",
        "The second index, 1 % of the files changed",
        "times faster than the first",
        second,
        (Goal("here", None, 10.0),),
    )


def poll_latency(checkouts: dict[str, Path], rounds: Rounds) -> Comparison:
    """Measures the 99th percentile of a poll during indexing, relative to an idle server."""
    figures: dict[str, list[float]] = {}
    for number in range(rounds.count):
        for name, checkout in checkouts.items():
            said = _said(checkout, "bench.poll_latency", "--rounds", "1")
            figures.setdefault(name, []).append(said["p99_busy_to_idle"])
        rounds.told(f"  poll latency {number + 1}/{rounds.count}: {figures}")
    beside = (Goal("here", "before", 1.05, at_most=True),) if "before" in checkouts else ()
    return Comparison(
        "poll_latency",
        "Polls beside a large index",
        "99th percentile, busy to idle",
        figures,
        (Goal("here", None, 2.0, at_most=True), *beside),
    )


def start(world: World, rounds: Rounds) -> Comparison:
    """Measures the startup time of `index-jobs api`, and its memory when ready."""
    held: list[float] = []

    def seconds() -> float:
        begun = time.monotonic()
        with servers.api(world) as (_, pid):
            took = time.monotonic() - begun
            held.append(servers.resident_bytes(pid) / 1e6)
        return took

    figures = rounds.run("start", {"seconds until /ready is 200": seconds})
    return Comparison("start", "Start of `index-jobs api`", "", figures | {"MB held then": held})


def _said(checkout: Path, *arguments: str) -> dict[str, float]:
    python = checkout / ".venv/bin/python"
    command = [str(python if python.exists() else sys.executable), "-m", *arguments]
    # the exit code is 1 when a goal is missed, with figures nevertheless
    done = subprocess.run(command, cwd=checkout, check=False, stdout=subprocess.PIPE, text=True)
    said: dict[str, float] = json.loads(done.stdout[done.stdout.index("{") :])
    return said
