"""The transaction that completes a job: all or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow

from db.tools.sessions import SETTINGS
from tests.support.pooler import pgbouncer, pooler
from tests.support.surroundings import set_for
from worker.connections import Connections
from worker.progress import Progress
from worker.records import Job, NewIndex, StoredIndex
from worker.rpc import LostError, WorkerRpc, storable
from worker.timings import Timings

from .conftest import Database

Do = Callable[[Callable[[WorkerRpc], Awaitable[Any]]], Any]


@pytest.fixture
def do(database: Database) -> Do:
    """Makes a call over a worker's own connections."""

    def run(call: Callable[[WorkerRpc], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            async with WorkerRpc(
                database.worker_url,
                worker_id=str(uuid4()),
                lease_seconds=60,
                slots=1,
                timings=Timings(),
            ) as rpc:
                return await call(rpc)

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
    """Claims a job: a new one, or the oldest free one."""
    if repository:
        sql.execute("select from public.create_index_job(p_repository_id => %s)", (repository,))
    job = do(lambda rpc: rpc.claim())
    assert isinstance(job, Job)
    return job


def found(
    folder: Path,
    name: str,
    symbols: int = 2,
    *,
    base: StoredIndex | None = None,
    gone: Sequence[int] = (),
    **stats: int,
) -> NewIndex:
    """Returns an index of one file with this name, in its own commit."""
    folder.mkdir(exist_ok=True)
    (folder / "files").write_text(f"1\t{name}\tPython\t10\t{'0' * 40}\t{symbols}\n")
    lines = [f"1\tf{n}\tfunction\t{n}\t{n}\t\\N\n" for n in range(1, symbols + 1)]
    (folder / "symbols").write_text("".join(lines))
    (folder / "skipped").write_text("logo.png\tbinary\n")
    (folder / "gone").write_text("".join(f"{id_}\n" for id_ in gone))
    figures = {"files_indexed": 1, "files_skipped": 0, "symbols_extracted": symbols} | stats
    commit = hashlib.sha1(f"{name} {symbols}".encode()).hexdigest()
    files, symbols_, skipped, gone = (folder / n for n in ("files", "symbols", "skipped", "gone"))
    return NewIndex(files, symbols_, skipped, gone, base, commit, figures)


def complete(do: Do, job: Job, index: NewIndex | StoredIndex, extractor: str = "x") -> bool:
    def progress() -> Progress:
        return Progress("symbols", 1, 1)

    done = do(lambda rpc: rpc.complete_index(job, index, extractor=extractor, progress=progress))
    assert isinstance(done, bool)
    return done


def read_stored(do: Do, job: Job, folder: Path, extractor: str = "x") -> StoredIndex | None:
    known = folder / "known"
    repository = do(lambda rpc: rpc.begin_index(job, extractor=extractor, known=known))
    assert repository.git_url == "/a/b"
    stored = repository.stored
    assert stored is None or isinstance(stored, StoredIndex)
    return stored


def file_ids(sql: psycopg.Connection[TupleRow]) -> dict[str, int]:
    return dict(sql.execute("select path, id from public.indexed_files").fetchall())


def state(sql: psycopg.Connection[TupleRow], job: Job) -> Any:
    return sql.execute(
        "select j.status::text, j.version,"
        " (select string_agg(f.path, ' ') from public.indexed_files as f),"
        " (select count(*) from public.symbols)"
        " from public.index_jobs as j where j.id = %s",
        (job.id,),
    ).fetchone()


def test_rows_and_status_are_committed_together(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "a.py"))
    status, _, paths, symbols = state(sql, job)
    assert (status, paths, symbols) == ("completed", "a.py", 2)


def test_fenced_worker_stores_nothing(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    earlier = claimed(do, sql, repository)
    complete(do, earlier, found(tmp_path, "kept.py"))
    late = claimed(do, sql, repository)
    do(lambda rpc: rpc.hand_back(late))
    owner = claimed(do, sql, None)
    assert (owner.id, owner.attempt) == (late.id, 2)
    with pytest.raises(LostError) as lost:
        complete(do, late, found(tmp_path, "late.py"))
    refused = lost.value.__cause__
    assert isinstance(refused, psycopg.Error)
    assert (refused.sqlstate, refused.diag.message_detail) == ("PT409", "stale_attempt")
    assert state(sql, owner)[2:] == ("kept.py", 2)
    complete(do, owner, found(tmp_path, "new.py"))
    assert state(sql, owner)[2:] == ("new.py", 2)


def test_repeat_after_a_lost_response_changes_nothing(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "a.py"))
    before = state(sql, job)
    complete(do, job, found(tmp_path, "a.py"))
    assert state(sql, job) == before


def test_repeat_does_not_restore_rows_replaced_by_a_later_job(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    complete(do, job, found(tmp_path, "old.py"))
    later = claimed(do, sql, repository)
    complete(do, later, found(tmp_path, "new.py", symbols=5))
    complete(do, job, found(tmp_path, "old.py"))
    assert state(sql, job)[2:] == ("new.py", 5)


def test_stats_that_do_not_match_the_rows_are_rejected(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    job = claimed(do, sql, repository)
    with pytest.raises(psycopg.Error) as refused:
        complete(do, job, found(tmp_path, "a.py", symbols_extracted=3))
    assert refused.value.diag.message_detail == "rows_missing"
    assert state(sql, job)[0] == "processing"
    assert state(sql, job)[2:] == (None, 0)


def test_only_changed_rows_are_written(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    first = claimed(do, sql, repository)
    complete(do, first, found(tmp_path, "kept.py"))
    second = claimed(do, sql, repository)
    base = read_stored(do, second, tmp_path)
    complete(do, second, found(tmp_path, "old.py", base=base, files_indexed=2, symbols_extracted=4))
    before = file_ids(sql)
    third = claimed(do, sql, repository)
    base = read_stored(do, third, tmp_path)
    assert base is not None
    assert base.job_id == second.id
    kept = f"{before['kept.py']}\tkept.py\tPython\t10\t{'0' * 40}\t2"
    assert kept in base.known.read_text().splitlines()
    index = found(
        tmp_path,
        "new.py",
        symbols=3,
        base=base,
        gone=[before["old.py"]],
        files_indexed=2,
        symbols_extracted=5,
    )
    assert complete(do, third, index)
    assert state(sql, third)[::3] == ("completed", 5)
    after = file_ids(sql)
    assert (set(after), after["kept.py"]) == ({"kept.py", "new.py"}, before["kept.py"])
    rows = sql.execute("select path, job_id::text from public.indexed_files order by path")
    assert rows.fetchall() == [("kept.py", first.id), ("new.py", third.id)]


def test_change_on_an_outdated_base_is_rejected_and_stores_nothing(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    complete(do, claimed(do, sql, repository), found(tmp_path, "a.py"))
    slow = claimed(do, sql, repository)
    base = read_stored(do, slow, tmp_path)
    fast = claimed(do, sql, repository)
    complete(do, fast, found(tmp_path, "b.py"))
    before = state(sql, slow), file_ids(sql)
    change = found(tmp_path, "c.py", base=base, files_indexed=2, symbols_extracted=4)
    assert not complete(do, slow, change)
    assert base is not None
    assert not complete(do, slow, base)
    assert (state(sql, slow), file_ids(sql)) == before
    assert complete(do, slow, found(tmp_path, "c.py"))
    assert state(sql, slow)[::2] == ("completed", "c.py")


def test_same_commit_is_completed_from_stored_rows(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    first = claimed(do, sql, repository)
    index = found(tmp_path, "a.py", files_unchanged=0, bytes=10)
    complete(do, first, index)
    ids = file_ids(sql)
    same, raced = claimed(do, sql, repository), claimed(do, sql, repository)
    base = read_stored(do, same, tmp_path)
    assert base is not None
    assert complete(do, same, base)
    assert complete(do, raced, index)  # it had started before anything was stored
    stats = index.stats | {"files_unchanged": 1, "reused": True, "reused_job_id": first.id}
    for job in (same, raced):
        row = sql.execute(
            "select status::text, commit_sha, stats from public.index_jobs where id = %s", (job.id,)
        ).fetchone()
        assert row == ("completed", index.commit_sha, stats)
        assert complete(do, job, base)  # a repeat after a lost response
    assert file_ids(sql) == ids


def test_rows_of_another_extractor_or_modified_ones_are_not_a_base(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    complete(do, claimed(do, sql, repository), found(tmp_path, "a.py"))
    ids = file_ids(sql)
    job = claimed(do, sql, repository)
    assert read_stored(do, job, tmp_path) is not None
    assert read_stored(do, job, tmp_path, extractor="y") is None
    assert complete(do, job, found(tmp_path, "a.py"), extractor="y")
    assert file_ids(sql).keys() == ids.keys()
    assert file_ids(sql) != ids
    again = claimed(do, sql, repository)
    sql.execute("delete from public.indexed_files")
    assert read_stored(do, again, tmp_path, extractor="y") is None
    assert complete(do, again, found(tmp_path, "a.py"), extractor="y")
    assert state(sql, again)[2:] == ("a.py", 2)


def test_unparsable_file_is_not_listed_as_known(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    index = found(tmp_path, "a.py", symbols=0)
    index.files.write_text(index.files.read_text().replace("\t0\n", "\t\\N\n"))
    complete(do, claimed(do, sql, repository), index)
    base = read_stored(do, claimed(do, sql, repository), tmp_path)
    assert base is not None
    assert base.known.read_text() == ""


def test_unparsable_file_is_replaced_by_the_next_job(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, tmp_path: Path
) -> None:
    index = found(tmp_path / "1", "a.py", symbols=0)
    index.files.write_text(index.files.read_text().replace("\t0\n", "\t\\N\n"))
    complete(do, claimed(do, sql, repository), index)
    second = claimed(do, sql, repository)
    base = read_stored(do, second, tmp_path)
    assert complete(do, second, found(tmp_path / "2", "a.py", symbols=3, base=base))
    assert state(sql, second)[2:] == ("a.py", 3)
    third = claimed(do, sql, repository)
    base = read_stored(do, third, tmp_path)
    assert base is not None
    assert base.known.read_text().endswith("\t3\n")


@pytest.mark.parametrize("error", ["a\0b", "a\ud800b", "a\udcff\0b", "\0", "caf\u00e9 \U0001f600"])
@pytest.mark.parametrize("is_final", [True, False])
def test_error_with_unstorable_text_ends_the_attempt(
    do: Do,
    sql: psycopg.Connection[TupleRow],
    repository: str,
    error: str,
    is_final: bool,
) -> None:
    job = claimed(do, sql, repository)
    if is_final:
        do(lambda rpc: rpc.finish(job, "failed", {"error": error}))
    else:
        do(lambda rpc: rpc.fail_attempt(job, error))
    kept = sql.execute(
        "select coalesce(j.error_message, j.last_error) from public.index_jobs as j"
        " where j.id = %s and (j.status = 'failed' or j.retry_at is not null)",
        (job.id,),
    ).fetchone()
    assert kept == (re.sub("[\0\ud800-\udfff]", "\ufffd", error),)


def test_unstorable_text_in_json_is_replaced_at_every_level() -> None:
    told = {"a\0": ["\ud800", {"b": "\0"}, 1, None], "c": ("d", True)}
    made = {"a\ufffd": ["\ufffd", {"b": "\ufffd"}, 1, None], "c": ["d", True]}
    assert storable(told) == made


@pytest.mark.parametrize(
    ("call", "sqlstate"),
    [
        (r"""update_job_status(%(job)s, 'failed', '{"error": "a\u0000b"}', 1)""", "22P05"),
        (r"""update_job_status(%(job)s, 'failed', '{"error": "a\ud800b"}', 1)""", "22P02"),
        (r"""fail_job_attempt(%(job)s, 1, convert_from('\x00', 'UTF8'), true)""", "22021"),
        (r"""complete_index(%(job)s, 1, null, 'x', null, null, '{"a": "\u0000"}')""", "22P05"),
    ],
)
def test_foreign_worker_can_repeat_a_rejected_report_without_such_text(
    do: Do, sql: psycopg.Connection[TupleRow], repository: str, call: str, sqlstate: str
) -> None:
    job = claimed(do, sql, repository)
    with pytest.raises(psycopg.Error) as refused:
        sql.execute(f"select public.{call}".encode(), {"job": job.id})
    assert refused.value.sqlstate == sqlstate
    sql.execute(
        """select public.update_job_status(%s, 'failed', '{"error": "ab"}', 1)""", (job.id,)
    )
    assert state(sql, job)[0] == "failed"


def test_each_transaction_behind_a_pooler_has_the_session_settings(
    database: Database, sql: psycopg.Connection[TupleRow], proving: bool
) -> None:
    wanted = {**SETTINGS, "statement_timeout": "10s", "transaction_isolation": "read committed"}
    # the timeout of an unused session is the pooler's concern
    set_for(sql, "index_jobs_worker", database.name, but="idle_session_timeout")

    async def show(connection: psycopg.AsyncConnection[TupleRow]) -> Any:
        query = "select jsonb_object_agg(s, current_setting(s)) from unnest(%s::text[]) as s"
        row = await (await connection.execute(query, (list(wanted),))).fetchone()
        return row and row[0]

    async def ask(url: str) -> list[Any]:
        async with Connections(url, slots=1, timings=Timings()) as connections:
            found = []
            for _ in range(6):  # enough for the pooler to switch sessions
                async with connections.acquire() as connection:
                    found.append(await show(connection))
                found.append(await connections.persist(show))
            return found

    for through in (pooler, pgbouncer) if proving else (pooler,):
        with through(database.worker_url) as url:
            assert asyncio.run(ask(url)) == [wanted] * 12
