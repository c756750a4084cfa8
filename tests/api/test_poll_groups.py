"""Concurrent polls share one statement, with the same results as single polls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow

from api.rpc.pipelines import Pipelines
from api.rpc.poll_groups import PollGroups, Row
from api.settings import ApiSettings
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE

from .conftest import Api, over_the_database

pytestmark = [one_process("counts the statements of one process"), over_the_database]

ODD_IDS = ('"', "\\", '","', "{}", "NULL", "a,b", " ", "\n", "é", "' or 1=1", '\\"', "x" * 8000)


class Pollers:
    """Tenants with one job each. One connection carries their polls."""

    def __init__(
        self,
        api: Api,
        groups: PollGroups,
        admin: psycopg.AsyncConnection,
        watcher: psycopg.AsyncConnection,
    ) -> None:
        self.api = api
        self.admin = admin
        self.watcher = watcher
        self.groups = groups
        self.tenants = [api.tenant() for _ in range(4)]
        self.jobs = [api.create(tenant) for tenant in self.tenants]
        for tenant, job_id in zip(self.tenants, self.jobs, strict=True):
            api.get(f"/jobs/{job_id}", tenant)  # so that the keys are in use

    def start(
        self, tenant: int, job_id: str | None = None, claims: bytes | None = None
    ) -> asyncio.Task[tuple[str, ...]]:
        """Polls for a tenant. Returns the verdict and, for the tenant's own job, its id."""
        key = None if claims else self.tenants[tenant].key.encode()
        values = [key, claims, (job_id or self.jobs[tenant]).encode(), None]
        return asyncio.create_task(self._text(self.groups.fetch(values)))

    async def _text(self, fetched: Awaitable[Row]) -> tuple[str, ...]:
        row = await fetched
        return tuple(
            value.decode() for n in (0, 6) if (value := row.result.get_value(row.number, n))
        )

    async def blocked(self) -> list[asyncio.Task[tuple[str, ...]]]:
        """A poll of each tenant, in one group that waits until `admin` ends its transaction."""
        await self.admin.execute("lock table public.index_jobs in access exclusive mode")
        polls = [self.start(number) for number in range(4)]
        while not await self.watch("select", "relation"):
            pass
        return polls

    async def watch(self, select: LiteralString, wait_event: str) -> list[TupleRow]:
        """Selects from the API's sessions that wait for this."""
        query = await self.watcher.execute(
            f"{select} from pg_stat_activity where usename = 'index_jobs_api'"
            " and wait_event = %s and datname = current_database()",
            (wait_event,),
        )
        return await query.fetchall()

    def own(self, tenant: int) -> tuple[str, ...]:
        return ("ok", self.jobs[tenant])

    def requests(self) -> list[int]:
        return [self.api.requests_of(tenant) for tenant in self.tenants]


@pytest.fixture
def run(own_api: Callable[..., Api]) -> Callable[..., None]:
    api = own_api()

    @asynccontextmanager
    async def pollers(seconds: float) -> AsyncIterator[Pollers]:
        settings = ApiSettings(statement_timeout_seconds=seconds)
        pipelines = Pipelines(api.place.api_url, settings, size=2, size_at_start=2)
        writers = Pipelines(api.place.api_url, settings, size=2, size_at_start=0)
        pipelines.open()
        writers.open()
        try:
            async with (
                await psycopg.AsyncConnection.connect(api.place.url) as admin,
                await psycopg.AsyncConnection.connect(api.place.url, autocommit=True) as watcher,
            ):
                yield Pollers(api, PollGroups(pipelines, writers), admin, watcher)
        finally:
            await pipelines.close()
            await writers.close()

    def running(test: Callable[[Pollers], Awaitable[None]], seconds: float = PATIENCE) -> None:
        async def whole() -> None:
            async with asyncio.timeout(PATIENCE), pollers(seconds) as it:
                await test(it)

        asyncio.run(whole())

    return running


