"""The queue workers of this project index real repositories."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from db.tools import bridges
from tests.queues.conftest import HERE, add_pg_boss, add_procrastinate, create, node, state_of
from tests.support.databases import Database, NewDatabase
from tests.support.repositories import commit
from tests.support.waiting import until

BIN = Path(sys.executable).parent
INDEX_JOBS = BIN / "index-jobs"
EXAMPLE = HERE.parents[1] / "docs/examples/pg-boss-worker.mjs"

Environment = Callable[[Database], dict[str, str]]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Makes alice's repository a real one. Returns the environment of a worker."""
    commit(tmp_path / "app", {"shop.py": "class Shop: ...\n"})

    def of(database: Database) -> dict[str, str]:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("select tests.arrange_cast()")
            connection.execute(
                "update public.repositories set git_url = %s where id = tests.alice_repository()",
                (str(tmp_path / "app"),),
            )
        return os.environ | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "RUN_DIR": str(tmp_path / "run"),
            "LOCAL_REPOSITORY_ROOTS": str(tmp_path),
            "WORKER_DATABASE_URL": database.worker_url,
        }

    return of


@contextmanager
def running(command: list[str], folder: Path, of: dict[str, str]) -> Iterator[subprocess.Popen]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=of, stdout=output, stderr=output)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (folder / "output").read_text()
    finally:
        process.kill()
        process.wait()


def test_pg_boss_example_completes_and_fails_jobs(
    new_database: NewDatabase, plans: str, scripts: Path, environment: Environment
) -> None:
    database = new_database()
    add_pg_boss(database, plans)
    bridges.install(database.migrator_url, "pg-boss")
    shutil.copy(EXAMPLE, scripts)
    of = environment(database)
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        running([node(), EXAMPLE.name], scripts, of),
    ):
        good, bad = create(connection), create(connection, "gone")
        until(lambda: state_of(connection, good) == ("completed", 1, "completed"), limit=120)
        until(lambda: state_of(connection, bad) == ("failed", 1, "failed"), limit=120)
        rows = connection.execute("select path, job_id from public.indexed_files").fetchall()
        assert rows == [("shop.py", good)]


def test_one_run_of_a_queue_is_worked_once(
    new_database: NewDatabase, environment: Environment
) -> None:
    database = new_database()
    of = environment(database)
    with psycopg.connect(database.url, autocommit=True) as connection:
        job = create(connection)

        def run(queue_attempt: int) -> tuple[int, dict[str, str | None]]:
            done = subprocess.run(
                [INDEX_JOBS, "work", "--job", str(job), "--queue-attempt", str(queue_attempt)],
                env=of, stdout=subprocess.PIPE, check=False, timeout=120, text=True,
            )  # fmt: skip
            return done.returncode, json.loads(done.stdout)

        connection.execute(
            "select public.begin_queue_attempt(%(job)s, %(job)s, 1, gen_random_uuid()::text)",
            {"job": job},
        )
        assert run(0) == (75, {"status": None, "error": "This run of the job is over."})
        assert run(2) == (0, {"status": "completed", "error": None})


def test_procrastinate_worker_is_woken_by_a_new_job(
    new_database: NewDatabase, tmp_path: Path, environment: Environment
) -> None:
    database = new_database()
    add_procrastinate(database)
    bridges.install(database.migrator_url, "procrastinate")
    of = environment(database)
    command = [str(INDEX_JOBS), "work", "--by", "procrastinate"]
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        running(command, tmp_path, of),
    ):
        job = create(connection)
        status = "select j.status::text from public.index_jobs as j where j.id = %s"
        until(lambda: connection.execute(status, (job,)).fetchone() == ("completed",), limit=120)
        rows = connection.execute("select path, job_id from public.indexed_files").fetchall()
        assert rows == [("shop.py", job)]
