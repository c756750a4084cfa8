"""The effect of ten thousand, a million and ten million jobs, many memberships and tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import psycopg

from bench.cases import claims
from bench.load import pgbench
from bench.measure import Comparison, Goal, Rounds
from bench.world import World, fill, user_id
from db.local import postgres

_SECONDS = 2.0
_SCRIPTS = 64
_MILLION = 1_000_000
_FLOORS = {"poll": 0.8, "create": 0.8, "first page": 0.55, "deep page": 0.55, "status page": 0.55}
_CLAIM_FLOOR = 0.8
_PAGES = {
    "first page": "",
    "deep page": ", p_cursor => '2026-01-02T00:00:00Z,ffffffff-ffff-ffff-ffff-ffffffffffff'",
    "status page": ", p_status => 'failed'",
}


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields a comparison of table sizes for each call, then those of memberships and tenants.

    The goals compare the world's table with the next smaller one.
    """
    with postgres.temporary() as server:
        small = fill(server, "postgres", min(10_000, world.rows // 2))
        worlds = [small]
        if world.rows > _MILLION:
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("create database million")
            worlds.append(fill(server, "million", _MILLION))
        worlds.append(world)
        yield from by_size({f"{each.rows:,} jobs": each for each in worlds}, rounds)
        yield memberships(small, rounds)
    yield tenants(rounds)


def by_size(sizes: dict[str, World], rounds: Rounds) -> Iterator[Comparison]:
    """Measures poll, create, page and claim on each database in turn."""
    names = list(sizes)
    probes_of_calls: dict[str, Callable[[World], float]] = {
        "poll": poll_rate,
        "create": create_rate,
        **{name: partial(page_rate, arguments) for name, arguments in _PAGES.items()},
    }
    for call, probe in probes_of_calls.items():
        figures = rounds.run(
            f"growth, {call}", {name: partial(probe, world) for name, world in sizes.items()}
        )
        goals = (Goal(names[-1], names[-2], _FLOORS[call]),)
        yield Comparison(
            f"growth_{call.replace(' ', '_')}",
            f"{call.capitalize()} as the table grows: pgbench, 4 clients",
            "calls a second",
            figures,
            goals,
        )
    with ExitStack() as stack:
        probes = {}
        for name, world in sizes.items():
            connection = stack.enter_context(claims.waiting(world, 1, 1, 0))
            probes[name] = partial(claims.cost, connection)
        figures = rounds.run("growth, claim", probes)
    yield Comparison(
        "growth_claim",
        "A claim as the table grows",
        "µs of server CPU",
        figures,
        (Goal(names[-1], names[-2], 1 / _CLAIM_FLOOR, at_most=True),),
    )


def poll_rate(world: World) -> float:
    """Returns the polls per second with API keys."""
    return pgbench(
        world.api_url,
        [
            f"select public.api_get_job_status('{world.key(owner)}', null, '{job}');"
            for job, owner in world.jobs(_SCRIPTS)
        ],
        clients=4,
        seconds=_SECONDS,
    )


def create_rate(world: World) -> float:
    """Returns the durable creations per second."""
    owners = range(1, world.users + 1, max(1, world.users // _SCRIPTS))
    return pgbench(
        world.api_url,
        [
            f"select public.api_create_index_job(p_api_key => '{world.key(owner)}', "
            "p_claims => null, p_repository => 'bench/repository', "
            "p_git_base_url => 'https://github.com/');"
            for owner in list(owners)[:_SCRIPTS]
        ],
        clients=4,
        seconds=_SECONDS,
    )


def page_rate(arguments: str, world: World) -> float:
    """Returns the pages of 20 per second, with these extra arguments."""
    owners = range(1, world.users + 1, max(1, world.users // _SCRIPTS))
    return pgbench(
        world.api_url,
        [
            f"select public.api_list_index_jobs(p_api_key => '{world.key(owner)}', "
            f"p_claims => null, p_limit => 20{arguments});"
            for owner in list(owners)[:_SCRIPTS]
        ],
        clients=4,
        seconds=_SECONDS,
    )


def memberships(world: World, rounds: Rounds) -> Comparison:
    """Measures polls of an organization's job by members of 1 and of 1,000 organizations."""
    with psycopg.connect(world.owner_url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into public.organizations (id, slug, name) select"
            " ('00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'o' || n, 'o'"
            " from generate_series(1, 1000) as n"
        )
        connection.execute(
            "insert into public.organization_members (organization_id, user_id)"
            " select o.id, %s::uuid from public.organizations as o union all"
            " select '00000000-0000-4000-9000-000000000001', %s::uuid",
            (user_id(1), user_id(2)),
        )
        connection.execute(
            "update public.index_jobs as j set owner_user_id = null,"
            " organization_id = '00000000-0000-4000-9000-000000000001'"
            " where j.owner_user_id = %s",
            (user_id(3),),
        )
        connection.execute("vacuum analyze")
    jobs = [job for job, _ in world.jobs(_SCRIPTS, 3)]
    probes: dict[str, Callable[[], float]] = {}
    for name, member in (("member of 1", 2), ("member of 1,000", 1)):
        scripts = [
            f"select public.api_get_job_status('{world.key(member)}', null, '{job}');"
            for job in jobs
        ]
        probes[name] = partial(pgbench, world.api_url, scripts, clients=4, seconds=_SECONDS)
    return Comparison(
        "growth_memberships",
        "A poll of an organization's job",
        "calls a second",
        rounds.run("memberships", probes),
        (Goal("member of 1,000", "member of 1", 0.8),),
    )


def tenants(rounds: Rounds) -> Comparison:
    """Measures a claim while 1 tenant waits, and while 100,000 wait."""
    with postgres.temporary() as server, ExitStack() as stack:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create database many")
        probes = {}
        for name, database, users in (("1 tenant", "postgres", 1), ("100,000", "many", 100_000)):
            world = fill(server, database, 1_000, users=users)
            connection = stack.enter_context(claims.waiting(world, users, users, 0))
            probes[f"{name} waiting"] = partial(claims.cost, connection)
        figures = rounds.run("tenants", probes)
    return Comparison(
        "growth_tenants",
        "A claim as more tenants wait",
        "µs of server CPU",
        figures,
        (Goal("100,000 waiting", "1 tenant waiting", 1.3, at_most=True),),
    )
