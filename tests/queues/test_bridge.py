"""The bridge to pg-boss: both sides create, change and end jobs together."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from db.tools import bridges, doctor
from tests.queues.conftest import (
    Connection,
    add_pg_boss,
    add_procrastinate,
    cancel,
    create,
    node,
    said,
    state_of,
    working,
)
from tests.support.databases import Database, NewDatabase
from tests.support.waiting import until

INDEX_JOBS = Path(sys.executable).with_name("index-jobs")
# the same statements as in pg-boss's plans.js
FETCH = """
update pgboss.job as j set state = 'active', started_on = now(), heartbeat_on = now(),
  retry_count = case when started_on is not null then retry_count + 1 else retry_count end
where j.name = 'index_jobs' and j.id = %s and j.state < 'active'
returning j.retry_count
"""
FAIL = """
with gone as (delete from pgboss.job as j where j.id = %(job)s returning *)
insert into pgboss.job (id, name, data, state, retry_limit, retry_count, started_on, created_on,
  keep_until, output, start_after, heartbeat_seconds, group_id)
select id, name, data,
  case when retry_count < retry_limit then 'retry' else 'failed' end::pgboss.job_state,
  retry_limit, retry_count, started_on, created_on, keep_until, %(output)s::jsonb,
  now() + interval '1 hour', heartbeat_seconds, group_id
