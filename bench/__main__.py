"""Runs the benchmarks with baselines, and writes docs/performance.md.

    python -m bench [--only poll,claim] [--rows 1000000] [--rounds 5] [--before CHECKOUT]

Every case starts and stops its own durable servers on loopback. Raw figures go to
dist/bench. Exit code 0: all goals are met; 1: some are missed and named; 2: wrong usage.
Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import report
from bench.cases import (
    claims,
    explain,
    followers,
    growth,
    indexer,
    lifecycles,
    metrics,
    polls,
    routes,
    symbols,
)
from bench.load import BenchError
from bench.measure import Comparison, Rounds, short
from bench.world import World, world

Case = Callable[[World, Rounds], Iterator[Comparison]]


def cases(before: Path | None) -> dict[str, Case]:
    """Returns the names for ONLY, in the order in which they run."""
    return {
        "poll": polls.run,
        "routes": routes.run,
        "followers": followers.run,
        "claim": claims.run,
        "explain": explain.run,
        "symbols": symbols.run,
        "growth": growth.run,
        "lifecycle": lifecycles.run,
        "metrics": metrics.run,
        "indexer": lambda world, rounds: indexer.run(world, rounds, before),
    }


def main() -> int:
    """Runs the command and returns the exit code."""
    arguments = _arguments()
    chosen = cases(arguments.before)
    if arguments.only:
        names = arguments.only.split(",")
        if unknown := [name for name in names if name not in chosen]:
            print(
                f"ONLY={arguments.only}: {unknown[0]} is none of {', '.join(chosen)}",
                file=sys.stderr,
            )
            return 2
        chosen = {name: chosen[name] for name in names}
    rounds, missed, load = Rounds(arguments.rounds), [], os.getloadavg()[0]
    with world(arguments.rows) as filled:
        for group, case in chosen.items():
            done = []
            for comparison in case(filled, rounds):
                report.keep(comparison, filled.rows)
                print(report.section(comparison), flush=True)
                done.append(comparison)
            if not arguments.dry:
                report.write(group, done, filled.rows, load)
            missed += _missed(done)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def _missed(comparisons: list[Comparison]) -> list[str]:
    return [
        f"{comparison.title}: {goal.variant}{f' / {goal.over}' if goal.over else ''} is"
        f" {short(ratio)}, wanted {'at most' if goal.at_most else 'at least'} {goal.bound:g}"
        for comparison in comparisons
        for goal, ratio, met in comparison.verdicts()
        if not met
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="cases, separated by commas")
    parser.add_argument("--rows", type=int, default=1_000_000, help="finished jobs (1,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="of each comparison (5)")
    parser.add_argument("--before", type=Path, help="a checkout with a .venv to compare with")
    parser.add_argument("--dry", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"error: {error}")
