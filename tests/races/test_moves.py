"""Many sessions change one job: each step happens once, in the order of the lock."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from psycopg.rows import TupleRow

from .conftest import Arena, Movers


def trail(arena: Arena, job_id: str) -> list[tuple[int, str | None, str]]:
    return arena.rows(
        "select event_no, from_status::text, to_status::text from public.index_job_events"
        " where job_id = %s order by event_no",
        job_id,
    )


def refusal(url: str, statement: str) -> str | None:
    """Returns SQLSTATE and detail, or None when the statement was accepted."""
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return f"{error.sqlstate} {error.diag.message_detail}"
    return None


def move(job_id: str, status: str, metadata: str = "{}", worker: int = 0) -> str:
    return (
        f"select status from update_job_status('{job_id}', '{status}', '{metadata}',"
        f" p_worker_id => tests.worker({worker}))"
    )


def test_one_of_20_processes_makes_each_step(arena: Arena, movers: Movers) -> None:
    for _ in range(5):
        job_id = arena.job()
        with arena.locked(job_id):
            movers.start([move(job_id, "processing", worker=n) for n in range(20)])
            arena.until_waiting(20)
        begun = Counter(map(str, movers.answers(20)))
        assert begun == {
            "{'value': 'processing'}": 1,
            "{'refusal': 'PT409 already_processing'}": 19,
        }

        ends = [
            move(job_id, "failed", f'{{"error": "e{n}"}}')
            if n % 2
            else move(job_id, "completed", f'{{"stats": {{"files_indexed": {n}}}}}')
            for n in range(20)
        ]
        with arena.locked(job_id):
            movers.start(ends)
            arena.until_waiting(20)
        answers = movers.answers(20)
        (won,) = [answer["value"] for answer in answers if "value" in answer]
        lost = Counter(answer["refusal"] for answer in answers if "refusal" in answer)
        assert lost == {"PT409 conflicting_repeat": 9, "PT409 invalid_transition": 10}

        assert trail(arena, job_id) == [
            (1, None, "pending"),
            (2, "pending", "processing"),
            (3, "processing", won),
        ]
        assert arena.rows(
            "select status::text, attempt, version,"
            " completed_at >= started_at and started_at >= created_at"
            " from public.index_jobs where id = %s",
            job_id,
        ) == [(won, 1, 3, True)]


@pytest.mark.parametrize("ends", [("completed", "failed"), ("failed", "completed")])
def test_first_lock_holder_wins_between_complete_and_fail(
    arena: Arena, ends: tuple[str, str]
) -> None:
    job_id = arena.job()
    worker = arena.database.worker_url
    assert refusal(worker, move(job_id, "processing")) is None
    statements = {
        "completed": move(job_id, "completed", '{"stats": {"files_indexed": 1}}'),
        "failed": move(job_id, "failed", '{"error": "it broke"}'),
    }
    with ThreadPoolExecutor(2) as threads:
        with arena.locked(job_id):
            first = threads.submit(refusal, worker, statements[ends[0]])
            arena.until_waiting(1)
            second = threads.submit(refusal, worker, statements[ends[1]])
            arena.until_waiting(2)
        assert first.result() is None
        assert second.result() == "PT409 invalid_transition"
    assert trail(arena, job_id)[2:] == [(3, "processing", ends[0])]


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_waiting_session_sees_the_job_as_the_other_left_it(arena: Arena, outcome: str) -> None:
    job_id = arena.job()
    worker = arena.database.worker_url
    with ThreadPoolExecutor(1) as threads, psycopg.connect(worker) as first:
        first.execute(move(job_id, "cancelled").encode())
        second = threads.submit(refusal, worker, move(job_id, "processing"))
        arena.until_waiting(1)
        first.execute(outcome.encode())
        committed = outcome == "commit"
        assert second.result() == ("PT409 invalid_transition" if committed else None)
    assert trail(arena, job_id) == [
        (1, None, "pending"),
        (2, "pending", "cancelled" if committed else "processing"),
    ]


def test_claim_skips_a_locked_job(arena: Arena) -> None:
    first, second = arena.job(), arena.job()
    claim = "select id from claim_index_job(tests.worker(0))"
    with psycopg.connect(arena.database.worker_url, autocommit=True) as connection:
        with arena.locked(first):
            row = connection.execute(claim.encode()).fetchone()
            assert row is not None
            assert str(row[0]) == second
        row = connection.execute(claim.encode()).fetchone()
        assert row is not None
        assert str(row[0]) == first


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("select update_job_status(%s, 'processing')", "started_at"),
        ("select link_queue_job(%s, gen_random_uuid())", "updated_at"),
        (
            "select begin_queue_attempt(%s, gen_random_uuid(), 0, gen_random_uuid()::text)",
            "started_at",
        ),
        ("select report_job_progress(%s, 1, 'walk', 1)", "heartbeat_at"),
        ("select update_job_status(%s, 'completed', p_attempt => 1)", "completed_at"),
    ],
)
def test_clock_is_read_after_the_lock(arena: Arena, statement: str, column: str) -> None:
    arena.connection.execute("select tests.set_clock('2026-03-01 12:00+00')")
    try:
        job_id = arena.job()
        if column in {"heartbeat_at", "completed_at"}:
            assert refusal(arena.database.worker_url, move(job_id, "processing")) is None
        with ThreadPoolExecutor(1) as threads:
            with arena.locked(job_id):
                moved = threads.submit(
                    refusal, arena.database.worker_url, statement.replace("%s", f"'{job_id}'")
                )
                arena.until_waiting(1)
                arena.connection.execute("select tests.advance_clock('1 minute')")
            assert moved.result() is None
        query = f"select {column} = '2026-03-01 12:01+00' from public.index_jobs where id = %s"
        assert arena.value(query, job_id) is True
    finally:
        arena.connection.execute("select tests.set_clock(null)")


def test_clock_is_read_after_the_lock_of_a_queue(arena: Arena) -> None:
    """Only the functions of a bridge mirror the state of a queue."""
    job_id = arena.job()
    arena.connection.execute("select link_queue_job(%s, %s)", (job_id, job_id))
    arena.connection.execute("select tests.set_clock('2030-03-01 12:00+00')")
    mirror = f"select private.mirror_queue_state('{job_id}', 'active', 0, null, null, null)"
    try:
        with ThreadPoolExecutor(1) as threads:
            with arena.locked(job_id):
                moved = threads.submit(refusal, arena.database.url, mirror)
                arena.until_waiting(1)
                arena.connection.execute("select tests.advance_clock('1 minute')")
            assert moved.result() is None
        query = "select started_at = '2030-03-01 12:01+00' from public.index_jobs where id = %s"
        assert arena.value(query, job_id) is True
    finally:
        arena.connection.execute("select tests.set_clock(null)")


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_two_concurrent_members_add_one_repository(arena: Arena, outcome: str) -> None:
    name = f"acme/{outcome}"
    with ExitStack() as at_exit:
        connections = []
        claims = "select set_config('request.jwt.claims', jsonb_build_object('sub', tests.{}())"
        for member in ("bob", "carol"):
            url = arena.database.url_of("test_authenticated")
            connection = at_exit.enter_context(psycopg.connect(url))
            connection.execute(f"{claims.format(member)}::text, true)".encode())
            connections.append(connection)
        threads = at_exit.enter_context(ThreadPoolExecutor(1))

        def ensure(connection: psycopg.Connection[TupleRow]) -> TupleRow | None:
            return connection.execute(
                "select id from ensure_repository(%s, 'https://example.com/x.git', tests.acme())",
                (name,),
            ).fetchone()

        first, second = connections
        made = ensure(first)
        waiting = threads.submit(ensure, second)
        arena.until_waiting(1)
        first.execute(outcome.encode())
        assert (waiting.result() == made) is (outcome == "commit")
        second.commit()
    assert arena.value("select count(*) from public.repositories where full_name = %s", name) == 1
