"""The CPU time of a claim, by the number of waiting, running and past jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from bench.measure import Comparison, Goal, Rounds
from bench.world import World

_CLAIMS = 300
_WORKER = "00000000-0000-4000-a000-000000000001"
_CLAIM: LiteralString = (
    "select j.id from public.claim_index_job(p_worker_id => %s, p_lease => '1 hour') as j"
)
_PENDING: LiteralString = """
insert into public.index_jobs
  (id, repository_id, repository, owner_user_id, ref, created_at, updated_at)
select private.uuid_v7(), u.id, 'bench/repository', u.id, 'main', t.at, t.at
from generate_series(1, %(jobs)s) as n
cross join lateral (select now() - interval '1 day' + n * interval '1 millisecond') as t (at)
cross join lateral (
  select ('00000000-0000-4000-8000-'
    || lpad(to_hex(n %% %(tenants)s + 1), 12, '0'))::uuid) as u (id)
"""
_LEASED: LiteralString = """
update public.index_jobs as j
set status = 'processing', attempt = 1, worker_id = %(worker)s, started_at = j.created_at,
  heartbeat_at = now(), lease_expires_at = now() + interval '1 day', version = 2
where j.status = 'pending'
"""


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields the comparison. Leaves the database unchanged."""
    cases: dict[str, tuple[int, int, int]] = {  # pending jobs, their tenants, jobs leased before
        "1 pending": (1, 1, 0),
        "1,000 leased": (1, 1, 1_000),
        "2,000 tenants wait": (2_000, 2_000, 0),
        "20,000 pending of one": (20_000, 1, 0),
    }
    figures: dict[str, list[float]] = {}
    for name, (pending, tenants, leased) in cases.items():
        with waiting(world, pending, tenants, leased) as connection:
            figures |= rounds.run(f"claim, {name}", {name: partial(cost, connection)})
    yield Comparison(
        "claim",
        f"One claim with {world.rows:,} finished jobs, rolled back",
        "µs of server CPU",
        figures,
        tuple(Goal(name, "1 pending", 1.3, at_most=True) for name in cases if name != "1 pending"),
    )


@contextmanager
def waiting(
    world: World, pending: int, tenants: int, leased: int
) -> Iterator[psycopg.Connection[Any]]:
    """Yields a worker's connection to a database with these jobs. Removes them at the end."""
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        if leased:
            owner.execute(_PENDING, {"jobs": leased, "tenants": world.users})
            owner.execute(_LEASED, {"worker": _WORKER})
        owner.execute(_PENDING, {"jobs": pending, "tenants": tenants})
        owner.execute("vacuum analyze public.index_jobs")
        try:
            with psycopg.connect(world.worker_url, prepare_threshold=0) as connection:
                yield connection
        finally:
            owner.execute("delete from public.index_jobs as j where j.status <> 'completed'")
            owner.execute("vacuum analyze public.index_jobs")


def cost(connection: psycopg.Connection[Any]) -> float:
    """Returns the CPU microseconds of a claim in its server process. Each is rolled back."""
    pid = connection.info.backend_pid
    for measured in (False, True):
        before = _cpu_seconds(pid)
        for _ in range(_CLAIMS if measured else 20):
            row = connection.execute(_CLAIM, (_WORKER,)).fetchone()
            connection.rollback()
            if row is None:
                raise AssertionError("nothing was claimed")
    return (_cpu_seconds(pid) - before) / _CLAIMS * 1e6


def _cpu_seconds(pid: int) -> float:
    """Returns the CPU time of a process since its start, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
