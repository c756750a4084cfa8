"""A primary is killed under load and its standby is promoted.

Everything acknowledged to clients is compared with the promoted server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx2
import psycopg
import pytest
from psycopg.rows import TupleRow

from db.local.postgres import Server
from tests.support.distance import distance
from tests.support.ports import kept_port
from tests.support.repositories import commit
from tests.support.waiting import until
from tests.support.workspace import PROGRAM

from .conftest import USER, Shell, blocks

CLIENTS = 8
WORKERS = 6
SECONDS = 6.0
"""Seconds of load before the primary is killed, and again after the promotion."""
DISTANCE = 0.02
LOGIN = f"""
create role app_worker login password 'secret' in role job_worker;
grant connect on database app to app_worker;
insert into private.tiers values ('unlimited', 10000000);
insert into private.accounts values ('{USER}', 'unlimited');
"""
CLAIM = "select j.id::text, j.attempt from public.claim_index_job(%s, '3 seconds') as j"
END = "select from public.update_job_status(%s, 'completed', '{}', %s, %s)"


@dataclass
class Acknowledged:
    """What was acknowledged, and when: jobs to clients, by key, and ends to workers."""

    jobs: dict[str, tuple[str, float]] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def write(url: str, key: str, folder: Path, told: Acknowledged, until_set: threading.Event) -> None:
    """A client that creates one job after another and repeats requests without a 202."""
    client_id = uuid4()
    with httpx2.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        for number in count():
            once = f"{client_id}-{number}"
            body = {"repository": f"load/{once}", "localPath": str(folder)}
            while once not in told.jobs:
                answer = client.post("/index", json=body, headers={"Idempotency-Key": once})
                if answer.status_code == 202:
                    told.jobs[once] = answer.json()["jobId"], time.monotonic()
                elif answer.status_code == 503:
                    time.sleep(0.1)
                else:
                    told.faults.append(answer.text)
                    return
            if until_set.is_set():
                return
            time.sleep(0.02)


def work(url: str, told: Acknowledged, until_set: threading.Event) -> None:
    """A third-party worker that claims and completes jobs, and reconnects after errors."""
    worker = str(uuid4())
    while not until_set.is_set():
        with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
            while not until_set.is_set():
                row = connection.execute(CLAIM, (worker,)).fetchone()
                if row is None:
                    time.sleep(0.05)
                    continue
                connection.execute(END, (*row, worker))
                told.ends[row[0]] = time.monotonic()
        time.sleep(0.1)


@contextmanager
def threads(number: int, target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Runs the target in this many threads. Sets the event passed to it at the end."""
    over = threading.Event()
    running = [
        threading.Thread(target=target, args=(*arguments, over), daemon=True) for _ in range(number)
    ]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in running:
            thread.join(60)


