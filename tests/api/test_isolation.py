"""One tenant's bytes never reach another tenant's socket.

Clients disconnect, read slowly and pipeline requests while database sessions are killed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import pytest

from .conftest import Api, Tenant, over_the_database

TENANTS = 6
ROUNDS = 6
CLIENTS = 12
REQUESTS = 6
"""The number of requests that a client pipelines."""


@dataclass
class Seen:
    """The answers, by status."""

    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1


@dataclass(frozen=True)
class Owner:
    tenant: Tenant
    job_id: str


async def client(api: Api, owners: list[Owner], seen: Seen, chance: random.Random) -> None:
    """Sends requests of several tenants on one connection. Each answer must be the tenant's own."""
    host, port = api.url.removeprefix("http://").split(":")
    for _ in range(ROUNDS):
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        asked = [(chance.choice(owners), chance.choice(owners)) for _ in range(REQUESTS)]
        for number, (caller, owner) in enumerate(asked):
            writer.write(
                f"GET /jobs/{owner.job_id} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {number}\r\n"
                f"Authorization: Bearer {caller.tenant.key}\r\n\r\n".encode()
            )
            await writer.drain()
        leaves_after = chance.choice([REQUESTS, REQUESTS, REQUESTS, 0, 1, 3])
        is_slow = chance.random() < 0.2
        for number, (caller, owner) in enumerate(asked[:leaves_after]):
            if is_slow:
                await asyncio.sleep(0.02)
            check(*await answer(reader), number, caller, owner, seen)
        writer.transport.abort()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return (
        int(head[0].split()[1]),
        headers,
        await reader.readexactly(int(headers["content-length"])),
    )


def check(
    status: int,
    headers: dict[str, str],
    body: bytes,
    number: int,
    caller: Owner,
    owner: Owner,
    seen: Seen,
) -> None:
    seen.add(status)
    assert headers["x-request-id"] == str(number)
    if status == 503:
        return
    assert status == (200 if caller is owner else 404)
    record = json.loads(body)
    if status == 200:
        assert (record["id"], record["owner_user_id"]) == (owner.job_id, caller.tenant.id)
    else:
        assert record["code"] == "NOT_FOUND"
        assert owner.job_id.encode() not in body


async def kill(api: Api, stop: asyncio.Event) -> int:
    """Kills a session of the API now and then, whatever it is doing."""
    killed = 0
    async with await psycopg.AsyncConnection.connect(api.place.url, autocommit=True) as admin:
        while not stop.is_set():
            rows = await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'index_jobs_api' and datname = current_database()"
                " order by random() limit 1"
            )
            killed += rows.rowcount
            await asyncio.sleep(0.03)
    return killed


@over_the_database
@pytest.mark.parametrize("are_prepared", [True, False])
def test_every_response_belongs_to_its_requester(
    own_api: Callable[..., Api], are_prepared: bool
) -> None:
    api = own_api(database_prepared_statements=are_prepared)
    owners = []
    for _ in range(TENANTS):
        tenant = api.tenant()
        owners.append(Owner(tenant, api.create(tenant)))

    async def attack() -> tuple[Seen, int]:
        seen, stop = Seen(), asyncio.Event()
        killer = asyncio.ensure_future(kill(api, stop))
        await asyncio.gather(
            *(client(api, owners, seen, random.Random(number)) for number in range(CLIENTS))
        )
        stop.set()
        return seen, await killer

    seen, killed = asyncio.run(attack())
    assert killed > 0
    assert seen.statuses[200] > ROUNDS
    assert seen.statuses[404] > ROUNDS
    assert set(seen.statuses) <= {200, 404, 503}
    # each counted at most once, and answered ones at least once
    counted = sum(api.requests_of(owner.tenant) for owner in owners)
    answered = seen.statuses[200] + seen.statuses[404]
    assert answered <= counted - TENANTS <= CLIENTS * ROUNDS * REQUESTS