from gone
"""


def fetch(connection: Connection, job: UUID) -> int:
    row = connection.execute(FETCH, (job,)).fetchone()
    assert row is not None
    return int(row[0])


def begin(connection: Connection, job: UUID, run: int, worker: UUID) -> int:
    row = connection.execute(
        "select j.attempt from public.begin_queue_attempt(p_job_id => %(job)s,"
        " p_queue_job_id => %(job)s, p_queue_attempt => %(run)s, p_worker_id => %(worker)s) as j",
        {"job": job, "run": run, "worker": str(worker)},
    ).fetchone()
    assert row is not None
    return int(row[0])


def complete(connection: Connection, job: UUID, attempt: int) -> None:
    connection.execute(
        "select public.update_job_status(p_job_id => %s, p_status => 'completed', p_attempt => %s)",
        (job, attempt),
    )


def reconcile(connection: Connection) -> list[tuple[str, UUID]]:
    rows = connection.execute("select r.kind, r.job_id from public.reconcile_queue_jobs() as r")
    return [(kind, job) for kind, job in rows]


def test_pg_boss_worker_completes_a_job(
    connection: Connection, shared: Database, scripts: Path
) -> None:
    job = create(connection)
    assert state_of(connection, job) == ("pending", 0, "created")
    with working([node(), "worker.mjs", "work"], scripts, shared.worker_url) as worker:
        assert set(said(worker)) == {"ready"}
        assert said(worker)["job"] == str(job)
        until(lambda: state_of(connection, job) == ("completed", 1, "completed"))
    assert reconcile(connection) == []


def test_job_and_queue_row_are_created_in_one_transaction(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        lost = create(connection)
        assert state_of(connection, lost) == ("pending", 0, "created")
    assert state_of(connection, lost) == (None, None, None)
    job = create(connection)
    row = connection.execute(
        "select b.data, b.group_id, j.queue_job_id from pgboss.job as b"
        " join public.index_jobs as j on j.id = b.id where b.name = 'index_jobs'"
    ).fetchone()
    assert row is not None
    assert row[0]["indexJobId"] == str(job)
    assert set(row[0]) == {"indexJobId", "repositoryId", "commitSha"}
    assert row[1:] == ("00000000-0000-4000-8000-0000000000a1", job)


def test_no_job_is_created_when_the_queue_is_missing(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("delete from pgboss.queue where name = 'index_jobs'")
        with pytest.raises(psycopg.errors.RaiseException, match="no queue index_jobs"):
            create(connection)


def test_each_state_is_mirrored(connection: Connection) -> None:
    job, worker = create(connection), uuid4()
    assert fetch(connection, job) == 0
    assert state_of(connection, job) == ("processing", 1, "active")
    assert begin(connection, job, 0, worker) == 1
    connection.execute(FAIL, {"job": job, "output": '{"message": "The host is down."}'})
    row = connection.execute(
        "select status::text, last_error, retry_at > clock_timestamp() + interval '50 minutes'"
        " from public.index_jobs"
    ).fetchone()
    assert row == ("processing", "The host is down.", True)
    assert fetch(connection, job) == 1
    assert state_of(connection, job) == ("processing", 2, "active")
    assert begin(connection, job, 1, worker) == 2
    complete(connection, job, 2)
    assert state_of(connection, job) == ("completed", 2, "active")
    connection.execute("update pgboss.job set state = 'completed' where id = %s", (job,))
    assert reconcile(connection) == []


def test_expired_attempt_is_lost_and_its_worker_is_rejected(
    connection: Connection,
) -> None:
    job, first, second = create(connection), uuid4(), uuid4()
    assert begin(connection, job, fetch(connection, job), first) == 1
    connection.execute(FAIL, {"job": job, "output": '{"value": {"message": "job timed out"}}'})
    with pytest.raises(psycopg.Error) as refused:
        complete(connection, job, 1)
    assert refused.value.diag.message_detail == "stale_attempt"
    assert begin(connection, job, fetch(connection, job), second) == 2
    with pytest.raises(psycopg.Error) as late:
        begin(connection, job, 0, first)
    assert late.value.diag.message_detail == "stale_attempt"
    row = connection.execute("select last_error from public.index_jobs").fetchone()
    assert row == ("the worker was lost",)


def test_job_fails_when_the_queue_gives_up(connection: Connection) -> None:
    job = create(connection)
    for run in range(3):
        assert fetch(connection, job) == run
        connection.execute(FAIL, {"job": job, "output": f'{{"message": "No {run}."}}'})
    row = connection.execute(
        "select status::text, attempt, error_message from public.index_jobs"
    ).fetchone()
    assert row == ("failed", 3, "No 2.")


def test_end_of_a_job_ends_its_queue_row(connection: Connection) -> None:
    waiting, running, deleted = (create(connection) for _ in range(3))
    cancel(connection, waiting)
    assert state_of(connection, waiting) == ("cancelled", 0, "cancelled")
    attempt = begin(connection, running, fetch(connection, running), uuid4())
    connection.execute(
        "select public.fail_job_attempt(%s, %s, 'There is no such ref.', false)", (running, attempt)
    )
    assert state_of(connection, running) == ("failed", 1, "failed")
    connection.execute("delete from public.index_jobs where id = %s", (deleted,))
    assert state_of(connection, deleted) == (None, None, "cancelled")
    assert reconcile(connection) == []


def test_cancelled_queue_row_cancels_the_job(connection: Connection) -> None:
    job = create(connection)
    fetch(connection, job)
    connection.execute("update pgboss.job set state = 'cancelled', completed_on = now()")
    assert state_of(connection, job) == ("cancelled", 1, "cancelled")


def test_final_status_is_restored_in_the_queue_row(connection: Connection) -> None:
    job = create(connection)
    complete(connection, job, begin(connection, job, fetch(connection, job), uuid4()))
    connection.execute(FAIL, {"job": job, "output": '{"value": {"message": "job timed out"}}'})
    assert state_of(connection, job) == ("completed", 1, "completed")
    connection.execute("update pgboss.job set state = 'created', completed_on = null")
    assert state_of(connection, job) == ("completed", 1, "completed")


def test_queue_and_job_do_not_deadlock(connection: Connection, shared: Database) -> None:
    job = create(connection)
    attempt = begin(connection, job, fetch(connection, job), uuid4())
    with psycopg.connect(shared.url) as other:
        other.execute("select from pgboss.job where id = %s for update", (job,))
        connection.execute(
            "select public.fail_job_attempt(%s, %s, 'No such ref.', false)", (job, attempt)
        )
        assert state_of(connection, job) == ("failed", 1, "active")
        other.execute("update pgboss.job set state = 'completed' where id = %s", (job,))
    assert state_of(connection, job) == ("failed", 1, "failed")


def test_bridge_requires_pg_boss_of_a_supported_schema(
    new_database: NewDatabase, plans: str
) -> None:
    database = new_database()
    with psycopg.connect(database.url, autocommit=True) as connection:
        functions = "select count(*) from pg_proc where proname like '%pg_boss%'"
        with pytest.raises(bridges.BridgeError, match="pg-boss is not in this database"):
            bridges.install(database.migrator_url, "pg-boss")
        add_pg_boss(database, plans)
        (version,) = connection.execute("select version from pgboss.version").fetchone() or (0,)
        assert version in {43, 46}
        for other in (24, 42, 44, 45, 47):
            connection.execute("update pgboss.version set version = %s", (other,))
            with pytest.raises(bridges.BridgeError, match=f"pg-boss has schema {other} here"):
                bridges.install(database.migrator_url, "pg-boss")
        connection.execute("update pgboss.version set version = %s", (version,))
        with pytest.raises(bridges.BridgeError, match="by the role that migrates"):
            bridges.install(database.worker_url, "pg-boss")
        assert connection.execute(functions).fetchone() == (0,)
        assert connection.execute("select count(*) from pgboss.queue").fetchone() == (0,)


def differences(url: str) -> set[tuple[str, str]]:
    """Returns the doctor's findings about a bridge."""
    return {
        (found.check, found.object)
        for found in doctor.examine(url).findings
        if "index-jobs bridge install" in found.remedy
    }


def add_queue(database: Database, name: str, plans: str) -> None:
    if name == "pg-boss":
        add_pg_boss(database, plans)
    else:
        add_procrastinate(database)