def kill_hard(server: Server) -> None:
    """Simulates a power failure: kills all processes of the server at once."""
    os.kill(server.pid, signal.SIGSTOP)  # so that it does not see its children die
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for process in (*map(int, children), server.pid):
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    ("is_synchronous", "seconds"),
    [(True, DISTANCE), (False, 0.0), (False, DISTANCE)],
    ids=["synchronous", "asynchronous", "asynchronous-far"],
)
def test_acknowledged_work_survives_a_failover(
    shell: Callable[..., Shell],
    tmp_path: Path,
    record_property: Callable[[str, str], None],
    is_synchronous: bool,
    seconds: float,
) -> None:
    (_, login), (_, standby), (_, api), (_, promote) = blocks("Failover")
    commit(tmp_path / "repository", {"a.py": "def a(): ...\n"})
    told = Acknowledged()
    with kept_port() as port, kept_port() as api_port:
        here = shell(
            18,
            {"db2.example.com:5432": f"127.0.0.1:{port}"},
            fsync="on",
            wal_level="replica",
            max_wal_senders="4",
        )
        here.sql(login)
        here.sql(LOGIN)
        typed = {"PGDATA": str(here.folder / "standby"), "PGPORT": str(port)}
        with distance(here.server.port, seconds) as way:
            far = {**here.changes, "db1.example.com:5432": f"127.0.0.1:{way.port}"}
            replace(here, changes=far).run(standby, lent=True, **typed)
            try:
                replicate(here.server, is_synchronous=is_synchronous)
                url = f"http://127.0.0.1:{api_port}"
                roots = {"PORT": str(api_port), "LOCAL_REPOSITORY_ROOTS": str(tmp_path)}
                both = here.put(api.split("'")[1]).replace("app_api", "app_worker")
                with (
                    here.api(api, url, **roots) as client,
                    runner(both, tmp_path),
                    threads(WORKERS, work, both, told),
                ):
                    key = client.headers["authorization"].removeprefix("Bearer ")
                    with threads(CLIENTS, write, url, key, tmp_path / "repository", told):
                        time.sleep(SECONDS)
                        kill_hard(here.server)
                        killed = time.monotonic()
                        way.cut()
                        here.run(promote, lent=True, **typed)
                        promoted = time.monotonic()
                        time.sleep(SECONDS)
                    with psycopg.connect(
                        here.server.url("app").replace(f":{here.server.port}/", f":{port}/")
                    ) as connection:
                        connection.autocommit = True
                        figures = judge(connection, told, killed, is_synchronous=is_synchronous)
                    figures += f" | {promoted - killed:.1f}"
            finally:
                here.run('pg_ctl -D "$PGDATA" -m immediate stop', lent=True, **typed)
    how = "synchronous" if is_synchronous else "asynchronous"
    line = f"| {how}, {round(2000 * seconds)} ms | {figures} |"
    record_property("figures", line)
    print(line)


def replicate(server: Server, *, is_synchronous: bool) -> None:
    """Waits until the standby follows and, if synchronous, commits wait for it."""
    with psycopg.connect(server.url("app"), autocommit=True) as connection:
        if is_synchronous:
            connection.execute("alter system set synchronous_standby_names = '*'")
            connection.execute("select pg_reload_conf()")
        query = "select state, sync_state from pg_stat_replication"
        wanted = ("streaming", "sync" if is_synchronous else "async")
        until(lambda: connection.execute(query).fetchall() == [wanted])


@contextmanager
def runner(url: str, folder: Path) -> Iterator[None]:
    """Runs `index-jobs work` on this database."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "WORKER_DATABASE_URL": url,
        "LOCAL_REPOSITORY_ROOTS": str(folder),
        "RUN_DIR": str(folder / "run"),
        "RUNNER_LEASE_SECONDS": "3",
    }
    with subprocess.Popen([PROGRAM, "work"], env=environment) as process:
        try:
            yield
        finally:
            process.terminate()


def judge(
    connection: psycopg.Connection[TupleRow],
    told: Acknowledged,
    killed: float,
    *,
    is_synchronous: bool,
) -> str:
    """Returns the figures of a failover. Fails if a guarantee is broken."""

    def rows(query: str) -> list[TupleRow]:
        return connection.execute(query.encode()).fetchall()

    open_jobs = "select from public.index_jobs where status in ('pending', 'processing') limit 1"
    until(lambda: not rows(open_jobs), 120, pause=0.2)
    assert told.faults == []
    status = dict(rows("select j.id::text, j.status::text from public.index_jobs as j"))
    assert set(status.values()) == {"completed"}
    assert rows("select repository from public.index_jobs group by 1 having count(*) > 1") == [], (
        "doubled"
    )
    assert (
        rows(
            "select job_id from public.index_job_events where to_status = 'completed'"
            " group by 1 having count(*) > 1"
        )
        == []
    ), "two ends"
    lost = [when for job, when in told.jobs.values() if job not in status]
    assert max(lost, default=0) <= killed + 1, "acknowledged by the promoted server"
    before = [when for _, when in told.jobs.values() if when <= killed]
    after = min(when for _, when in told.jobs.values() if when > killed + 0.2)
    assert len(before) > 50, "there was no load"
    assert len(told.jobs) > len(before) + 50, "there was none after it"
    assert told.ends
    if is_synchronous:
        assert lost == []
        assert {job for job in told.ends if job not in status} == set()
    milliseconds = 1000 * max((killed - when for when in lost), default=0)
    return (
        f"{len(before)} | {len(lost)} | {milliseconds:.0f} | {len(told.jobs)} |"
        f" {after - killed:.1f}"
    )
