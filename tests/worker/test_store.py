"""begin_index, store_index_rows and complete_index by logins of workers: all or nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    """Yields a superuser's connection."""
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
    """Creates a job of the repository and claims it."""
    sql.execute("select from public.create_index_job(p_repository_id => %s)", (repository,))
    return worker.claim(lease)


def value(sql: SQL, query: LiteralString, *arguments: Any) -> Any:
    row = sql.execute(query, arguments).fetchone()
    return row and row[0]


def paths(sql: SQL) -> list[str]:
    return [path for (path,) in sql.execute("select path from public.indexed_files order by path")]


def everything(sql: SQL) -> list[list[tuple[Any, ...]]]:
    """Returns everything that storing changes: rows of indexes, jobs and events."""
    tables = (
        *(f"public.{name}" for name in TABLES),
        "public.index_jobs",
        "public.index_job_events",
    )
    return [sql.execute(f"table {name} order by 1, 2".encode()).fetchall() for name in tables]


def staged(sql: SQL) -> int:
    """Returns how many rows the staging tables have in total."""
    counts = " + ".join(f"(select count(*) from private.{name})" for name in STAGING)
    return int(value(sql, f"select {counts}"))  # type: ignore[arg-type]


def refusal(error: pytest.ExceptionInfo[psycopg.Error]) -> tuple[str | None, str | None]:
    return error.value.sqlstate, error.value.diag.message_detail


def test_rows_and_status_are_committed_together(sql: SQL, worker: Worker, repository: UUID) -> None:
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


