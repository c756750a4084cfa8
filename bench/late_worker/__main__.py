"""A worker loses its job to another and then reports `completed`. Which projects accept it?

    python -m bench.late_worker

Runs the same scenario on a separate embedded server: on this project, on pg-boss (npm) and on
procrastinate (PyPI), each in its own database and through its public functions. Prints
each response and the final state. Exit code 1: this project accepted the late worker.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import procrastinate
import psycopg
from procrastinate.jobs import Status

from cli.dev import stack
from db.local import postgres
from tests.support.fetch import node_modules

HERE = Path(__file__).parent


def ours(url: str) -> str:
    """Returns responses and final state of this project."""
    with psycopg.connect(url, autocommit=True) as connection:
        stack.prepare(stack.Database(url, None))
        connection.execute("insert into auth.users (id) values (gen_random_uuid())")
        connection.execute(
            "insert into public.repositories (full_name, git_url, owner_user_id)"
            " select 'a/b', '/x', u.id from auth.users as u"
        )
        connection.execute(
            "select from public.repositories as r"
            " cross join lateral public.create_index_job(p_repository_id => r.id) as j"
        )
        workers = {"first": str(uuid4()), "second": str(uuid4())}
        job, first = _claim(connection, workers["first"], "1 millisecond")
        second = None
        while second is None:
            second = _claim(connection, workers["second"], "1 minute")
        late = _complete(connection, job, first, "first", workers["first"])
        owner = _complete(connection, job, second[1], "second", workers["second"])
        row = connection.execute(
            "select j.status::text, j.stats ->> 'by' from public.index_jobs as j"
        ).fetchone()
        assert row is not None
    return _line(f"this project {version('index-jobs')}", late, owner, *row)


def _claim(connection: psycopg.Connection[Any], worker: str, lease: str) -> Any:
    return connection.execute(
        "select j.id, j.attempt from public.claim_index_job(p_worker_id => %s, p_lease => %s) as j",
        (worker, lease),
    ).fetchone()


def _complete(
    connection: psycopg.Connection[Any], job: Any, attempt: int, name: str, worker: str
) -> str:
    try:
        connection.execute(
            "select from public.update_job_status(p_job_id => %s, p_status => 'completed',"
            " p_metadata => %s, p_attempt => %s, p_worker_id => %s)",
            (job, json.dumps({"stats": {"by": name}}), attempt, worker),
        )
    except psycopg.Error as error:
        return f"refused, {error.sqlstate} {error.diag.message_detail}"
    return "accepted"


def pg_boss(url: str) -> list[str]:
    """Returns those of pg-boss, with the id alone and with the attempt too."""
    with tempfile.TemporaryDirectory(prefix="index-jobs-") as folder:
        shutil.copy(HERE / "pg_boss.mjs", folder)
        Path(folder, "node_modules").symlink_to(node_modules(HERE.parent / "queues"))
        done = subprocess.run(
            [Path(sys.executable).with_name("node"), "pg_boss.mjs", url],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    said = json.loads(done.stdout)
    return [
        _line(
            f"pg-boss {said['version']}, complete({how})",
            _affected(said[key]["late"]),
            _affected(said[key]["owner"]),
            said[key]["state"],
            said[key]["result"],
        )
        for key, how in (("by_id", "id"), ("by_attempt", "id and retryCount"))
    ]


def _affected(rows: int) -> str:
    return "accepted" if rows else "refused, 0 rows"


async def procrastinates(url: str) -> str:
    """Returns those of procrastinate."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.configure_task("index").defer_async()
        jobs = app.job_manager
        first = await jobs.fetch_job(None, await jobs.register_worker())
        assert first is not None
        stalled: list[Any] = []
        while not stalled:
            stalled = list(await jobs.get_stalled_jobs(seconds_since_heartbeat=0.001))
        await jobs.retry_job(stalled[0])
        second = await jobs.fetch_job(None, await jobs.register_worker())
        assert second is not None
        assert second.id == first.id
        said = []
        for job, status in ((first, Status.SUCCEEDED), (second, Status.FAILED)):
            try:
                await jobs.finish_job(job, status=status, delete_job=False)
                said.append("accepted")
            except procrastinate.exceptions.ConnectorException as error:
                said.append(f"refused, {error.__cause__}".partition("\n")[0])
        assert first.id is not None
        end = await jobs.get_job_status_async(first.id)
    by = "first" if end == Status.SUCCEEDED else "second"
    late, owner = said
    return _line(f"procrastinate {version('procrastinate')}", late, owner, end.value, by)


def _line(who: str, late: str, owner: str, status: str, result: str) -> str:
    return f"| {who} | {late} | {owner} | {status}, by the {result} |"


def main() -> int:
    with postgres.temporary(settings={"fsync": "off"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for name in ("ours", "boss", "procrastinate"):
                connection.execute(f"create database {name}".encode())
        own = ours(server.url("ours"))
        print("| system | the late worker | the worker that has the job | final state |")
        print("|---|---|---|---|")
        print(own)
        for line in pg_boss(server.url("boss")):
            print(line)
        print(asyncio.run(procrastinates(server.url("procrastinate"))))
    return 0 if "stale_attempt" in own else 1


if __name__ == "__main__":
    sys.exit(main())