def test_concurrent_polls_take_one_statement(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        await it.admin.execute("create extension pg_stat_statements")
        await it.admin.commit()
        await it.admin.execute("select pg_stat_statements_reset()")
        polls = [it.start(number) for number in range(4)]
        assert await asyncio.gather(*polls) == [it.own(number) for number in range(4)]
        rows = await it.admin.execute(
            "select sum(s.calls)::integer from pg_stat_statements as s"
            " join pg_database as d on d.oid = s.dbid and d.datname = current_database()"
            " join pg_roles as r on r.oid = s.userid and r.rolname = 'index_jobs_api'"
        )
        assert await rows.fetchone() == (1,)

    run(test)


def test_100_concurrent_polls_are_answered_and_counted(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        before = it.requests()
        polls = [it.start(number % 4) for number in range(100)]
        assert await asyncio.gather(*polls) == [it.own(number % 4) for number in range(100)]
        assert it.requests() == [requests + 25 for requests in before]

    run(test)


def test_single_poll_is_not_grouped(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        await it.admin.execute("drop function api_get_job_statuses")
        await it.admin.commit()
        assert await it.start(0) == it.own(0)

    run(test)


def test_locked_counter_of_a_user_delays_no_other_user(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        await it.admin.execute(
            "select from private.rate_limit_counters where user_id = %s for update",
            (it.tenants[0].id,),
        )
        locked = [it.start(0), it.start(0)]
        for _ in range(2):
            others = [it.start(number) for number in (1, 2, 3, 1)]
            assert await asyncio.gather(*others) == [it.own(number) for number in (1, 2, 3, 1)]
            while not await it.watch("select", "transactionid"):
                pass
        assert not any(poll.done() for poll in locked)
        await it.admin.rollback()
        assert await asyncio.gather(*locked) == [it.own(0)] * 2

    run(test)


def test_any_id_is_passed_safely_in_a_group(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        for job_id in ODD_IDS:
            polls = [it.start(0), it.start(1, job_id), it.start(2), it.start(3, it.jobs[0])]
            answers = await asyncio.gather(*polls)
            assert answers == [it.own(0), ("PT404",), it.own(2), ("PT404",)], job_id

    run(test)


def test_failing_poll_does_not_affect_others_in_its_group(
    run: Callable[..., None],
) -> None:
    async def test(it: Pollers) -> None:
        before = it.requests()
        polls = [it.start(0), it.start(1, claims=b"no json"), it.start(2), it.start(0)]
        found = await asyncio.gather(*polls, return_exceptions=True)
        assert isinstance(found[1], psycopg.DataError)
        assert [found[0], *found[2:]] == [it.own(0), it.own(2), it.own(0)]
        assert it.requests() == [before[0] + 2, before[1], before[2] + 1, before[3]]

    run(test)


def test_claims_and_keys_can_share_a_group(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        mine, nobodys = (
            f'{{"sub": "{user}", "role": "authenticated"}}'.encode()
            for user in (it.tenants[1].id, uuid4())
        )
        polls = [it.start(0), it.start(1, claims=mine), it.start(1, claims=nobodys)]
        assert await asyncio.gather(*polls) == [it.own(0), it.own(1), ("PT404",)]

    run(test)


def test_disconnected_client_is_not_counted(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        before = it.requests()
        polls = [it.start(number % 4) for number in range(8)]
        await asyncio.sleep(0)  # they wait until the group is sent
        for poll in polls[::2]:
            poll.cancel()
        found = await asyncio.gather(*polls, return_exceptions=True)
        assert [type(each) for each in found[::2]] == [asyncio.CancelledError] * 4
        assert found[1::2] == [it.own(1), it.own(3)] * 2
        assert it.requests() == [before[0], before[1] + 2, before[2], before[3] + 2]

    run(test)


def test_quota_is_exact_within_a_group(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        await it.admin.execute(
            "update private.rate_limit_counters as c set requests = t.requests_per_hour - 3"
            " from private.accounts as a join private.tiers as t on t.name = a.tier"
            " where a.user_id = c.user_id and c.user_id = %s",
            (it.tenants[0].id,),
        )
        await it.admin.commit()
        polls = [it.start(number % 2) for number in range(20)]
        found = await asyncio.gather(*polls)
        assert found[1::2] == [it.own(1)] * 10
        assert found[::2] == [it.own(0)] * 3 + [("PT429",)] * 7

    run(test)


def test_polls_do_not_wait_for_a_slow_group(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        await it.admin.execute(
            "create policy slow on public.index_jobs as restrictive for select to job_gateway"
            f" using (id <> '{it.jobs[0]}' or pg_sleep(60) is null)".encode()
        )
        await it.admin.commit()
        slow = [it.start(0), it.start(1)]
        while not await it.watch("select", "PgSleep"):
            pass
        await asyncio.sleep(0.05)  # at least: until then the connection may count as quick
        others = [it.start(2), it.start(3)]
        assert await asyncio.gather(*others) == [it.own(2), it.own(3)]
        assert not any(poll.done() for poll in slow)

    run(test)


def test_client_that_leaves_during_a_group_does_not_affect_others(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        polls = await it.blocked()
        for poll in polls[::2]:
            poll.cancel()
        await asyncio.sleep(0)
        await it.admin.rollback()
        found = await asyncio.gather(*polls, return_exceptions=True)
        assert [type(each) for each in found[::2]] == [asyncio.CancelledError] * 2
        assert found[1::2] == [it.own(1), it.own(3)]

    run(test)


def test_all_polls_of_a_group_fail_when_its_session_is_killed(run: Callable[..., None]) -> None:
    async def test(it: Pollers) -> None:
        polls = await it.blocked()
        assert await it.watch("select pg_terminate_backend(pid, 10000)", "relation")
        found = await asyncio.gather(*polls, return_exceptions=True)
        assert [isinstance(each, psycopg.OperationalError) for each in found] == [True] * 4
        await it.admin.rollback()
        again = [it.start(number) for number in range(4)]
        assert await asyncio.gather(*again) == [it.own(number) for number in range(4)]

    run(test)
