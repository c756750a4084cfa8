"""A deployment under load: migrate, start the new process, stop the old one; no request fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest

from cli.users import create_api_key
from db.tools import migrate, stamp
from db.tools.stamp.write import REPLAN
from db.version import VERSION
from tests.support import loopback
from tests.support.checkout import ROOT, checkout
from tests.support.ports import kept_port
from tests.support.waiting import PATIENCE, until

from .conftest import JWT_SECRET, Api, Place

CLIENTS = 4


@dataclass
class Process:
    """An API in its own process."""

    url: str
    popen: subprocess.Popen[bytes]

    def ready(self) -> dict[str, Any] | None:
        """The version that a ready /ready reports."""
        try:
            answer = loopback.get(f"{self.url}/ready", timeout=PATIENCE)
        except httpx2.TransportError:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None


@contextmanager
def running(code: Path, place: Place) -> Iterator[Process]:
    """Runs that version's API on a free port until it is stopped as by a supervisor."""
    with kept_port() as port:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(code),
            "API_DATABASE_URL": place.api_url,
            "JWT_SECRET": JWT_SECRET,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_PREPARED_STATEMENTS": "off" if getattr(place, "pooler", None) else "on",
        }
        command = [sys.executable, "-m", "api"]
        popen = subprocess.Popen(command, cwd=code, env=environment)
        try:
            yield Process(f"http://127.0.0.1:{port}", popen)
        finally:
            popen.terminate()
            assert popen.wait(PATIENCE) in (0, -signal.SIGTERM)


@dataclass
class Load:
    """Clients that poll, list and create without pause, through a load balancer."""

    headers: dict[str, str]
    targets: list[Process]
    failures: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    moments_without: int = 0
    moments: int = 0
    _rounds: list[int] = field(default_factory=lambda: [0] * CLIENTS)
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS + 1) as threads:
            work = [threads.submit(self._client, number) for number in range(CLIENTS)]
            work.append(threads.submit(self._watch))
            try:
                yield
            finally:
                self._end.set()
        for each in work:
            each.result()

    def go_on(self, rounds: int = 20) -> None:
        """Waits until each client has received this many more responses."""
        begun = list(self._rounds)
        until(lambda: all(n - b >= rounds for n, b in zip(self._rounds, begun, strict=True)))

    def _client(self, number: int) -> None:
        with loopback.Client(headers=self.headers, timeout=PATIENCE) as client:
            job = ""
            while not self._end.is_set():
                process = self.targets[self._rounds[number] % len(self.targets)]
                step = self._rounds[number] % 10
                try:
                    if not job or step == 0:
                        body = {"repository": f"owner/{uuid4()}"}
                        answer = client.post(f"{process.url}/index", json=body)
                        job = answer.json().get("jobId", "")
                    else:
                        answer = client.get(f"{process.url}/jobs{'' if step == 1 else '/' + job}")
                    if answer.status_code not in (200, 202):
                        self.failures.append(answer.text)
                except httpx2.TransportError as error:
                    self.failures.append(repr(error))
                self.answers[process.url] += 1
                self._rounds[number] += 1

    def _watch(self) -> None:
        """Records whether at least one target is ready at every moment."""
        while not self._end.is_set():
            self.moments += 1
            self.moments_without += not any(process.ready() for process in list(self.targets))


@pytest.fixture
def key(database: Any) -> str:
    """The key of a user whose quota no test can use up."""
    user = str(uuid4())
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into private.tiers values ('load', 100000000)")
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        connection.execute("insert into private.accounts values (%s, 'load')", (user,))
        return str(create_api_key(connection, user, "load")["api_key"])


def test_deployment_always_has_a_ready_process_and_fails_no_request(
    database: Any, key: str, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    code = checkout(tmp_path / "new")
    stamp.freeze(code.root)
    code.edit("db/functions/get_job_status.sql", "'index job not found'", "'no such index job'")
    migration = code.add_migration(
        "add_a_note",
        "alter table public.index_jobs add column note text not null default 'none';",
        "alter table public.index_jobs drop column note;",
    )
    newer = migration.name[:14]
    with ExitStack() as at_exit:
        old_ends = at_exit.enter_context(ExitStack())
        old = old_ends.enter_context(running(ROOT, database))
        until(old.ready)
        load = Load({"Authorization": f"Bearer {key}"}, [old])
        with load.running():
            load.go_on()
            done = migrate.apply(database.migrator_url, migrations=code.migrations)
            assert done == [migration.stem]
            assert old.ready() == {"status": "ready", "schema_version": newer}
            load.go_on()
            new = at_exit.enter_context(running(code.root, database))
            until(new.ready)
            load.targets.append(new)
            load.go_on()
            load.targets.remove(old)
            load.go_on(2)  # by then its last request is answered
            old_ends.close()
            assert old.ready() is None
            load.go_on()
        assert load.failures == []
        assert load.moments_without == 0 < load.moments
        assert min(load.answers[process.url] for process in (old, new)) >= CLIENTS * 20

        migrate.rollback(database.migrator_url, migrations=code.migrations)
        answer = loopback.get(f"{new.url}/ready", timeout=PATIENCE)
        assert (answer.status_code, answer.json()["code"]) == (503, "SCHEMA_MISMATCH")
        assert f"{VERSION}; this API needs {newer}" in answer.json()["error"]


STATEMENT_WAITS = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


def test_request_that_waits_for_an_added_column_is_answered(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(database_pool_size=1)  # the waiting session already has a plan
    tenant = api.tenant()
    job = api.create(tenant)
    requests: list[Callable[[], httpx2.Response]] = [
        lambda: api.get(f"/jobs/{job}", tenant),
        lambda: api.get("/jobs", tenant),
        lambda: api.client.post("/index", json={"repository": "a/b"}, headers=tenant.headers),
        lambda: api.client.delete(f"/jobs/{job}", headers=tenant.headers),
    ]
    with ThreadPoolExecutor() as threads, api.sql() as migrator, api.sql() as watcher:
        for number, request in enumerate(requests):
            assert request().status_code in (200, 202)  # plans are cached
            with migrator.transaction():
                migrator.execute(f"alter table public.index_jobs add column n{number} int".encode())
                migrator.execute(REPLAN.encode())
                answer = threads.submit(request)
                # the request, and perhaps a check by the API itself
                until(lambda: watcher.execute(STATEMENT_WAITS).fetchone() != (0,))
            assert answer.result(PATIENCE).status_code in (200, 202), answer.result().text