def test_repeat_after_a_lost_response_changes_nothing(
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


def test_repeat_does_not_restore_rows_replaced_by_a_later_job(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    worker.work(job, index("old.py"))
    worker.work(claimed(sql, worker, repository), index("new.py", commit="d"))
    before = everything(sql)
    assert worker.work(job, index("old.py")) == "stored"
    assert everything(sql) == before


@pytest.mark.parametrize("other", [index("a.py", commit="d"), index("a.py", symbols=3)])
def test_repeat_with_another_result_is_rejected(
    sql: SQL, worker: Worker, repository: UUID, other: Rows
) -> None:
    job = claimed(sql, worker, repository)
    worker.work(job, index("a.py"))
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.work(job, other)
    assert refusal(error) == ("PT409", "conflicting_repeat")
    assert everything(sql) == before


def test_late_worker_stores_no_rows(sql: SQL, worker: Worker, repository: UUID) -> None:
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


def test_worker_that_loses_its_job_while_storing_leaves_no_rows(
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


def test_worker_killed_between_copy_and_complete_leaves_no_rows(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    before = everything(sql)
    worker.send(index("a.py"))
    worker.store(job)
    worker.send(index("b.py", number=2))
    pid = worker.connection.info.backend_pid
    with socket.socket(fileno=os.dup(worker.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)  # as the kernel does when a process is killed
    until(lambda: value(sql, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)
    assert (everything(sql), staged(sql)) == (before, 0)


def test_rows_sent_in_a_separate_transaction_are_ignored(
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


def test_orphaned_rows_are_deleted_while_another_worker_stores(
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
    "a kind that is not a word": (
        replace(A, symbols=[(1, "f", "Function!", 1, 1, None)] * 2),
        "invalid_rows",
    ),
    "an end before its start": (
        replace(A, symbols=[(1, "f", "function", 2, 1, None)] * 2),
        "invalid_rows",
    ),
    "a negative size": (replace(A, files=[(1, "a.py", None, -1, "b", 2)]), "invalid_rows"),
    "a reason that is not a word": (replace(A, skipped=[("b", "I say so")]), "invalid_rows"),
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
def test_invalid_rows_are_rejected_and_nothing_is_stored(
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
def test_invalid_arguments_are_rejected(
    sql: SQL, worker: Worker, repository: UUID, call: str, code: str
) -> None:
    job = claimed(sql, worker, repository)
    with pytest.raises(psycopg.Error) as error:
        worker.connection.execute(
            f"select public.complete_index(%s, %s, %s, {call})".encode(),
            (job.id, job.attempt, worker.id),
        )
    assert refusal(error) == ("PT422", code)


def test_commit_that_differs_from_the_requested_one_is_rejected(
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


def test_unknown_job_and_deleted_repository_are_not_found(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository)
    sql.execute("delete from public.repositories")
    for call in (worker.begin, worker.store, lambda gone: worker.complete(gone, index("a.py"))):
        with pytest.raises(psycopg.Error) as error:
            call(job)
        assert refusal(error) == ("PT404", None)
        worker.connection.rollback()


def test_finished_job_cannot_be_indexed(sql: SQL, worker: Worker, repository: UUID) -> None:
    job = claimed(sql, worker, repository)
    sql.execute("select from public.update_job_status(%s, 'cancelled')", (job.id,))
    for call in (worker.begin, worker.store, lambda ended: worker.complete(ended, index("a.py"))):
        with pytest.raises(psycopg.Error) as error:
            call(job)
        assert refusal(error) == ("PT409", "not_processing")
        worker.connection.rollback()


def test_only_changed_rows_are_written(sql: SQL, worker: Worker, repository: UUID) -> None:
    stranger = a_repository(sql, "c/d")
    worker.work(claimed(sql, worker, stranger), index("other.py"))
    first = claimed(sql, worker, repository)
    rows = replace(index("kept.py"), skipped=[("x", "binary")])
    whole = replace(
        rows,
        files=[*rows.files, (2, "old.py", None, 5, "b", 0), (3, "hard.py", "Python", 7, "b", None)],
        stats={"files_indexed": 3, "symbols_extracted": 2},
    )
    worker.work(first, whole)
    ids = dict(sql.execute("select path, id from public.indexed_files").fetchall())
    second = claimed(sql, worker, repository)
    assert worker.begin(second) == ("/a/b", first.id, whole.commit, whole.stats)
    change = replace(
        index("hard.py", symbols=3, commit="d", files_indexed=2, symbols_extracted=5),
        gone=[(ids["old.py"],), (ids["other.py"],)],
        skipped=[("y", "binary")],
    )
    assert worker.work(second, change, base=first.id) == "stored"
    found = sql.execute(
        "select path, job_id, (select count(*) from public.symbols as s where s.file_id = f.id)"
        " from public.indexed_files as f where f.repository_id = %s order by 1",
        (repository,),
    ).fetchall()
    assert found == [("hard.py", second.id, 3), ("kept.py", first.id, 2)]
    assert (
        value(sql, "select id from public.indexed_files where path = 'kept.py'") == ids["kept.py"]
    )
    assert "other.py" in paths(sql)
    assert sql.execute("select path, job_id from public.skipped_files").fetchall() == [
        ("y", second.id)
    ]


def test_unchanged_path_must_not_be_sent_again(sql: SQL, worker: Worker, repository: UUID) -> None:
    first = claimed(sql, worker, repository)
    worker.work(first, index("a.py"))
    second = claimed(sql, worker, repository)
    before = everything(sql)
    with pytest.raises(psycopg.Error) as error:
        worker.work(second, index("a.py", commit="d"), base=first.id)
    assert refusal(error) == ("PT409", "rows_missing")
    assert everything(sql) == before


def test_change_on_an_outdated_base_changes_nothing(
    sql: SQL, worker: Worker, new_worker: NewWorker, repository: UUID
) -> None:
    first = claimed(sql, worker, repository)
    worker.work(first, index("a.py"))
    slow = claimed(sql, worker, repository)
    change = index("c.py", commit="e", files_indexed=2, symbols_extracted=4)
    fast = new_worker()
    fast.work(claimed(sql, fast, repository), index("b.py", commit="d"))
    before = everything(sql)
    assert worker.work(slow, change, base=first.id) == "base_changed"
    assert worker.work(slow, Rows(commit="c" * 40), base=first.id) == "base_changed"
    assert (everything(sql), staged(sql)) == (before, 0)
    assert worker.work(slow, index("c.py", commit="e")) == "stored"
    assert paths(sql) == ["c.py"]


def test_same_commit_is_completed_from_stored_rows(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    first = claimed(sql, worker, repository)
    rows = replace(index("a.py", files_skipped=1, files_unchanged=0), skipped=[("x", "binary")])
    worker.work(first, rows)
    stored = everything(sql)[: len(TABLES)]
    same, raced = claimed(sql, worker, repository), claimed(sql, worker, repository)
    assert worker.work(same, Rows(commit=rows.commit.upper()), base=first.id) == "reused"
    assert worker.work(raced, rows) == "reused"  # it started before anything was stored
    assert everything(sql)[: len(TABLES)] == stored
    stats = rows.stats | {"files_unchanged": 1, "reused": True, "reused_job_id": str(first.id)}
    for job in (same, raced):
        ended = sql.execute(
            "select status::text, commit_sha, stats, progress from public.index_jobs where id = %s",
            (job.id,),
        ).fetchone()
        progress = {"phase": "symbols", "done": 2, "total": 2}
        assert ended == ("completed", rows.commit, stats, progress)
        assert worker.work(job, Rows(commit=rows.commit), base=first.id) == "reused"
    assert staged(sql) == 0


def test_rows_of_another_extractor_or_modified_ones_are_not_a_base(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    first = claimed(sql, worker, repository)
    worker.work(first, index("a.py"))
    job = claimed(sql, worker, repository)
    assert worker.begin(job)[1] == first.id
    assert worker.begin(job, "y") == ("/a/b", None, None, None)
    assert worker.work(job, index("a.py"), extractor="y") == "stored"
    again = claimed(sql, worker, repository)
    assert worker.begin(again, "y")[1] == job.id
    sql.execute("delete from public.indexed_files")
    assert worker.begin(again, "y")[1] is None
    assert worker.work(again, index("a.py"), extractor="y") == "stored"


def test_rows_are_stored_in_batches_and_visible_on_completion(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    worker.work(claimed(sql, worker, repository), index("old.py"))
    job = claimed(sql, worker, repository)
    first, second = index("a.py"), index("b.py", symbols=3, number=2)
    worker.send(replace(first, symbols=[], skipped=[("x", "binary")]))
    assert worker.store(job) == 1
    worker.send(replace(second, symbols=first.symbols))
    assert worker.store(job) == 4
    assert worker.store(job) == 4
    worker.send(replace(second, files=[], skipped=[("y", "binary")]))
    assert paths(sql) == ["old.py"]
    total = replace(first, stats={"files_indexed": 2, "symbols_extracted": 5}, commit="d" * 40)
    assert worker.complete(job, total) == "stored"
    assert paths(sql) == ["old.py"]
    worker.connection.commit()
    assert paths(sql) == ["a.py", "b.py"]
    assert value(sql, "select count(*) from public.symbols") == 5
    assert value(sql, "select string_agg(path, '' order by id) from public.skipped_files") == "xy"
    assert (worker.begin(claimed(sql, worker, repository))[1], staged(sql)) == (job.id, 0)


@pytest.mark.parametrize("is_first", [True, False])
def test_rows_stored_without_completing_the_job_fail_at_commit(
    sql: SQL, worker: Worker, repository: UUID, is_first: bool
) -> None:
    if not is_first:
        worker.work(claimed(sql, worker, repository), index("old.py", commit="d"))
    job = claimed(sql, worker, repository)
    before = everything(sql)
    worker.send(index("a.py"))
    worker.store(job)
    with pytest.raises(psycopg.Error) as error:
        worker.connection.commit()
    assert refusal(error) == ("PT409", "index_not_completed")
    worker.connection.rollback()
    worker.send(index("a.py"))
    worker.store(job)
    assert worker.complete(job, index("a.py"), base=uuid4()) == "base_changed"
    with pytest.raises(psycopg.Error) as error:
        worker.connection.commit()
    assert refusal(error) == ("PT409", "index_not_completed")
    worker.connection.rollback()
    assert (everything(sql), staged(sql)) == (before, 0)


def test_jobs_of_one_repository_store_one_after_the_other(
    sql: SQL, worker: Worker, new_worker: NewWorker, repository: UUID
) -> None:
    other = new_worker()
    one, two = claimed(sql, worker, repository), claimed(sql, other, repository)
    worker.send(index("one.py"))
    worker.store(one)
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other.work, two, index("two.py", commit="d"))
        pid = other.connection.info.backend_pid
        waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
        until(lambda: value(sql, waits, pid))
        assert worker.complete(one, index("one.py")) == "stored"
        worker.connection.commit()
        assert later.result() == "stored"
    assert (paths(sql), value(sql, "select count(*) from public.symbols")) == (["two.py"], 2)
    assert value(sql, "select job_id from public.indexed_commits") == two.id
    completed = "select count(*) from public.index_jobs where status = 'completed'"
    assert value(sql, completed) == 2


def test_jobs_of_two_repositories_do_not_wait_for_each_other(
    sql: SQL, worker: Worker, new_worker: NewWorker, repository: UUID
) -> None:
    other, second = new_worker(), a_repository(sql, "c/d")
    job, beside = claimed(sql, worker, repository), claimed(sql, other, second)
    worker.send(index("a.py"))
    worker.store(job)
    other.connection.execute("set lock_timeout = '1s'")
    other.connection.commit()
    assert other.work(beside, index("b.py")) == "stored"
    assert worker.complete(job, index("a.py")) == "stored"
    worker.connection.commit()
    assert paths(sql) == ["a.py", "b.py"]


def test_silent_worker_that_locks_a_repository_is_ended_after_its_lease(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    job = claimed(sql, worker, repository, lease="42 seconds")
    worker.store(job)
    settings = (
        "idle_in_transaction_session_timeout",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
    )
    shown = [worker.row("select current_setting(%s)", name)[0] for name in settings]
    assert shown == ["42s", "10", "5", "3"]
    worker.connection.rollback()
    assert worker.row("select current_setting(%s)", settings[0]) == ("0",)
    worker.connection.rollback()
    short = claimed(sql, worker, repository, lease="1 second")
    worker.store(short)
    pid = worker.connection.info.backend_pid
    until(lambda: value(sql, "select count(*) from pg_stat_activity where pid = %s", pid) == 0)


def test_stored_rows_are_deleted_with_their_repository(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    other = a_repository(sql, "c/d")
    for each in (repository, other):
        rows = replace(index("a.py"), skipped=[("x", "binary")])
        worker.work(claimed(sql, worker, each), rows)
    sql.execute("delete from public.repositories where id = %s", (repository,))
    for name in (*(f"public.{table}" for table in TABLES), "private.index_durations"):
        left = sql.execute(f"select distinct repository_id from {name}".encode()).fetchall()
        assert left == [(other,)], name


def test_last_twenty_durations_of_a_repository_are_kept(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    sql.execute("select tests.set_clock('2026-01-01 12:00:00+00')")
    first = claimed(sql, worker, repository)
    worker.hand_back(first)
    sql.execute("select tests.advance_clock('1 hour')")
    first = worker.claim()
    sql.execute("select tests.advance_clock('7 seconds')")
    worker.work(first, index("a.py"))
    second = claimed(sql, worker, repository)
    sql.execute("select tests.advance_clock('2 seconds')")
    more = index("b.py", commit="d", files_indexed=2, symbols_extracted=4)
    worker.work(second, more, base=first.id)
    kept = "select commit_sha, bytes, bytes_unchanged, seconds from private.index_durations"
    assert sql.execute(f"{kept} order by id").fetchall() == [
        ("c" * 40, 10, 0, 7),
        ("d" * 40, 20, 10, 2),
    ]
    for _ in range(19):
        job = claimed(sql, worker, repository)
        sql.execute("select tests.advance_clock('1 second')")
        assert worker.work(job, Rows(commit="d" * 40)) == "reused"
    found = sql.execute(f"{kept} order by id").fetchall()
    assert found == [("d" * 40, 20, 10, 2), *[("d" * 40, 20, 20, 1)] * 19]


@pytest.mark.parametrize("login", ["worker_url", "service_role_url"])
@pytest.mark.parametrize("table", TABLES)
def test_logins_can_write_an_index_only_through_the_functions(
    sql: SQL, database: Database, worker: Worker, repository: UUID, table: str, login: str
) -> None:
    worker.work(claimed(sql, worker, repository), replace(index("a.py"), skipped=[("x", "y")]))
    before = everything(sql)
    with psycopg.connect(getattr(database, login), autocommit=True) as connection:
        assert connection.execute(f"table public.{table}".encode()).fetchall() != []
        for statement in (
            f"insert into public.{table} default values",
            f"update public.{table} set job_id = null"
            if table != "symbols"
            else "update public.symbols set name = 'x'",
            f"delete from public.{table}",
            f"truncate public.{table}",
            f"copy public.{table} from stdin",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert everything(sql) == before


@pytest.mark.parametrize("login", ["worker_url", "service_role_url"])
@pytest.mark.parametrize("table", STAGING)
def test_logins_can_only_insert_their_own_rows_into_staging(
    sql: SQL, database: Database, table: str, login: str
) -> None:
    with psycopg.connect(getattr(database, login), autocommit=True) as connection:
        for statement in (
            f"table private.{table}",
            f"delete from private.{table}",
            f"truncate private.{table}",
            f"update private.{table} set transaction = '5'",
            f"insert into private.{table} (transaction) values ('5')",
            f"copy private.{table} (transaction) from stdin",
            f"copy private.{table} to stdout",
            f"analyze private.{table}",
            f"alter table private.{table} alter column transaction set default '5'",
            f"create trigger t after insert on private.{table}"
            " execute function suppress_redundant_updates_trigger()",
            f"create rule r as on insert to private.{table} do also select 1",
        ):
            if statement.startswith("analyze"):
                connection.execute(statement.encode())  # a warning without effect
                query = "select last_analyze is null from pg_stat_user_tables where relname = %s"
                assert value(sql, query, table)
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@pytest.mark.parametrize("login", ["worker_url", "service_role_url"])
@pytest.mark.parametrize("kind", ["table", "view"])
def test_temporary_object_cannot_shadow_a_staging_table(
    sql: SQL, database: Database, repository: UUID, kind: str, login: str
) -> None:
    with psycopg.connect(getattr(database, login)) as connection:
        worker = Worker(connection)
        job = claimed(sql, worker, repository)
        before = everything(sql)
        for name, columns in STAND_INS.items():
            made = f"create temporary {kind} {name} as select {columns}"
            connection.execute(made.encode())
        connection.execute("create temporary table indexed_commits (repository_id uuid)")
        connection.execute("create temporary table repositories as select 'x' as git_url")
        connection.execute("set search_path = pg_temp, private, public")
        assert worker.begin(job)[0] == "/a/b"
        with pytest.raises(psycopg.Error) as error, connection.transaction():
            worker.complete(job, index("a.py", symbols=1))
        assert refusal(error) == ("PT409", "rows_missing")
        assert worker.store(job) == 0
        with pytest.raises(psycopg.Error) as error:
            connection.commit()
        assert refusal(error) == ("PT409", "index_not_completed")
        assert everything(sql) == before


def test_temporary_table_cannot_shadow_the_rows_of_a_trigger(
    sql: SQL, worker: Worker, repository: UUID
) -> None:
    stranger = a_repository(sql, "c/d")
    worker.work(claimed(sql, worker, stranger), index("theirs.py"))
    worker.work(claimed(sql, worker, repository), index("old.py"))
    worker.connection.execute(
        "create temporary table gone as select f.* from public.indexed_files as f"
        " where f.path = 'theirs.py'"
    )
    worker.connection.commit()
    rows = index("new.py", symbols=0, commit="d")
    assert worker.work(claimed(sql, worker, repository), rows) == "stored"
    left = sql.execute("select distinct repository_id from public.symbols").fetchall()
    assert left == [(stranger,)]


STAND_INS = {
    "incoming_files": "pg_current_xact_id() as transaction, 1 as file_no, 'a.py' as path,"
    " 'Python' as language, 10::bigint as bytes, 'b' as blob_sha, 1 as symbol_count",
    "incoming_symbols": "pg_current_xact_id() as transaction, 1 as file_no, 'f' as name,"
    " 'function' as kind, 1 as start_line, 1 as end_line, null::text as parent",
    "incoming_skipped": "pg_current_xact_id() as transaction, 'x' as path, 'y' as reason",
    "gone_files": "pg_current_xact_id() as transaction, f.id from public.indexed_files as f",
}
