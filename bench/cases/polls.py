"""GET /jobs/{id}: in pgbench, by wrk compared with an empty route and PostgREST; 304; memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from bench import servers
from bench.load import Answered, Call, pgbench, wrk
from bench.measure import Comparison, Goal, Rounds
from bench.world import VERSION, World

_SECONDS = 3.0
_CALLS = 4_000
_GROUP = 8
_SCRIPTS = 128  # pgbench's maximum: fewer users would wait for each other's counts


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields each comparison when it is done."""
    yield in_postgres(world, rounds)
    with ExitStack() as stack:
        url, pid = stack.enter_context(servers.api(world))
        floor = stack.enter_context(servers.floor(900))
        rest = stack.enter_context(servers.rest(world))
        yield from over_http(world, rounds, url, floor, rest)
        yield memory(world, url, pid)


def in_postgres(world: World, rounds: Rounds) -> Comparison:
    """Measures polls as sent alone and in groups, and a select by primary key without checks.

    The groups come from two clients, as from two processes of the API. Their users are the same in
    one of 128 cases.
    """
    jobs = world.jobs(_SCRIPTS)
    poll = [
        "select a.verdict, a.body, a.job_status, a.job_version from public.api_get_job_status("
        f"p_api_key => '{world.key(owner)}', p_claims => null, p_job_id => '{job}') as a;"
        for job, owner in jobs
    ]
    polled = world.jobs(_SCRIPTS * _GROUP)
    groups = [_group(world, polled[first::_SCRIPTS]) for first in range(_SCRIPTS)]
    select = [f"select j.* from public.index_jobs as j where j.id = '{job}';" for job, _ in jobs]
    figures = rounds.run(
        "poll in pgbench",
        {
            "primary key": lambda: pgbench(world.owner_url, select, clients=8, seconds=_SECONDS),
            "poll": lambda: pgbench(world.api_url, poll, clients=8, seconds=_SECONDS),
            "grouped polls": lambda: (
                _GROUP * pgbench(world.api_url, groups, clients=2, seconds=_SECONDS)
            ),
        },
    )
    return Comparison(
        "poll_pgbench",
        f"A poll in Postgres: pgbench, 8 clients, prepared; groups of {_GROUP} from two clients",
        "selects or polls a second",
        figures,
        (Goal("poll", "primary key", 0.25), Goal("grouped polls", "primary key", 0.25)),
    )


def _group(world: World, polls: Sequence[tuple[str, int]]) -> str:
    keys = ", ".join(f"'{world.key(owner)}'" for _, owner in polls)
    jobs = ", ".join(f"'{job}'" for job, _ in polls)
    nulls = f"array_fill(null::%s, array[{_GROUP}])"
    return (
        "select a.verdict, a.body, a.job_status, a.job_version from public.api_get_job_statuses("
        f"array[{keys}], {nulls % 'jsonb'}, array[{jobs}], {nulls % 'bigint'}) as a;"
    )


def over_http(
    world: World, rounds: Rounds, url: str, floor: str, rest: str
) -> Iterator[Comparison]:
    """Measures the same with wrk, on 1 to 400 connections."""
    polls, empty = world.polls(_CALLS), [Call("/")]
    owners = world.jobs(_CALLS)
    tokens = {owner: world.token(owner) for _, owner in owners}
    asked = [
        Call(
            f"/rpc/get_job_status?p_job_id={job}",
            (f"Authorization: Bearer {tokens[owner]}", "Accept-Encoding: identity"),
        )
        for job, owner in owners
    ]
    for clients in (1, 50, 200, 400):
        answered: dict[str, list[Answered]] = {"empty route": [], "poll": [], "PostgREST": []}
        probes = {
            "empty route": _probe(answered["empty route"], floor, empty, clients),
            "poll": _probe(answered["poll"], url, polls, clients),
            "PostgREST": _probe(answered["PostgREST"], rest, asked, clients),
        }
        goals = {
            50: (Goal("poll", "empty route", 0.42), Goal("poll", "PostgREST", 2.7)),
            200: (Goal("poll", "PostgREST", 2.7),),
            400: (Goal("poll", "empty route", 0.55),),
        }
        figures = rounds.run(f"poll, {clients} connections", probes)
        yield Comparison(
            f"poll_{clients}",
            f"`GET /jobs/{{id}}`, {clients} connections",
            "answers a second",
            figures,
            goals.get(clients, ()),
        )
        yield Comparison(
            f"poll_p99_{clients}",
            f"The same, 99th percentile, {clients} connections",
            "ms",
            {variant: [each.p99 for each in values] for variant, values in answered.items()},
            (Goal("poll", "PostgREST", 1.0, at_most=True),) if clients > 1 else (),
        )
    yield variants(world, rounds, url, floor)


def variants(world: World, rounds: Rounds, url: str, floor: str) -> Comparison:
    """Measures one hot key against many, 304 against 200, and a route without a database."""
    hot, many = world.polls(_CALLS, 7), world.polls(_CALLS)
    known = world.polls(_CALLS, None, f'If-None-Match: W/"{VERSION}"')
    seen: list[Answered] = []
    figures = rounds.run(
        "kinds of polls",
        {
            "empty route": _probe(seen, floor, [Call("/")], 50),
            "many keys": _probe(seen, url, many, 50),
            "one key": _probe(seen, url, hot, 50),
            "304": _probe(seen, url, known, 50),
            "/health": _probe(seen, url, [Call("/health", ("Origin: https://a.example",))], 50),
        },
    )
    return Comparison(
        "poll_kinds",
        "Kinds of polls, 50 connections",
        "answers a second",
        figures,
        (
            Goal("one key", "many keys", 0.8),
            Goal("304", "many keys", 1.1),
            Goal("/health", "empty route", 0.8),
        ),
    )


def memory(world: World, url: str, pid: int) -> Comparison:
    """Returns the growth of the API's memory from the 20,000th to the 120,000th poll."""
    polls = world.polls(_CALLS)

    def polled(wanted: int) -> None:
        done = 0.0
        while done < wanted:
            done += wrk(url, polls, clients=50, seconds=2).rate * 2

    polled(20_000)
    before = servers.resident_bytes(pid)
    polled(100_000)
    grown = (servers.resident_bytes(pid) - before) / 1e6
    return Comparison(
        "poll_memory",
        "Memory gained between the 20,000th and the 120,000th poll",
        "MB",
        {"the API's process": [grown]},
        (Goal("the API's process", None, 2.0, at_most=True),),
    )


def _probe(
    kept: list[Answered], url: str, calls: Iterable[Call], clients: int
) -> Callable[[], float]:
    calls = list(calls)

    def probe() -> float:
        kept.append(wrk(url, calls, clients=clients, seconds=_SECONDS))
        return kept[-1].rate

    return probe
