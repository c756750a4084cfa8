"""Four API processes and four runners behind PgBouncer in transaction mode."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from cli.users import create_api_key
from tests.support import pooled
from tests.support.databases import Cluster, Database
from tests.support.pooler import pgbouncer_of
from tests.support.repositories import commit
from tests.support.waiting import until

PROGRAM = Path(sys.executable).with_name("index-jobs")
JOBS = 60
TENANTS = 3


@dataclass(frozen=True)
class Machines:
    """The processes, their database, and the folder with repositories."""

    urls: list[str]
    runners: list[subprocess.Popen[bytes]]
    database: Database
    folder: Path


@pytest.fixture(params=[18, 15])
def machines(
    request: pytest.FixtureRequest, clusters: Callable[..., Cluster], tmp_path: Path
) -> Iterator[Machines]:
    cluster = clusters(request.param)
    commit(tmp_path / "repository", {"a.py": "class A:\n    def f(self): ...\n"})
    roots = str(tmp_path)
    with (
        cluster.database("ordinary", migrated=True) as direct,
        pgbouncer_of(cluster.server, cluster.logins) as port,
        ExitStack() as at_exit,
    ):
        database = replace(direct, pooler=port)
        api = {
            "api_database_url": database.api_url,
            "database_prepared_statements": False,
            "local_repository_roots": roots,
        }
        urls = at_exit.enter_context(pooled.processes(api, []))
        runners = [
            at_exit.enter_context(runner(database.worker_url, tmp_path / f"run{n}", roots))
            for n in range(4)
        ]
        yield Machines(urls, runners, database, tmp_path)


@contextmanager
def runner(url: str, folder: Path, roots: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `index-jobs work`. Its log must have no errors."""
    folder.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "WORKER_DATABASE_URL": url,
        "LOCAL_REPOSITORY_ROOTS": roots,
        "RUN_DIR": str(folder / "run"),
        "RUNNER_CONCURRENCY": "2",
        "RUNNER_LEASE_SECONDS": "5",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "work"], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [line for line in lines if line["level"] in {"error", "critical"}] == []


def keys(database: Database) -> list[str]:
    """Creates API keys of new users without a limit."""
    made = []
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into private.tiers values ('unlimited', 10000000)")
        for _ in range(TENANTS):
            user = str(uuid4())
            connection.execute("insert into auth.users (id) values (%s)", (user,))
            connection.execute("insert into private.accounts values (%s, 'unlimited')", (user,))
            made.append(str(create_api_key(connection, user, "k")["api_key"]))
    return made


def test_every_job_ends_once_across_all_processes(machines: Machines) -> None:
    tenants = keys(machines.database)

    def ask(number: int, method: str, path: str, **arguments: Any) -> httpx2.Response:
        url = machines.urls[number % len(machines.urls)]
        headers = {"Authorization": f"Bearer {tenants[number % TENANTS]}"}
        headers |= arguments.pop("headers", {})
        return httpx2.request(method, url + path, headers=headers, timeout=60, **arguments)

    def make(number: int) -> str:
        """Sends the same request to two processes at once. Returns the one job."""
        body = {"repository": f"a/r{number}", "localPath": str(machines.folder / "repository")}
        arguments: dict[str, Any] = {"json": body, "headers": {"Idempotency-Key": str(number)}}
        turns = (number, number + TENANTS)  # the same tenant at two processes
        with ThreadPoolExecutor(2) as pair:
            answers = list(pair.map(lambda turn: ask(turn, "POST", "/index", **arguments), turns))
        assert {answer.status_code for answer in answers} == {202}, answers[0].text
        (job,) = {answer.json()["jobId"] for answer in answers}
        return str(UUID(job))

    def end(number: int, job: str) -> str:
        """Follows the job at one process after the other."""
        turn = number
        while True:
            turn += TENANTS
            answer = ask(turn, "GET", f"/jobs/{job}", headers={"Prefer": "wait=5"})
            assert answer.status_code == 200, answer.text
            if (status := str(answer.json()["status"])) not in {"pending", "processing"}:
                return status

    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(make, range(JOBS)))
        cancelled = range(JOBS - 6, JOBS)
        for number in cancelled:
            assert ask(number, "DELETE", f"/jobs/{jobs[number]}").status_code in {200, 202, 409}
        killed, stopped, *_ = machines.runners
        until(lambda: counted(machines.database, "completed") >= 5)
        killed.send_signal(signal.SIGKILL)
        stopped.send_signal(signal.SIGTERM)
        statuses = list(threads.map(end, range(JOBS), jobs))

    assert Counter(statuses[: JOBS - 6]) == {"completed": JOBS - 6}
    assert set(statuses[JOBS - 6 :]) <= {"cancelled", "completed"}
    with psycopg.connect(machines.database.url) as connection:
        ends = connection.execute(
            "select e.job_id::text, count(*) from public.index_job_events as e"
            " where e.to_status in ('completed', 'cancelled') and e.from_status <> e.to_status"
            " group by 1"
        ).fetchall()
        (runners,) = connection.execute("select count(*) from private.runners").fetchone() or (0,)
        (stored,) = connection.execute("select count(*) from public.indexed_files").fetchone() or (
            0,
        )
    assert sorted(ends) == sorted((job, 1) for job in jobs)
    assert runners == 4
    assert stored == statuses.count("completed")


def test_statements_prepared_by_another_process_cause_no_500(
    clusters: Callable[..., Cluster],
) -> None:
    """Requests are served even with prepared statements on, behind a pooler that keeps none."""
    cluster = clusters(18)
    with (
        cluster.database("ordinary", migrated=True) as direct,
        pgbouncer_of(cluster.server, cluster.logins) as port,
        pooled.processes({"api_database_url": replace(direct, pooler=port).api_url}, []) as urls,
        ThreadPoolExecutor(16) as threads,
    ):
        (key, *_) = keys(direct)
        headers = {"Authorization": f"Bearer {key}"}
        paths = ["/jobs", "/jobs/counts", f"/jobs/{uuid4()}", "/index"]

        def ask(number: int) -> int:
            path, url = paths[number // 4 % 4], urls[number % 4]
            if path != "/index":
                return httpx2.get(url + path, headers=headers, timeout=60).status_code
            body = {"repository": f"a/r{number}"}
            return httpx2.post(url + path, json=body, headers=headers, timeout=60).status_code

        assert set(threads.map(ask, range(600))) == {200, 202, 404}


def counted(database: Database, status: str) -> int:
    with psycopg.connect(database.url) as connection:
        row = connection.execute(
            "select count(*) from public.index_jobs where status::text = %s", (status,)
        ).fetchone()
    return row[0] if row else 0
