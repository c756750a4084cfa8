"""The cost of metrics per transition, and of a scrape, for any number of jobs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench.cases.claims import waiting
from bench.load import pgbench
from bench.measure import Comparison, Goal, Rounds
from bench.world import World, fill
from cli.dev.logins import ensure_login
from db.local import postgres
from db.tools.stamp import HANDBACK, HANDOVER

_SECONDS = 3.0
_ROUNDS = 10
_TRANSITIONS = 3
_SCRAPES = 100
_FUNCTION = Path(__file__).parents[2] / "db/functions/private/record_job_event.sql"
_LIFE = """
\\set user random(1, {users})
select j.id as job from public.create_index_job(
  p_repository_id => (
    '00000000-0000-4000-8000-' || lpad(to_hex(:user::bigint), 12, '0'))::uuid) as j \\gset
select j.id as job, j.attempt as attempt from public.claim_index_job(
  p_worker_id => '00000000-0000-4000-a000-000000000001', p_lease => '1 hour') as j \\gset
select j.id from public.update_job_status(
  p_job_id => :job, p_status => 'completed', p_attempt => :attempt::integer,
  p_metadata => '{{"stats": {{"files_indexed": 120}}}}') as j;
"""


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields both comparisons. The first has its own databases and at least ten rounds."""
    yield counting(Rounds(max(_ROUNDS, rounds.count), rounds.told))
    yield scraping(world, rounds)


def counting(rounds: Rounds) -> Comparison:
    """Measures lives of jobs with and without the counting in the triggers."""
    with postgres.temporary() as server:
        worlds = {}
        for name in ("uncounted", "counted"):
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"create database {name}".encode())
            worlds[name] = fill(server, name, 1_000)
        with psycopg.connect(worlds["uncounted"].owner_url) as connection:
            connection.execute((HANDOVER + uncounted(_FUNCTION.read_text()) + HANDBACK).encode())
        figures = rounds.run(
            "a transition", {name: partial(cost, filled) for name, filled in worlds.items()}
        )
    return Comparison(
        "metrics_counting",
        "A transition: create, claim and completed by pgbench, one client, and the folding",
        "µs of server CPU",
        figures,
        (Goal("counted", "uncounted", 1.05, at_most=True),),
    )


def uncounted(text: str) -> str:
    """Returns the function that records an event, without its metrics."""
    text = re.sub(r"    insert into private\.job_metric_log [^;]+;\n", "", text)
    begin = text.index("\n  if old.status = 'processing' and old.retry_at is null")
    end = text.index("  return null;", begin)
    return text[:begin] + text[end:]


def cost(world: World) -> float:
    """Returns the CPU microseconds of a transition in all server processes."""
    with psycopg.connect(world.owner_url, autocommit=True) as connection:
        url = ensure_login(connection, world.owner_url, "bench_service", "service_role", "bench")
        before = server_cpu_seconds(world.server.pid)
        script = _LIFE.format(users=world.users)
        rate = pgbench(url, [script], clients=1, seconds=_SECONDS)
        while connection.execute("select private.fold_job_metrics()").fetchone() != (0,):
            pass
        return (
            (server_cpu_seconds(world.server.pid) - before) / (rate * _SECONDS * _TRANSITIONS) * 1e6
        )


def server_cpu_seconds(pid: int) -> float:
    """Returns the CPU time of a postmaster and all its processes, including ended ones."""
    while True:
        own, ended = sum(_times(pid)[:2]), _times(pid)[2:]
        children = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                children += sum(_times(int(child))[:2])
        if _times(pid)[2:] == ended:  # otherwise a child may be missing
            return (own + sum(ended) + children) / os.sysconf("SC_CLK_TCK")


def _times(pid: int) -> list[int]:
    """Returns user and system time of a process and its ended children."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:  # the process has just ended
        return [0, 0, 0, 0]
    return [int(field) for field in stat.rpartition(")")[2].split()[11:15]]


def scraping(world: World, rounds: Rounds) -> Comparison:
    """Measures api_job_metrics() on a small and a large table with pending and running jobs."""
    figures: dict[str, list[float]] = {}
    with postgres.temporary() as server:
        small = fill(server, "postgres", 1_000)
        for filled in (small, world):
            for tenants, leased in ((1, 1), (2_000, 1_000)):
                name = f"{filled.rows:,} ended, {tenants:,} tenants wait, {leased:,} run"
                with waiting(filled, tenants, tenants, leased):
                    probe = partial(scrape, filled)
                    figures |= rounds.run("a scrape", {name: probe})
    few, _, few_of_all, many_of_all = figures
    return Comparison(
        "metrics_scrape",
        "A scrape in Postgres: api_job_metrics(), with 30 transitions since the last one",
        "ms",
        figures,
        (
            Goal(few_of_all, few, 1.5, at_most=True),
            Goal(many_of_all, None, 50, at_most=True),
        ),
    )


def scrape(world: World) -> float:
    """Returns the mean milliseconds of many calls."""
    with (
        psycopg.connect(world.owner_url, autocommit=True) as owner,
        psycopg.connect(world.api_url, autocommit=True, prepare_threshold=0) as connection,
    ):
        total = 0.0
        for number in range(_SCRAPES + 10):
            owner.execute(
                "insert into private.job_metric_log (at, to_status)"
                " select now(), 'pending' from generate_series(1, 30)"
            )
            began = time.perf_counter()
            _read(connection)
            total += time.perf_counter() - began if number >= 10 else 0
        return total / _SCRAPES * 1000


def _read(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("select a.body from public.api_job_metrics() as a").fetchone()
    if row is None or row[0] is None:
        raise AssertionError("the scrape told nothing")
