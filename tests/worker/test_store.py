"""begin_index, store_index_rows and complete_index, by the logins of workers: all, or nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support.waiting import until
from tests.worker.storing import Claim, Rows, Worker, index

from .conftest import Database

SQL = psycopg.Connection[TupleRow]
NewWorker = Callable[[], Worker]
TABLES = ("indexed_files", "skipped_files", "symbols", "indexed_commits")
STAGING = ("incoming_files", "incoming_symbols", "incoming_skipped", "gone_files")


@pytest.fixture(params=[18, 15])
def database(request: pytest.FixtureRequest, new_database: Callable[[int], Database]) -> Database:
    return new_database(request.param)


@pytest.fixture
def sql(database: Database) -> Iterator[SQL]:
    """A superuser's connection."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def new_worker(database: Database) -> Iterator[NewWorker]:
    with ExitStack() as at_exit:
        yield lambda: Worker(at_exit.enter_context(closing(psycopg.connect(database.worker_url))))


@pytest.fixture
def worker(new_worker: NewWorker) -> Worker:
    return new_worker()


@pytest.fixture
def repository(sql: SQL) -> UUID:
    return a_repository(sql, "a/b")


def a_repository(sql: SQL, name: str) -> UUID:
    user = uuid4()
    sql.execute("insert into auth.users (id) values (%s)", (user,))
    row = sql.execute(
        "insert into public.repositories (full_name, git_url, owner_user_id)"
        " values (%s, '/a/b', %s) returning id",
        (name, user),
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def claimed(sql: SQL, worker: Worker, repository: UUID, lease: str = "1 minute") -> Claim:
    """A new job of the repository, claimed."""
    sql.execute("select from public.create_index_job(p_repository_id => %s)", (repository,))
    return worker.claim(lease)


def value(sql: SQL, query: LiteralString, *arguments: Any) -> Any:
    row = sql.execute(query, arguments).fetchone()
    return row and row[0]


def paths(sql: SQL) -> list[str]:
    return [path for (path,) in sql.execute("select path from public.indexed_files order by path")]


def everything(sql: SQL) -> list[list[tuple[Any, ...]]]:
    """All that storing changes: the rows of indexes and of jobs, and what happened to these."""
    tables = (
        *(f"public.{name}" for name in TABLES),
        "public.index_jobs",
        "public.index_job_events",
    )
    return [sql.execute(f"table {name} order by 1, 2".encode()).fetchall() for name in tables]


def staged(sql: SQL) -> int:
    """How many rows the staging tables have, of whomever."""
    counts = " + ".join(f"(select count(*) from private.{name})" for name in STAGING)
    return int(value(sql, f"select {counts}"))  # type: ignore[arg-type]


def refusal(error: pytest.ExceptionInfo[psycopg.Error]) -> tuple[str | None, str | None]:
    return error.value.sqlstate, error.value.diag.message_detail


def test_rows_and_status_come_together(sql: SQL, worker: Worker, repository: UUID) -> None:
    job = claimed(sql, worker, repository)
    rows = replace(index("a.py", files_skipped=1), skipped=[("a.png", "binary")])
    assert worker.begin(job) == ("/a/b", None, None, None)
    worker.send(rows)
    assert worker.complete(job, rows) == "stored"
    assert (paths(sql), value(sql, "select status::text from public.index_jobs")) == (
        [],
        "processing",
    )
    worker.connection.commit()
    assert paths(sql) == ["a.py"]
    symbols = "select name, kind, start_line, end_line, parent from public.symbols order by name"
    assert sql.execute(symbols).fetchall() == [
        ("f1", "function", 1, 1, None),
        ("f2", "function", 2, 2, None),
    ]
    skipped = sql.execute("select path, reason, job_id from public.skipped_files")
    assert skipped.fetchall() == [("a.png", "binary", job.id)]
    ended = sql.execute(
        "select status::text, commit_sha, stats, progress ->> 'phase', worker_id::text"
        " from public.index_jobs"
    ).fetchone()
    assert ended == ("completed", rows.commit, rows.stats, "symbols", worker.id)
    assert staged(sql) == 0


def test_a_repeat_after_a_lost_answer_changes_nothing(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job, rows = claimed(sql, worker, repository), index("a.py")
    worker.work(job, rows)
    before = everything(sql)
    assert worker.work(job, rows) == "stored"
    with worker.connection.transaction():
        worker.send(rows)
        assert worker.store(job) == 0
        assert worker.complete(job, rows) == "stored"
    assert (everything(sql), staged(sql)) == (before, 0)


def test_a_repeat_does_not_bring_back_rows_that_a_later_job_replaced(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    worker.work(job, index("old.py"))
    worker.work(claimed(sql, worker, repository), index("new.py", commit="d"))
    before = everything(sql)
    assert worker.work(job, index("old.py")) == "stored"
    assert everything(sql) == before


@pytest.mark.parametrize("other", [index("a.py", commit="d"), index("a.py", symbols=3)])
def test_a_repeat_with_another_result_is_refused(
    sql: SQL, worker: Worker, repository: UUID, other: Rows
) -> None:
    job = claimed(sql, worker, repository)
    worker.work(job, index("a.py"))
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.work(job, other)
    assert refusal(error) == ("PT409", "conflicting_repeat")
    assert everything(sql) == before


def test_a_late_worker_leaves_no_row(sql: SQL, worker: Worker, repository: UUID) -> None:
    worker.work(claimed(sql, worker, repository), index("kept.py"))
    late = claimed(sql, worker, repository)
    worker.hand_back(late)
    owner = worker.claim()
    assert (owner.id, owner.attempt) == (late.id, 2)
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.begin(late)
    assert refusal(error) == ("PT409", "stale_attempt")
    worker.connection.rollback()
    for call in (worker.store, lambda job: worker.complete(job, index("late.py", commit="d"))):
        with pytest.raises(psycopg.Error) as error, worker.connection.transaction():
            worker.send(index("late.py", commit="d"))
            call(late)
        assert refusal(error) == ("PT409", "stale_attempt")
    assert (everything(sql), staged(sql)) == (before, 0)


def test_a_worker_that_loses_its_job_while_it_stores_leaves_no_row(
    sql: SQL, worker: Worker, new_worker: NewWorker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    worker.send(index("late.py"))
    worker.store(job)
    new_worker().hand_back(job)
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.complete(job, index("late.py"))
    assert refusal(error) == ("PT409", "stale_attempt")
    worker.connection.commit()
    assert everything(sql) == before


def test_a_worker_killed_between_copy_and_complete_leaves_no_row(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    before = everything(sql)
    worker.send(index("a.py"))
    worker.store(job)
    worker.send(index("b.py", number=2))
    pid = worker.connection.info.backend_pid
    with socket.socket(fileno=os.dup(worker.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)  # what the kernel does for a process that is killed
    until(lambda: value(sql, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)
    assert (everything(sql), staged(sql)) == (before, 0)


def test_rows_that_were_sent_in_a_transaction_of_their_own_count_for_nothing(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job, rows = claimed(sql, worker, repository), index("a.py")
    before = everything(sql)
    worker.send(rows)
    worker.connection.commit()
    with pytest.raises(psycopg.Error) as error:
        worker.complete(job, rows)
    assert refusal(error) == ("PT409", "rows_missing")
    worker.connection.rollback()
    assert (everything(sql), staged(sql)) == (before, 3)
    worker.work(job, rows)
    assert (paths(sql), value(sql, "select count(*) from public.symbols")) == (["a.py"], 2)


def test_rows_that_nobody_will_store_are_deleted_beside_a_worker_that_stores(
    sql: SQL, worker: Worker, new_worker: NewWorker, repository: UUID
) -> None:
    careless = new_worker()
    careless.send(replace(index("lost.py"), skipped=[("b", "binary")], gone=[(1,)]))
    careless.connection.commit()
    job, rows = claimed(sql, worker, repository), index("a.py")
    worker.send(rows)
    assert staged(sql) == 5
    careless.row("select r.retried from public.retry_or_fail_stuck_jobs() as r")
    careless.connection.commit()
    assert staged(sql) == 0
    assert worker.complete(job, rows) == "stored"
    worker.connection.commit()
    assert paths(sql) == ["a.py"]


A = index("a.py")
LONG = "/".join(sha256(bytes([number])).hexdigest() for number in range(100))
TWO = {"files_indexed": 2, "symbols_extracted": 4}
MISFITS = {
    "symbols of an unknown file": (
        replace(A, symbols=[*A.symbols, (2, "g", "function", 1, 1, None)]),
        "invalid_rows",
    ),
    "two files of one number": (
        replace(A, files=[*A.files, (1, "b.py", None, 1, "b", 0)], stats=TWO),
        "invalid_rows",
    ),
    "a path twice": (
        replace(A, files=[*A.files, (2, "a.py", None, 1, "b", 0)]),
        "invalid_rows",
    ),
    "a path too long": (replace(A, files=[(1, LONG, "Python", 1, "b", 2)]), "invalid_rows"),
    "a kind that is no word": (
        replace(A, symbols=[(1, "f", "Function!", 1, 1, None)] * 2),
        "invalid_rows",
    ),
    "an end before its start": (
        replace(A, symbols=[(1, "f", "function", 2, 1, None)] * 2),
        "invalid_rows",
    ),
    "a negative size": (replace(A, files=[(1, "a.py", None, -1, "b", 2)]), "invalid_rows"),
    "a reason that is no word": (replace(A, skipped=[("b", "I say so")]), "invalid_rows"),
    "too many skipped": (
        replace(A, skipped=[(str(number), "binary") for number in range(10_001)]),
        "invalid_rows",
    ),
    "fewer files than said": (replace(A, stats=A.stats | {"files_indexed": 2}), "rows_missing"),
    "more symbols than said": (
        replace(A, stats=A.stats | {"symbols_extracted": 1}),
        "rows_missing",
    ),
    "a symbol less than its file has": (replace(A, symbols=A.symbols[:1]), "rows_missing"),
    "a symbol more than its file has": (replace(A, symbols=[*A.symbols] * 2), "rows_missing"),
    "no file": (replace(A, files=[], symbols=[]), "rows_missing"),
    "stats without figures": (replace(A, stats={"bytes": 10}), "rows_missing"),
    "figures that are text": (
        replace(A, stats={"files_indexed": "1", "symbols_extracted": "2"}),
        "rows_missing",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_stored(
    sql: SQL, worker: Worker, repository: UUID, misfit: str
) -> None:
    rows, code = MISFITS[misfit]
    worker.work(claimed(sql, worker, repository), index("kept.py", commit="d"))
    job = claimed(sql, worker, repository)
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.work(job, rows)
    assert refusal(error) == ("PT409" if code == "rows_missing" else "PT422", code)
    assert (everything(sql), staged(sql)) == (before, 0)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("p_extractor => ' '", "invalid_extractor"),
        ("p_extractor => repeat('x', 201)", "invalid_extractor"),
        ("p_extractor => 'x', p_stats => '{}'", "invalid_commit_sha"),
        ("p_extractor => 'x', p_stats => '[]', p_commit_sha => repeat('c', 40)", "invalid_stats"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    sql: SQL, worker: Worker, repository: UUID, call: str, code: str
) -> None:
    job = claimed(sql, worker, repository)
    with pytest.raises(psycopg.Error) as error:
        worker.connection.execute(
            f"select public.complete_index(%s, %s, %s, {call})".encode(),
            (job.id, job.attempt, worker.id),
        )
    assert refusal(error) == ("PT422", code)


def test_another_commit_than_the_job_asks_for_is_refused(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    sql.execute(
        "select from public.create_index_job(%s, p_commit_sha => %s)", (repository, "d" * 40)
    )
    job = worker.claim()
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.work(job, index("a.py"))
    assert refusal(error) == ("PT422", "commit_mismatch")
    assert everything(sql) == before


def test_no_job_and_no_repository_are_not_found(sql: SQL, worker: Worker, repository: UUID) -> None:
    job = claimed(sql, worker, repository)
    sql.execute("delete from public.repositories")
    for call in (worker.begin, worker.store, lambda gone: worker.complete(gone, index("a.py"))):
        with pytest.raises(psycopg.Error) as error:
            call(job)
        assert refusal(error) == ("PT404", None)
        worker.connection.rollback()


def test_a_job_that_ended_otherwise_is_not_indexed(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    sql.execute("select from public.update_job_status(%s, 'cancelled')", (job.id,))
    for call in (worker.begin, worker.store, lambda ended: worker.complete(ended, index("a.py"))):
        with pytest.raises(psycopg.Error) as error:
            call(job)
        assert refusal(error) == ("PT409", "not_processing")
        worker.connection.rollback()
