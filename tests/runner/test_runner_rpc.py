"""The transaction that completes a job: all of it, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow

from api import runner_rpc
from api.runner_rpc import Index, Job

from .conftest import Database

Do = Callable[[Callable[[psycopg.AsyncConnection[TupleRow]], Awaitable[Any]]], Any]


@pytest.fixture
def do(database: Database) -> Do:
    """Runs a call in a transaction of a worker of its own."""

    def run(call: Callable[[psycopg.AsyncConnection[TupleRow]], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            async with await psycopg.AsyncConnection.connect(database.worker_url) as connection:
                return await call(connection)

        return asyncio.run(work())

    return run


@pytest.fixture
def sql(database: Database) -> Iterator[psycopg.Connection[TupleRow]]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def repository(sql: psycopg.Connection[TupleRow]) -> str:
    user = str(uuid4())
    sql.execute("insert into auth.users (id) values (%s)", (user,))
    row = sql.execute(
        "insert into public.repositories (full_name, git_url, owner_user_id)"
        " values ('a/b', '/a/b', %s) returning id::text",
        (user,),
    ).fetchone()
    assert row is not None
    return str(row[0])


def claimed(do: Do, sql: psycopg.Connection[TupleRow], repository: str | None) -> Job:
    """A job of this worker's: a new one, or the oldest that is free."""
    if repository:
        sql.execute("select from public.create_index_job(p_repository_id => %s)", (repository,))
    lease = timedelta(minutes=1)
    job = do(lambda connection: runner_rpc.claim(connection, worker_id="me", lease=lease))
    assert isinstance(job, Job)
    return job


def found(folder: Path, name: str, symbols: int = 2, **stats: int) -> Index:
    """An index of one file of that name."""
    folder.mkdir(exist_ok=True)
    (folder / "files").write_text(f"1\t{name}\tPython\t10\t{'0' * 40}\n")
    lines = [f"1\tf{n}\tfunction\t{n}\t{n}\t\\N\n" for n in range(1, symbols + 1)]
    (folder / "symbols").write_text("".join(lines))
    figures = {"files_indexed": 1, "symbols_extracted": symbols} | stats
    return Index(folder / "files", folder / "symbols", "a" * 40, figures)


def complete(do: Do, job: Job, index: Index) -> None:
    do(
        lambda connection: runner_rpc.complete(
            connection, job, index, worker_id="me", progress=("symbols", 1, 1)
        )
    )


def state(sql: psycopg.Connection[TupleRow], job: Job) -> Any:
    return sql.execute(
        "select j.status::text, j.version,"
        " (select string_agg(f.path, ' ') from public.indexed_files as f),"
        " (select count(*) from public.symbols)"
        " from public.index_jobs as j where j.id = %s",
        (job.id,),
    ).fetchone()


def test_rows_and_status_come_together(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "a.py"))
    status, _, paths, symbols = state(sql, job)
    assert (status, paths, symbols) == ("completed", "a.py", 2)


def test_a_fenced_worker_leaves_nothing(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    earlier = claimed(do, sql, repository)
    complete(do, earlier, found(tmp_path, "kept.py"))
    late = claimed(do, sql, repository)
    do(lambda connection: runner_rpc.report(connection, late, lease=timedelta(0)))
    owner = claimed(do, sql, None)
    assert (owner.id, owner.attempt) == (late.id, 2)
    with pytest.raises(psycopg.Error) as refused:
        complete(do, late, found(tmp_path, "late.py"))
    assert (refused.value.sqlstate, refused.value.diag.message_detail) == ("PT409", "stale_attempt")
    assert state(sql, owner)[2:] == ("kept.py", 2)
    complete(do, owner, found(tmp_path, "new.py"))
    assert state(sql, owner)[2:] == ("new.py", 2)


def test_a_repeat_after_a_lost_answer_changes_nothing(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "a.py"))
    before = state(sql, job)
    complete(do, job, found(tmp_path, "a.py"))
    assert state(sql, job) == before


def test_a_repeat_does_not_bring_back_rows_that_a_later_job_replaced(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "old.py"))
    later = claimed(do, sql, repository)
    complete(do, later, found(tmp_path, "new.py", symbols=5))
    complete(do, job, found(tmp_path, "old.py"))
    assert state(sql, job)[2:] == ("new.py", 5)


def test_figures_that_are_not_those_of_the_rows_are_refused(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    with pytest.raises(ValueError, match="stats say"):
        complete(do, job, found(tmp_path, "a.py", symbols_extracted=3))
    assert state(sql, job)[0] == "processing"
    assert state(sql, job)[2:] == (None, 0)
