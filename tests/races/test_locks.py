"""Locked rows: other sessions skip them or wait."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest

from tests.support.pooled import one_process

from .conftest import Arena, Connection

CLAIM: LiteralString = "select id::text from claim_index_job(tests.worker(0), '30 seconds')"
STORE: LiteralString = "select store_index_rows(%s, 1)"


@pytest.fixture(autouse=True)
def stopped_clock(arena: Arena) -> Iterator[None]:
    """Stops the clock at noon, without jobs or runners."""
    arena.connection.execute("delete from public.index_jobs")
    arena.connection.execute("delete from private.runners")
    arena.connection.execute("select tests.set_clock('2026-03-01 12:00+00')")
    yield
    arena.connection.execute("select tests.set_clock(null)")


@pytest.fixture
def worker(arena: Arena) -> Iterator[Connection]:
    """A worker that fails instead of waiting."""
    with arena.impatient("index_jobs_worker") as connection:
        yield connection


def begun_jobs(arena: Arena, worker: Connection) -> list[str]:
    """Claims two jobs with a lease of 30 seconds."""
    made = {arena.job(), arena.job()}
    jobs = [worker.execute(CLAIM).fetchone() for _ in made]
    assert {job[0] for job in jobs if job} == made
    return sorted(made)


def test_claim_skips_a_pending_job_locked_by_another_worker(
    arena: Arena, worker: Connection
) -> None:
    first, second = arena.job(), arena.job()
    with arena.locked(first):
        assert worker.execute(CLAIM).fetchone() == (second,)
        assert worker.execute(CLAIM).fetchone() is None
    assert worker.execute(CLAIM).fetchone() == (first,)


def test_claim_skips_an_expired_job_locked_by_another_worker(
    arena: Arena, worker: Connection
) -> None:
    first, second = begun_jobs(arena, worker)
    arena.connection.execute("select tests.advance_clock('1 minute')")
    with arena.locked(first):
        assert worker.execute(CLAIM).fetchone() == (second,)
        assert worker.execute(CLAIM).fetchone() is None
    assert worker.execute(CLAIM).fetchone() == (first,)


def test_rescue_skips_a_job_locked_by_its_worker(arena: Arena, worker: Connection) -> None:
    first, second = begun_jobs(arena, worker)
    arena.connection.execute("select tests.advance_clock('1 minute')")
    rescue: LiteralString = "select retried from retry_or_fail_stuck_jobs()"
    with arena.locked(first):
        assert worker.execute(rescue).fetchone() == (1,)
        assert arena.rows("select id::text from index_jobs where retry_at is not null") == [
            (second,)
        ]
        assert worker.execute(rescue).fetchone() == (0,)
    assert worker.execute(rescue).fetchone() == (1,)


def test_rescue_skips_a_runner_locked_by_another_rescue(arena: Arena, worker: Connection) -> None:
    for number in (1, 2):
        worker.execute("select claim_index_job(tests.worker(%s))", (number,))
    arena.connection.execute("select tests.advance_clock('2 hours')")
    left: LiteralString = "select worker_id = tests.worker(1)::uuid from private.runners"
    with psycopg.connect(arena.database.url) as other:
        other.execute(
            "select from private.runners where worker_id = tests.worker(1)::uuid for update"
        )
        worker.execute("select retry_or_fail_stuck_jobs()")
        assert arena.rows(left) == [(True,)]
    worker.execute("select retry_or_fail_stuck_jobs()")
    assert arena.rows(left) == []


def test_rescue_skips_locked_rows_when_the_clock_was_ahead(
    arena: Arena, worker: Connection
) -> None:
    leased, waiting = begun_jobs(arena, worker)
    worker.execute("select fail_job_attempt(%s, 1, 'down')", (waiting,))
    arena.connection.execute("select tests.set_clock('2026-03-01 11:00+00')")
    ahead: LiteralString = (
        "select j.id::text from index_jobs as j"
        " where greatest(j.heartbeat_at, j.lease_expires_at, j.retry_at)"
        "   > private.clock() + interval '1 minute'"
        " union all select r.worker_id::text from private.runners as r order by 1"
    )
    before = arena.rows(ahead)
    assert len(before) == 3
    with psycopg.connect(arena.database.url) as other:
        other.execute("select from private.runners for update")
        other.execute("select from public.index_jobs for update")
        worker.execute("select retry_or_fail_stuck_jobs()")
        assert arena.rows(ahead) == before
    worker.execute("select retry_or_fail_stuck_jobs()")
    assert arena.rows(ahead) == []
    assert arena.value("select lease_expires_at from index_jobs where id = %s", leased)


def test_scrape_does_not_wait_for_open_transactions_and_misses_nothing(arena: Arena) -> None:
    made: LiteralString = (
        "select (a.body::json #>> '{transitions,0,2}')::integer from api_job_metrics() as a"
    )
    with arena.impatient("index_jobs_api") as scrape:
        [before] = scrape.execute(made).fetchone() or ()
        arena.job()
        with psycopg.connect(arena.database.url) as other:
            other.execute("select private.fold_job_metrics()")
            arena.job()
            assert scrape.execute(made).fetchone() == (before + 2,)
            other.rollback()
            assert scrape.execute(made).fetchone() == (before + 2,)
            other.execute("select private.fold_job_metrics()")
            other.commit()
        assert scrape.execute(made).fetchone() == (before + 2,)


def test_purge_skips_a_job_locked_by_another_purge(arena: Arena, worker: Connection) -> None:
    jobs = begun_jobs(arena, worker)
    for job_id in jobs:
        worker.execute("select update_job_status(%s, 'completed', p_attempt => 1)", (job_id,))
    arena.connection.execute("select tests.advance_clock('91 days')")
    purge: LiteralString = "select purged from purge_finished_jobs()"
    with arena.locked(jobs[0]):
        assert worker.execute(purge).fetchone() == (1,)
        assert arena.rows("select id::text from index_jobs") == [(jobs[0],)]
    assert worker.execute(purge).fetchone() == (1,)


@one_process("gives its session a lock_timeout, which a pooler does not keep")
def test_jobs_of_one_repository_store_one_at_a_time(arena: Arena, worker: Connection) -> None:
    first, second = begun_jobs(arena, worker)
    with psycopg.connect(arena.database.worker_url) as other:
        other.execute(STORE, (first,))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            worker.execute(STORE, (second,))
        other.rollback()
    with worker.transaction(force_rollback=True):
        assert worker.execute(STORE, (second,)).fetchone() == (0,)


def test_second_url_correction_compares_with_the_first(arena: Arena) -> None:
    """A stored index is a base only for the URL that it came from."""
    repository = arena.value("select tests.alice_repository()::text")
    correct = (
        "select tests.act_as(tests.alice());"
        f" select private.set_repository_url('{repository}', 'https://example.com/{{}}.git')"
    )
    arena.connection.execute(correct.format("alice/app").encode())
    with ThreadPoolExecutor(1) as pool, psycopg.connect(arena.database.url) as first:
        first.execute(correct.format("elsewhere").encode())
        first.execute("select tests.act_as_admin()")
        first.execute("set session_replication_role = replica")
        first.execute(  # simulates a job that indexed it there
            "insert into public.indexed_commits"
            " (repository_id, job_id, commit_sha, extractor, stats)"
            " values (%s, gen_random_uuid(), '', 'x', '{}')",
            (repository,),
        )

        def second() -> None:
            with psycopg.connect(arena.database.url) as other:
                other.execute(correct.format("alice/app").encode())

        waits = pool.submit(second)
        arena.until_waiting(1)
        first.commit()
        waits.result()
    assert arena.value("select extractor from public.indexed_commits") == ""
    arena.connection.execute("delete from public.indexed_commits")


GROUP: LiteralString = (
    "select a.verdict from api_get_job_statuses("
    " array_fill(null::text, array[4]), array(select jsonb_build_object('sub', u, 'role',"
    "   'authenticated') from unnest(%s::uuid[]) with ordinality as u (u, n) order by n),"
    " array_fill(%s::text, array[4]), array_fill(null::bigint, array[4])) as a"
)


def with_counters(arena: Arena, *users: str) -> list[str]:
    """Users whose counters for this hour exist. Returns their ids."""
    ids = [str(arena.value(f"select tests.{user}()")) for user in users]
    for user in ids:
        arena.connection.execute(
            "insert into private.rate_limit_counters values (%s, '2026-03-01 12:00+00', 0)"
            " on conflict (user_id) do update"
            " set requests = excluded.requests, window_start = excluded.window_start",
            (user,),
        )
    return ids


def test_group_of_polls_skips_a_locked_counter(arena: Arena) -> None:
    job_id = arena.job()
    alice, bob = with_counters(arena, "alice", "bob")
    with (
        psycopg.connect(arena.database.url) as holder,
        arena.impatient("index_jobs_api") as connection,
    ):
        holder.execute(
            "select from private.rate_limit_counters where user_id = %s for update", (bob,)
        )
        polls = ([alice, bob, alice, bob], job_id)
        assert connection.execute(GROUP, polls).fetchall() == [("ok",), (None,), ("ok",), (None,)]
        holder.rollback()
        assert connection.execute(GROUP, polls).fetchall() == [
            *(("ok",), ("PT404",), ("ok",), ("PT404",))
        ]
    assert arena.rows("select requests from private.rate_limit_counters order by requests") == [
        *((2,), (4,))
    ]


def test_concurrent_groups_of_polls_keep_the_exact_quota(arena: Arena) -> None:
    job_id = arena.job()
    (alice,) = with_counters(arena, "alice")  # this user has 100 requests

    def answered(_: int) -> int:
        with psycopg.connect(
            arena.database.url_of("index_jobs_api"), autocommit=True
        ) as connection:
            rows = [
                row
                for _ in range(30)
                for row in connection.execute(GROUP, ([alice] * 4, job_id)).fetchall()
            ]
        return rows.count(("ok",))

    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(answered, range(4)))
    assert 4 <= total <= 100
    assert arena.rows(
        "select requests from private.rate_limit_counters where user_id = %s", alice
    ) == [(total,)]
