"""Measures the latency of GET /jobs/{id}, idle and during indexing, and of POST /index during
indexing.

    python -m bench.poll_latency [--seconds N] [--rounds N] [--jobs N]

Runs the whole stack like `make serve` and polls one finished job 20 times a second:
first idle, then while jobs index a large tree of real source, and again, so that both see
the same machine. While jobs still run, it also creates jobs at that rate and cancels each after
the response. Latency counts from when a request was due. Prints the figures as JSON. Exit code
1: the 99th percentile of a poll is over twice the idle one, or that of POST /index over 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
from dotenv import dotenv_values

from tests.support import trees

_RATE = 20
_SLOWER = 2.0
_ACCEPTED_MS = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each phase (20)")
    parser.add_argument("--rounds", type=int, default=3, help="an idle and a busy phase each (3)")
    parser.add_argument("--jobs", type=int, default=1, help="that are indexed at once (1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="poll-latency-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        trees.repository(folder / "tree", trees.large())
        with served(folder, arguments.jobs) as (url, key):
            measured = measure(url, key, folder / "tree", arguments)
            figures = asyncio.run(measured)
    print(json.dumps(figures, indent=2))
    if figures["p99_busy_to_idle"] > _SLOWER or figures["post_busy_ms"]["p99"] > _ACCEPTED_MS:
        sys.exit(1)


@contextmanager
def served(folder: Path, jobs: int) -> Iterator[tuple[str, str]]:
    """Yields the address of a temporary stack, and a key with a large quota."""
    run_dir = folder / "run"
    environment = {"PATH": os.environ["PATH"], "RUN_DIR": str(run_dir), "PORT": "0"}
    environment |= {"RUNNER_CONCURRENCY": str(jobs)}
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # separate from the clients, for a fair share of CPU time
    )
    try:
        told = process.stdout or ()
        if not any("API at " in line for line in told):
            raise SystemExit("the stack could not be started")
        names = dotenv_values(run_dir / "dev.env")
        yield str(names["API_URL"]), str(names["CAROL_KEY"])
    finally:
        process.terminate()
        process.communicate(timeout=60)


async def measure(
    url: str, key: str, folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        numbers = count()

        async def index() -> str:
            body = {"repository": f"bench/tree-{next(numbers)}", "localPath": str(folder)}
            answer = await client.post("/index", json=body)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["jobId"])

        async def ended(job_id: str) -> None:
            while True:
                job = (await client.get(f"/jobs/{job_id}")).raise_for_status().json()
                if job["completed_at"]:
                    if job["status"] != "completed":
                        raise SystemExit(f"a job ended as {job['status']}: {job['error_message']}")
                    return
                await asyncio.sleep(1)

        async def keep_busy(stop: asyncio.Event) -> int:
            done = 0
            while not stop.is_set():
                await ended(await index())
                done += 1
            return done

        async def paced(seconds: float, ask: Callable[[float], Awaitable[float]]) -> list[float]:
            start = time.perf_counter()
            asked = []
            for number in range(round(seconds * _RATE)):
                due = start + number / _RATE
                await asyncio.sleep(max(0, due - time.perf_counter()))
                asked.append(asyncio.ensure_future(ask(due)))
            return list(await asyncio.gather(*asked))

        async def poll(due: float) -> float:
            (await client.get(f"/jobs/{job_id}")).raise_for_status()
            return time.perf_counter() - due

        async def post(due: float) -> float:
            made = await index()
            taken = time.perf_counter() - due
            (await client.delete(f"/jobs/{made}")).raise_for_status()
            return taken

        job_id = await index()
        await ended(job_id)
        idle: list[float] = []
        busy: list[float] = []
        posts: list[float] = []
        jobs = 0
        for _ in range(arguments.rounds):
            idle += await paced(arguments.seconds, poll)
            stop = asyncio.Event()
            working = [asyncio.create_task(keep_busy(stop)) for _ in range(arguments.jobs)]
            busy += await paced(arguments.seconds, poll)
            posts += await paced(arguments.seconds / 4, post)
            stop.set()
            jobs += sum(await asyncio.gather(*working))
    return {
        "requests": len(idle),
        "jobs": jobs,
        "idle_ms": summary(idle),
        "busy_ms": summary(busy),
        "p99_busy_to_idle": round(p99(busy) / p99(idle), 2),
        "post_busy_ms": summary(posts),
    }


def summary(seconds: list[float]) -> dict[str, float]:
    values = {"p50": median(seconds), "p99": p99(seconds), "max": max(seconds)}
    return {name: round(1000 * value, 1) for name, value in values.items()}


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


if __name__ == "__main__":
    main()
