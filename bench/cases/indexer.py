"""The indexer's speed and concurrent polls, here and in an earlier checkout; startup and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import servers
from bench.load import BenchError
from bench.measure import Comparison, Goal, Rounds
from bench.world import World

_ROUNDS = 3


def run(world: World, rounds: Rounds, before: Path | None) -> Iterator[Comparison]:
    """Yields the comparisons.

    `before` is a checkout to compare with, whose .venv has the same packages as this one.
    """
    fewer = Rounds(min(rounds.count, _ROUNDS), rounds.told)
    checkouts = {"here": Path.cwd()} | ({"before": before} if before else {})
    if before:
        _check_packages(checkouts)
    yield from index_rate(checkouts, fewer)
    yield from poll_latency(checkouts, fewer)
    yield start(world, fewer)


def index_rate(checkouts: dict[str, Path], rounds: Rounds) -> Iterator[Comparison]:
    """Measures a first index compared with tree-sitter alone, and a second index."""
    first: dict[str, list[float]] = {}
    second: dict[str, list[float]] = {}
    for number in range(rounds.count):
        for name, checkout in _in_turn(checkouts, number):
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


def poll_latency(checkouts: dict[str, Path], rounds: Rounds) -> Iterator[Comparison]:
    """Measures the 99th percentile of a poll during indexing, also relative to an idle server."""
    relative: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    for number in range(rounds.count):
        for name, checkout in _in_turn(checkouts, number):
            said = _said(checkout, "bench.poll_latency", "--rounds", "1")
            relative.setdefault(name, []).append(said["p99_busy_to_idle"])
            busy.setdefault(name, []).append(said["busy_ms"]["p99"])
        rounds.told(f"  poll latency {number + 1}/{rounds.count}: {busy}")
    yield Comparison(
        "poll_latency",
        "Polls beside a large index",
        "99th percentile, busy to idle",
        relative,
        (Goal("here", None, 2.0, at_most=True),),
    )
    yield Comparison(
        "poll_latency_busy",
        "The same while indexing",
        "ms, 99th percentile",
        busy,
        (Goal("here", "before", 1.05, at_most=True),) if "before" in checkouts else (),
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


def _in_turn(checkouts: dict[str, Path], number: int) -> list[tuple[str, Path]]:
    """Returns the checkouts, in reverse order in every second round."""
    return list(checkouts.items())[:: -1 if number % 2 else 1]


def _check_packages(checkouts: dict[str, Path]) -> None:
    """The packages of an environment are what is indexed. Raises BenchError if they differ."""
    installed: list[set[str]] = []
    for checkout in checkouts.values():
        command = [_python(checkout), "-m", "pip", "freeze", "--exclude-editable"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        installed.append(set(done.stdout.split()))
    if different := installed[0].union(*installed) - installed[0].intersection(*installed):
        raise BenchError(
            f"the environments of {' and '.join(map(str, checkouts.values()))} must have the same"
            f" packages, but differ in {', '.join(sorted(different)[:5])}"
        )


def _python(checkout: Path) -> str:
    python = checkout / ".venv/bin/python"
    return str(python if python.exists() else sys.executable)


def _said(checkout: Path, *arguments: str) -> dict[str, Any]:
    command = [_python(checkout), "-m", *arguments]
    # the exit code is 1 when a goal is missed, with figures nevertheless
    done = subprocess.run(command, cwd=checkout, check=False, stdout=subprocess.PIPE, text=True)
    said: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return said
