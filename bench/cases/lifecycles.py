"""Create, claim and complete, compared with pg-boss, procrastinate and PGQueuer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg

from bench.measure import Comparison, Goal, Rounds
from bench.world import World, fill
from cli.dev.logins import ensure_login
from db.local import postgres
from tests.support.fetch import node_modules

_SECONDS = 3.0
_QUEUES = Path(__file__).parents[1] / "queues"
_LOGIN = "bench_service"


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields a comparison per number of clients, on new databases and on the large one."""
    with postgres.temporary() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for name in ("boss", "pgqueuer", "procrastinate"):
                connection.execute(f"create database {name}".encode())
        new = fill(server, "postgres", 1_000)
        own = _service_url(new)
        others = {
            "pg-boss": partial(_pg_boss, server.url("boss"), 0),
            "procrastinate": partial(_lives, "procrastinate", server.url("procrastinate")),
            "pgqueuer": partial(_lives, "pgqueuer", server.url("pgqueuer")),
        }
        for clients in (1, 8, 32):
            probes = {"index-jobs": partial(_lives, "index-jobs", own, clients)}
            probes |= {name: partial(probe, clients) for name, probe in others.items()}
            figures = rounds.run(f"lifecycle, {clients} clients", probes)
            yield _comparison("new", "new databases", clients, figures)
    with psycopg.connect(world.owner_url, autocommit=True) as connection:
        connection.execute("drop database if exists boss")
        connection.execute("create database boss")
    url = world.server.url("boss")
    own = _service_url(world)
    for clients in (8, 32):
        probes = {
            "index-jobs": partial(_lives, "index-jobs", own, clients),
            "pg-boss": partial(_pg_boss, url, world.rows, clients),
        }
        figures = rounds.run(f"lifecycle at {world.rows:,}, {clients} clients", probes)
        yield _comparison("full", f"{world.rows:,} finished jobs", clients, figures)


def _comparison(name: str, where: str, clients: int, figures: dict[str, list[float]]) -> Comparison:
    goals = (Goal("index-jobs", "pg-boss", 1.5),) if clients > 1 else ()
    return Comparison(
        f"lifecycle_{name}_{clients}",
        f"Create + claim + completed, {clients} clients, {where}",
        "jobs a second",
        figures,
        goals,
    )


def _service_url(world: World) -> str:
    with psycopg.connect(world.owner_url, autocommit=True) as connection:
        return ensure_login(connection, world.owner_url, _LOGIN, "service_role", "bench")


def _lives(project: str, url: str, clients: int) -> float:
    command = [sys.executable, "-m", "bench.queues.lives", project, url, str(clients)]
    return _rate([*command, str(_SECONDS)], Path.cwd())


def _pg_boss(url: str, rows: int, clients: int) -> float:
    with tempfile.TemporaryDirectory(prefix="index-jobs-") as folder:
        shutil.copy(_QUEUES / "pg_boss.mjs", folder)
        Path(folder, "node_modules").symlink_to(node_modules(_QUEUES))
        node = str(Path(sys.executable).with_name("node"))
        command = [node, "pg_boss.mjs", url, str(clients), str(_SECONDS), str(rows)]
        return _rate(command, Path(folder))


def _rate(command: list[str], folder: Path) -> float:
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    rate: float = json.loads(done.stdout.splitlines()[-1])["rate"]
    return rate
