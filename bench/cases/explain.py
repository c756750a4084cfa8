"""The cost of an explanation, and the accuracy of its estimates."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg

from bench.calibration import PROMISED
from bench.cases.claims import waiting
from bench.measure import Comparison, Goal, Rounds
from bench.world import World

_TENANTS = 2_000
_CALLS = 200
_MOST = 2.0  # milliseconds
_NEWEST: LiteralString = """
select j.id, j.tenant_id from public.index_jobs as j
where j.status = 'pending' order by j.created_at desc, j.id desc limit 1
"""
_KNOWN: LiteralString = """
insert into private.index_durations
  (repository_id, commit_sha, bytes, bytes_unchanged, seconds, ended_at)
select r.id, repeat('a', 40), 1000, 900, 1 + random(), now()
from (select r.id from public.repositories as r limit 20) as r, generate_series(1, 20);
insert into private.runners (worker_id, slots, busy, seen_at)
values (gen_random_uuid(), 3, 3, now() + interval '1 hour')
"""
_UNKNOWN: LiteralString = "delete from private.index_durations; delete from private.runners"
_EXPLAIN: LiteralString = "select e.position, e.eta_p50 from public.explain_index_job(%s) as e"


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields the comparisons. Leaves the database unchanged."""
    with (
        waiting(world, _TENANTS, _TENANTS, 0),
        psycopg.connect(world.owner_url, autocommit=True) as owner,
        psycopg.connect(world.owner_url, autocommit=True) as user,
    ):
        owner.execute(_KNOWN)
        [(job_id, tenant_id)] = owner.execute(_NEWEST)
        claims = json.dumps({"sub": str(tenant_id), "role": "authenticated"})
        user.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        user.execute("set role authenticated")
        title = f"the last of {_TENANTS:,} tenants that wait"
        yield Comparison(
            "explain",
            f"explain_index_job with {world.rows:,} finished jobs, as an ordinary user",
            "ms, median of a round",
            rounds.run("explain", {title: lambda: cost(user, job_id)}),
            (Goal(title, None, _MOST, at_most=True),),
        )
        owner.execute(_UNKNOWN)
    yield estimates(rounds)


def cost(connection: psycopg.Connection[Any], job_id: str) -> float:
    """Returns the median milliseconds of a call."""
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        row = connection.execute(_EXPLAIN, (job_id,)).fetchone()
        taken.append(1_000 * (time.perf_counter() - began))
        if row is None or row[0] is None or row[1] is None:
            raise AssertionError(f"no place in line, or no estimate: {row}")
    return statistics.median(taken)


def estimates(rounds: Rounds) -> Comparison:
    """Returns the shares of jobs that ended within their estimates, by `bench.calibration`."""
    rounds.told("  estimates: indexing trees of pip and npm, about 5 minutes")
    # the exit code is 1 when a goal is missed, with figures nevertheless
    done = subprocess.run(
        [sys.executable, "-m", "bench.calibration"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = json.loads(done.stdout[done.stdout.index("{") :])
    shares = {
        f"{moment}: within {quantile}": [found[quantile]]
        for moment, found in said["second_half"].items()
        for quantile in ("p50", "p90")
    }
    goals = []
    for title in shares:
        low, high = PROMISED[title[-3:]]
        goals += [Goal(title, None, low), Goal(title, None, high, at_most=True)]
    return Comparison(
        "estimates",
        f"The estimate of the end, {said['jobs']} jobs of {said['trees']} trees",
        "share of the second half",
        shares,
        tuple(goals),
    )