@pytest.mark.parametrize(
    ("name", "trigger", "major", "owner"),
    [
        ("pg-boss", "index_jobs_mirror_pg_boss_job on pgboss.job", 15, "ordinary"),
        ("pg-boss", "index_jobs_mirror_pg_boss_job on pgboss.job", 17, "supabase"),
        ("pg-boss", "index_jobs_mirror_pg_boss_job on pgboss.job", 18, "superuser"),
        ("procrastinate", "index_jobs_wake_procrastinate on public.index_jobs", 17, "supabase"),
    ],
)
def test_doctor_finds_changes_of_a_bridge(
    new_database: NewDatabase, plans: str, name: str, trigger: str, major: int, owner: str
) -> None:
    database = new_database(major, owner)
    url = database.migrator_url
    add_queue(database, name, plans)
    assert differences(url) == set()
    before = doctor.examine(url).findings
    bridges.install(url, name)
    file = bridges.FOLDER / f"{name.replace('-', '_')}.json"
    assert bridges.snapshot(url, name) == file.read_text()
    assert doctor.examine(url).findings == before
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"drop trigger {trigger}".encode())
    assert differences(url) == {("trigger", trigger), ("trigger state", trigger)}
    bridges.install(url, name)
    assert doctor.examine(url).findings == before
    bridges.remove(url, name)
    assert doctor.examine(url).findings == before
    assert catalogue_names(url) & {trigger.partition(" ")[0], "reconcile_queue_jobs"} == set()


def catalogue_names(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select proname from pg_proc union select tgname from pg_trigger"
        ).fetchall()
    return {name for (name,) in rows}


def test_bridge_requires_procrastinate(new_database: NewDatabase) -> None:
    database = new_database()
    with pytest.raises(bridges.BridgeError, match="procrastinate is not in this database"):
        bridges.install(database.migrator_url, "procrastinate")
    with psycopg.connect(database.migrator_url, autocommit=True) as connection:
        connection.execute("create table public.procrastinate_jobs ()")
    with pytest.raises(bridges.BridgeError, match="this bridge needs procrastinate 3"):
        bridges.install(database.migrator_url, "procrastinate")
    assert "wake_procrastinate" not in catalogue_names(database.url)


def test_bridge_commands_print_what_they_do(new_database: NewDatabase, plans: str) -> None:
    database = new_database()

    def run(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [INDEX_JOBS, "bridge", *arguments, "--database-url", database.migrator_url],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    code, _, said = run("install", "pg-boss")
    assert (code, said.startswith("error: pg-boss is not in this database")) == (1, True)
    add_pg_boss(database, plans)
    bridges.install(database.migrator_url, "pg-boss")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("select tests.arrange_cast()")
        job = create(connection)
        connection.execute("delete from pgboss.job")
    code, told, _ = run("reconcile", "--json")
    assert (code, json.loads(told)) == (0, {
        "kind": "row_missing", "job_id": str(job),
        "was": "job pending, row gone", "became": "job pending, row created",
    })  # fmt: skip
    code, _, said = run("remove", "pg-boss")
    assert (code, said.startswith("error: the queue has 1 unfinished jobs")) == (1, True)
    bridges.remove(database.migrator_url, "pg-boss", unfinished=True)
    with pytest.raises(bridges.BridgeError, match="no bridge to a queue is installed"):
        bridges.reconcile(database.migrator_url)


@pytest.mark.parametrize(
    ("table", "happens"),
    [("pgboss.job", False), ("public.index_job_events", False), (None, False), ("", True)],
    ids=["before the row", "between the row and the event", "before the commit", "after it"],
)
def test_killed_creator_leaves_both_rows_or_neither(
    connection: Connection, shared: Database, table: str | None, happens: bool
) -> None:
    with (
        psycopg.connect(shared.url) as blocker,
        suppress(psycopg.Error),  # its session is gone at the end
        psycopg.connect(shared.url) as maker,
        ThreadPoolExecutor(1) as threads,
    ):
        pid = maker.info.backend_pid
        maker.execute("select")  # starts the transaction that will be killed
        if table:
            blocker.execute(f"lock table {table} in share row exclusive mode".encode())
        making = threads.submit(create, maker)
        waits = "select wait_event_type from pg_stat_activity where pid = %s"
        until(
            lambda: making.done() or connection.execute(waits, (pid,)).fetchone() == ("Lock",),
            limit=30,
        )
        if table == "":
            making.result()
            maker.commit()
        connection.execute("select pg_terminate_backend(%s)", (pid,))
        blocker.rollback()
        with suppress(psycopg.Error):
            making.result()
    until(
        lambda: connection.execute(
            "select from pg_stat_activity where pid = %s", (pid,)
        ).fetchone() is None,
        limit=30,
    )  # fmt: skip
    jobs = connection.execute("select j.id from public.index_jobs as j").fetchall()
    rows = connection.execute("select b.id from pgboss.job as b").fetchall()
    assert jobs == rows
    assert len(jobs) == happens
