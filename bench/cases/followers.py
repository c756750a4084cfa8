"""Followers of jobs: the delay of events, and the cost of 5,000 idle followers."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import TupleRow

from api.live.stream import PING_SECONDS
from bench import servers
from bench.load import BenchError, Call
from bench.measure import Comparison, Goal, Rounds
from bench.world import World, user_id

FOLLOWERS = 5_000
_OF_A_USER = 20
_ATTEMPTS = 60
_SECONDS = 10.0
_IDLE_SECONDS = 2 * PING_SECONDS
_POLLS = 500
_TICKS = os.sysconf("SC_CLK_TCK")

_CREATE: LiteralString = """
select j.id from public.repositories as r
cross join lateral public.create_index_job(r.id) as j
where r.owner_user_id = any (%s::uuid[])
"""
_CLAIM: LiteralString = "select id, attempt from public.claim_index_job(%s, interval '1 hour')"
_HAND_BACK: LiteralString = "select public.report_job_progress(%s, %s, p_lease => '0')"

Connection = psycopg.Connection[TupleRow]


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields each comparison when it is done."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FOLLOWERS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(f"{wanted} open files are needed, and {hard} allowed: ulimit -n {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with (
        servers.api(world) as (url, pid),
        psycopg.connect(world.owner_url, autocommit=True) as connection,
    ):
        yield latency(world, url, connection)
        yield from idle(world, url, pid, connection, rounds)


def latency(world: World, url: str, connection: Connection) -> Comparison:
    """Returns the milliseconds from an event's commit to its frame, on an idle server."""
    [[job_id]] = connection.execute(_CREATE, ([user_id(1)],)).fetchall()

    async def follow() -> list[float]:
        took: list[float] = []
        async with _stream(url, str(job_id), world.key(1)) as reader:
            await _frame(reader, "job")
            for _ in range(_ATTEMPTS):
                for move in (_claim, _hand_back):
                    await asyncio.sleep(0.13)
                    committed = await asyncio.to_thread(move, connection)
                    await _frame(reader, "job")
                    took.append((time.monotonic() - committed) * 1000)
        return took

    took = sorted(asyncio.run(follow()))
    connection.execute("delete from public.index_jobs where id = %s", (job_id,))
    figures = {"median": statistics.median(took), "99th percentile": took[int(len(took) * 0.99)]}
    return Comparison(
        "follow_latency",
        f"From an event to those who stream it, {len(took)} events",
        "ms",
        {name: [value] for name, value in figures.items()},
        (Goal("99th percentile", None, 400, at_most=True),),
    )


def _claim(connection: Connection) -> float:
    connection.execute(_CLAIM, (str(uuid4()),))
    return time.monotonic()


def _hand_back(connection: Connection) -> float:
    running = "select id, attempt from public.index_jobs where status = 'processing'"
    connection.execute(_HAND_BACK, connection.execute(running).fetchone())
    return time.monotonic()


def idle(
    world: World, url: str, pid: int, connection: Connection, rounds: Rounds
) -> Iterator[Comparison]:
    """Measures the cost of idle streams, and the latency of polls meanwhile."""
    users = range(1, FOLLOWERS // _OF_A_USER + 1)
    ids = [user_id(number) for number in users]
    connection.execute(_CREATE, (ids,))
    while connection.execute(_CLAIM, (str(uuid4()),)).fetchone():
        pass
    running = connection.execute(
        "select j.id::text, j.owner_user_id::text from public.index_jobs as j"
        " where j.status = 'processing'"
    ).fetchall()
    owners = {user: job for job, user in running}
    polls = world.polls(_POLLS, 2_000)

    async def whole() -> tuple[dict[str, list[float]], float, float]:
        p99s: dict[str, list[float]] = {"nobody follows": [], f"{FOLLOWERS:,} follow": []}
        await _p99(url, polls)  # the first polls open connections of the database
        p99s["nobody follows"].append(await _p99(url, polls))
        held = servers.resident_bytes(pid)
        async with AsyncExitStack() as streams:
            readers = []
            for number in users:
                for _ in range(_OF_A_USER):
                    stream = _stream(url, owners[user_id(number)], world.key(number))
                    readers.append(await streams.enter_async_context(stream))
            for reader in readers:
                await _frame(reader, "job")
            each = (servers.resident_bytes(pid) - held) / FOLLOWERS / 1000
            began, spent = time.monotonic(), _cpu_seconds(pid, world.server.pid)
            await asyncio.sleep(_IDLE_SECONDS)  # each stream is pinged twice
            core = (_cpu_seconds(pid, world.server.pid) - spent) / (time.monotonic() - began)
            for _ in range(rounds.count):
                p99s[f"{FOLLOWERS:,} follow"].append(await _p99(url, polls))
        await asyncio.sleep(_SECONDS)  # until all of them have left
        for _ in range(rounds.count - 1):
            p99s["nobody follows"].append(await _p99(url, polls))
        return p99s, each, core

    p99s, each, core = asyncio.run(whole())
    yield Comparison(
        "follow_idle",
        f"{FOLLOWERS:,} idle streams",
        "",
        {"kB of memory each": [each], "of a core, API and Postgres together": [core]},
        (
            Goal("kB of memory each", None, 60, at_most=True),
            Goal("of a core, API and Postgres together", None, 0.2, at_most=True),
        ),
    )
    yield Comparison(
        "follow_polls",
        "Polls beside them, 99th percentile",
        "ms",
        p99s,
        (Goal(f"{FOLLOWERS:,} follow", "nobody follows", 1.3, at_most=True),),
    )


@asynccontextmanager
async def _stream(url: str, job_id: str, key: str) -> AsyncIterator[asyncio.StreamReader]:
    """Opens a stream of a job's events on its own connection."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(
            f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {key}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        status = await reader.readline()
        if b" 200 " not in status:
            raise BenchError(f"a stream was answered {status.decode().strip()}")
        yield reader
    finally:
        writer.close()


async def _frame(reader: asyncio.StreamReader, event: str) -> None:
    """Reads until the data of a matching frame arrives."""
    while await reader.readline() != f"event: {event}\n".encode():
        if reader.at_eof():
            raise BenchError("a stream ended")
    while not (await reader.readline()).startswith(b"data: "):
        pass


async def _p99(url: str, polls: Sequence[Call]) -> float:
    """Returns the milliseconds of sequential polls, 50 per second."""
    took = []
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for call in polls:
            name, _, value = call.headers[0].partition(": ")
            began = time.monotonic()
            answer = await client.get(call.path, headers={name: value})
            took.append((time.monotonic() - began) * 1000)
            if answer.status_code != 200:
                raise BenchError(f"a poll was answered {answer.status_code}")
            await asyncio.sleep(0.02)
    return sorted(took)[int(len(took) * 0.99)]


def _cpu_seconds(pid: int, postmaster: int) -> float:
    """Returns the CPU time of the API and of Postgres so far."""
    used = _stat(pid)[0] + _stat(postmaster)[0]
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
            seconds, parent = _stat(int(folder.name))
            used += seconds if parent == postmaster else 0.0
    return used


def _stat(pid: int) -> tuple[float, int]:
    """Returns the CPU seconds and the parent of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[1])
