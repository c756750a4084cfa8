"""Many statements in flight on one connection: each gets its own answer, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg_pool import TooManyRequests

from api.rpc import pool
from api.rpc.pipelines import Pipelines
from api.rpc.statements import Statement
from api.settings import ApiSettings
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE

from .conftest import Place

pytestmark = one_process("pipelines prepared statements, which PgBouncer 1.18 does not hold")

_LOCK = 7
SECONDS = 60.0


def statement(text: str, *arguments: str) -> Statement:
    return Statement(text.encode(), arguments, f"{hash(text)}".encode())


ECHO = statement("select $1::text", "p_text")
TRANSACTION = statement("select pg_current_xact_id()::text")
PROCESS = statement("select pg_backend_pid()::text")
DIVIDE = statement("select 1 / $1::integer", "p_by")
WAIT = statement(f"select pg_advisory_xact_lock_shared({_LOCK})::text")
FORGET = statement("deallocate all")


class Attack:
    """A connection in pipeline mode, and a superuser's connection."""

    def __init__(self, pipelines: Pipelines, admin: psycopg.AsyncConnection) -> None:
        self.pipelines = pipelines
        self.admin = admin

    async def text(self, wanted: Statement, *values: str) -> str:
        row = await self.pipelines.fetch(wanted, [value.encode() for value in values])
        return (row.get_value(0, 0) or b"").decode()

    def start(self, wanted: Statement, *values: str) -> asyncio.Task[str]:
        return asyncio.ensure_future(self.text(wanted, *values))

    async def blocked(self) -> asyncio.Task[str]:
        """A call that continues once `release` is called."""
        await self.admin.execute(f"select pg_advisory_lock({_LOCK})")
        waiting = self.start(WAIT)
        while not await self._waits():
            pass
        return waiting

    async def _waits(self) -> bool:
        rows = await self.admin.execute(
            "select from pg_locks where locktype = 'advisory' and not granted"
        )
        return await rows.fetchone() is not None

    async def release(self) -> None:
        await self.admin.execute("select pg_advisory_unlock_all()")

    async def kill(self) -> None:
        await self.admin.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where usename = 'index_jobs_api' and datname = current_database()"
        )


@asynccontextmanager
async def attack(
    place: Place, *, seconds: float = SECONDS, max_waiting: int = 1000
) -> AsyncIterator[Attack]:
    settings = ApiSettings(statement_timeout_seconds=seconds, max_connections=max_waiting)
    pipelines = Pipelines(place.api_url, settings, size=1, size_at_start=1)
    pipelines.open()
    try:
        async with await psycopg.AsyncConnection.connect(place.url, autocommit=True) as admin:
            yield Attack(pipelines, admin)
    finally:
        await pipelines.close()


@pytest.fixture
def run(new_database: Callable[[], Place]) -> Callable[..., None]:
    place = new_database()

    def running(test: Callable[[Attack], Awaitable[None]], **settings: float) -> None:
        async def whole() -> None:
            async with asyncio.timeout(PATIENCE), attack(place, **settings) as it:  # type: ignore[arg-type]
                await test(it)

        asyncio.run(whole())

    return running


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_each_call_gets_its_own_result_and_transaction(run: Callable[..., None]) -> None:
    async def test(it: Attack) -> None:
        calls = [it.start(ECHO, number) for number in numbers(100)]
        transactions = [it.start(TRANSACTION) for _ in range(20)]
        assert await asyncio.gather(*calls) == numbers(100)
        assert len(set(await asyncio.gather(*transactions))) == 20

    run(test)


def test_failing_statement_does_not_affect_others(run: Callable[..., None]) -> None:
    async def test(it: Attack) -> None:
        calls = [it.start(DIVIDE, number) for number in ("1", "0", "1", "0", "x", "1")]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [f if isinstance(f, str) else type(f).__name__ for f in found] == [
            *("1", "DivisionByZero", "1", "DivisionByZero", "InvalidTextRepresentation", "1")
        ]

    run(test)


