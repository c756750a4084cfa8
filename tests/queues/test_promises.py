"""The guarantees of docs/workers.md hold for the built-in claim, procrastinate and pg-boss."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from db.tools import bridges
from tests.queues.conftest import (
    HERE,
    Connection,
    add_pg_boss,
    add_procrastinate,
    cancel,
    create,
    node,
)
from tests.queues.engines import BuiltIn, Engine, Held, PgBoss, Procrastinate, new_worker
from tests.support.databases import Cluster

Engines = dict[str, tuple[Connection, Engine]]


@pytest.fixture(scope="module")
def engines(clusters: Callable[..., Cluster], plans: str, scripts: Path) -> Iterator[Engines]:
    """Each engine in its own database."""
    shutil.copy(HERE / "driver.mjs", scripts)
    with ExitStack() as at_exit:
        connections = {}
        urls = {}
        for name in ("built-in", "procrastinate", "pg-boss"):
            database = at_exit.enter_context(clusters(18).database("ordinary", migrated=True))
            urls[name] = database.migrator_url
            if name == "pg-boss":
                add_pg_boss(database, plans)
            if name == "procrastinate":
                add_procrastinate(database)
            if name != "built-in":
                bridges.install(database.migrator_url, name)
            connections[name] = at_exit.enter_context(
                psycopg.connect(database.url, autocommit=True)
            )
            connections[name].execute("select tests.arrange_cast()")
        connections["pg-boss"].execute(
            "update pgboss.queue set retry_delay = 0, retry_backoff = false"
        )
        driver = at_exit.enter_context(
            subprocess.Popen(
                [node(), "driver.mjs", urls["pg-boss"]],
                cwd=scripts, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        assert driver.stdout is not None
        assert json.loads(driver.stdout.readline()) == "ready"
        yield {
            "built-in": (connections["built-in"], BuiltIn(connections["built-in"])),
            "procrastinate": (
                connections["procrastinate"],
                Procrastinate(connections["procrastinate"], urls["procrastinate"]),
            ),
            "pg-boss": (connections["pg-boss"], PgBoss(connections["pg-boss"], driver)),
        }


@pytest.fixture(params=["built-in", "procrastinate", "pg-boss"])
def stage(engines: Engines, request: pytest.FixtureRequest) -> tuple[Connection, Engine]:
    connection, engine = engines[request.param]
    connection.execute("delete from public.index_jobs")
    connection.execute("delete from public.indexed_files")
    connection.execute("delete from public.indexed_commits")
    if request.param == "pg-boss":
        connection.execute("delete from pgboss.job")
    if request.param == "procrastinate":
        connection.execute("delete from procrastinate_jobs")
    return connection, engine


Stage = tuple[Connection, Engine]


def complete(connection: Connection, held: Held) -> str | None:
    """Completes the job with one row. Returns the error code, or None."""
    try:
        with connection.transaction():
            connection.execute(
                "insert into private.incoming_files"
                " (file_no, path, language, bytes, blob_sha, symbol_count)"
                " values (1, 'a', null, 1, repeat('a', 40), 0)"
            )
            connection.execute(
                "select public.complete_index(p_job_id => %s, p_attempt => %s, p_worker_id => %s,"
                " p_extractor => %s, p_commit_sha => repeat('c', 40),"
                """ p_stats => '{"files_indexed": 1, "symbols_extracted": 0}')""",
                (held.job, held.attempt, held.worker, f"test {held.job}"),
            )
    except psycopg.Error as error:
        return error.diag.message_detail
    return None


def status(connection: Connection, job: UUID) -> tuple[str, int, str | None]:
    row = connection.execute(
        "select status::text, attempt, last_error from public.index_jobs where id = %s", (job,)
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def take(engine: Engine, worker: str | None = None) -> Held:
    held = engine.take(worker or new_worker())
    assert held is not None
    return held


def test_job_is_given_to_only_one_worker(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    assert (held.job, held.attempt) == (job, 1)
    assert engine.take(new_worker()) is None
    assert complete(connection, held) is None
    assert status(connection, job) == ("completed", 1, None)
    assert engine.take(new_worker()) is None


def test_lost_attempt_is_followed_by_another_and_its_worker_rejected(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    first = take(engine)
    engine.lose(first)
    assert status(connection, job)[0] == "processing"
    second = take(engine)
    assert (second.job, second.attempt) == (job, 2)
    assert status(connection, job) == ("processing", 2, "the worker was lost")
    assert complete(connection, first) == "stale_attempt"
    assert connection.execute("select count(*) from public.indexed_files").fetchone() == (0,)
    assert complete(connection, second) is None


def test_worker_that_gets_its_job_again_has_a_new_attempt(stage: Stage) -> None:
    connection, engine = stage
    create(connection)
    worker = new_worker()
    first = take(engine, worker)
    engine.lose(first)
    second = take(engine, worker)
    assert complete(connection, first) == "stale_attempt"
    assert complete(connection, second) is None


def test_retryable_failure_is_followed_by_another_attempt(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    engine.fail(take(engine), "The host is down.")
    assert status(connection, job) == ("processing", 1, "The host is down.")
    held = take(engine)
    assert held.attempt == 2
    assert complete(connection, held) is None
    assert status(connection, job)[0] == "completed"


def test_job_fails_after_its_third_failure(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    for number in range(1, 4):
        assert status(connection, job)[0] != "failed"
        engine.fail(take(engine), f"No {number}.")
    assert status(connection, job) == ("failed", 3, "No 3.")
    assert engine.take(new_worker()) is None


def test_permanent_failure_is_not_retried(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    connection.execute(
        "select public.fail_job_attempt(%s, %s, 'No such ref.', false)", (job, held.attempt)
    )
    assert status(connection, job) == ("failed", 1, "No such ref.")
    assert engine.take(new_worker()) is None
    assert complete(connection, held) == "not_processing"


def test_cancelled_pending_job_is_given_to_no_worker(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    cancel(connection, job)
    assert status(connection, job)[0] == "cancelled"
    assert engine.take(new_worker()) is None


def test_job_with_a_cancellation_request_is_not_retried(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    cancel(connection, job)
    assert status(connection, job)[0] == "processing"
    engine.fail(held, "The host is down.")
    assert status(connection, job)[0] == "cancelled"
    assert engine.take(new_worker()) is None


def test_worker_that_ignores_a_cancellation_is_rejected_after_a_minute(
    stage: Stage,
) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    cancel(connection, job)
    connection.execute(
        "update public.index_jobs set cancel_requested_at = clock_timestamp() - interval '1 minute'"
    )
    rescued = connection.execute("select cancelled from public.retry_or_fail_stuck_jobs()")
    assert rescued.fetchone() == (1,)
    assert complete(connection, held) == "not_processing"
    assert status(connection, job)[0] == "cancelled"
    assert engine.take(new_worker()) is None


def test_repeated_end_writes_one_event(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    assert complete(connection, held) is None
    told = "select count(*) from public.index_job_events where job_id = %s"
    before = connection.execute(told, (job,)).fetchone()
    assert complete(connection, held) is None
    assert connection.execute(told, (job,)).fetchone() == before


def test_worker_lost_while_storing_leaves_no_rows(stage: Stage) -> None:
    connection, engine = stage
    job = create(connection)
    held = take(engine)
    with connection.transaction(force_rollback=True):
        assert complete(connection, held) is None
    assert status(connection, job) == ("processing", 1, None)
    assert connection.execute("select count(*) from public.indexed_files").fetchone() == (0,)