def test_cancelled_calls_do_not_shift_results_of_others(run: Callable[..., None]) -> None:
    async def test(it: Attack) -> None:
        waiting = await it.blocked()
        calls = [it.start(ECHO, number) for number in numbers(40)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        await it.release()
        await waiting
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert found[1::2] == numbers(40)[1::2]
        assert {type(each) for each in found[::2]} == {asyncio.CancelledError}

    run(test)


def test_killed_backend_fails_only_the_calls_in_flight(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        before = [it.start(ECHO, number) for number in numbers(5)]
        assert await asyncio.gather(*before) == numbers(5)
        waiting = await it.blocked()
        behind = [it.start(ECHO, number) for number in numbers(5)]
        await asyncio.sleep(0)
        await it.kill()
        found = await asyncio.gather(waiting, *behind, return_exceptions=True)
        assert [isinstance(each, psycopg.OperationalError) for each in found] == [True] * 6
        await it.release()
        after = [it.start(ECHO, number) for number in numbers(50)]
        assert await asyncio.gather(*after) == numbers(50)

    run(test)


def test_call_to_an_unresponsive_server_times_out(run: Callable[..., None]) -> None:
    async def test(it: Attack) -> None:
        process = int(await it.text(PROCESS))
        os.kill(process, signal.SIGSTOP)
        try:
            calls = [it.start(ECHO, number) for number in numbers(5)]
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(each) for each in found} == {TimeoutError}
            assert await it.text(ECHO, "after") == "after"
        finally:
            os.kill(process, signal.SIGCONT)

    run(test, seconds=1)  # which is also the time for another connection


def test_calls_queue_behind_a_slow_statement_up_to_a_limit(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        waiting = await it.blocked()
        await asyncio.sleep(0.2)
        queued = [it.start(ECHO, number) for number in numbers(3)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await it.text(ECHO, "one too many")
        await it.kill()
        with pytest.raises(psycopg.OperationalError):
            await waiting
        assert await asyncio.gather(*queued) == numbers(3)  # they had not been sent

    run(test, max_waiting=3)


def test_waiting_for_a_connection_longer_than_a_statement_is_too_busy(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        process = int(await it.text(PROCESS))
        os.kill(process, signal.SIGSTOP)
        try:
            waiting = it.start(ECHO, "first")
            await asyncio.sleep(0.2)
            with pytest.raises(TooManyRequests):
                await it.text(ECHO, "late")
        finally:
            os.kill(process, signal.SIGCONT)
        assert await waiting == "first"

    run(test, seconds=1)


def test_call_waits_for_a_reconnection_longer_than_for_a_missing_server(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        assert await it.text(ECHO, "before") == "before"
        file = "pg_read_file('postmaster.pid')"
        rows = await it.admin.execute(f"select split_part({file}, chr(10), 1)")
        [postmaster] = map(int, await rows.fetchone() or ())
        os.kill(postmaster, signal.SIGSTOP)
        try:
            await it.kill()
            call = it.start(ECHO, "after")
            await asyncio.sleep(pool.PATIENCE + 0.5)
        finally:
            os.kill(postmaster, signal.SIGCONT)
        assert await call == "after"

    run(test)


def test_prepared_statement_is_renewed_when_its_result_type_changes(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        changing = statement("select * from public.changing()")
        await it.admin.execute(
            "create function public.changing() returns table (a text) language sql as"
            " $$ select 'old' $$; grant execute on function public.changing() to public"
        )
        assert await it.text(changing) == "old"
        await it.admin.execute(
            "drop function public.changing(); create function public.changing()"
            " returns table (a text, b text) language sql as $$ select 'new', 'x' $$;"
            " grant execute on function public.changing() to public"
        )
        calls = [it.start(changing) for _ in range(10)]
        assert set(await asyncio.gather(*calls)) == {"new"}

    run(test)


def test_statements_are_prepared_again_after_deallocate_all(
    run: Callable[..., None],
) -> None:
    async def test(it: Attack) -> None:
        assert await it.text(ECHO, "before") == "before"
        with suppress(psycopg.InternalError):  # it returns no row
            await it.text(FORGET)
        calls = [it.start(ECHO, number) for number in numbers(10)]
        assert await asyncio.gather(*calls) == numbers(10)

    run(test)


def test_missing_function_is_found_once_it_is_created(run: Callable[..., None]) -> None:
    async def test(it: Attack) -> None:
        coming = statement("select public.coming()")
        calls = [it.start(coming) for _ in range(3)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(each) for each in found} == {psycopg.errors.UndefinedFunction}
        await it.admin.execute(
            "create function public.coming() returns text language sql as $$ select 'here' $$;"
            " grant execute on function public.coming() to public"
        )
        assert await it.text(coming) == "here"

    run(test)


def test_connections_are_added_up_to_the_limit_while_all_are_busy(
    new_database: Callable[[], Place],
) -> None:
    place = new_database()

    async def test() -> None:
        pipelines = Pipelines(place.api_url, ApiSettings(), size=3, size_at_start=0)
        pipelines.open()
        async with await psycopg.AsyncConnection.connect(place.url, autocommit=True) as admin:
            it = Attack(pipelines, admin)
            first = await it.text(PROCESS)
            assert {await it.text(PROCESS) for _ in range(5)} == {first}
            waiting = await it.blocked()
            calls = [it.start(PROCESS) for _ in range(40)]
            found = set(await asyncio.gather(*calls[-5:]))
            await it.release()
            await asyncio.gather(waiting, *calls)
            assert 1 <= len(found - {first}) <= 2
        await pipelines.close()

    asyncio.run(test())
