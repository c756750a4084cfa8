"""The database goes away, is slow, and comes back; the API is never restarted."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg.rows import TupleRow

from db.local import stack
from db.local.postgres import Server, run
from tests.processes import working_in
from tests.waiting import until

from .conftest import Api, over_the_database, serve


@dataclass(frozen=True)
class OwnServer:
    """A database on a server that the test may stop."""

    server: Server
    name: str
    url: str
    api_url: str


@dataclass
class Machine:
    """A server on a data directory and a port that stay the same."""

    folder: Path
    place: OwnServer
    port: int

    @contextmanager
    def running(self) -> Iterator[Server]:
        with run(self.folder / "pgdata", port=self.port) as server:
            assert server.port == self.port
            yield server


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="index-jobs-outage-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with run(folder / "pgdata", port=0) as server:
            stack.prepare(stack.Database(server.url(), server))
            with psycopg.connect(server.url(), autocommit=True) as connection:
                api_url = stack.ensure_login(
                    connection, server.url(), "index_jobs_api", "job_http", "a password"
                )
            place = OwnServer(server, "postgres", server.url(), api_url)
        yield Machine(folder, place, server.port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def assert_503(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert "x-ratelimit-limit" not in answer.headers


def seconds_until(check: Callable[[], bool], limit: float = 15) -> float:
    start = time.monotonic()
    while not check():
        assert time.monotonic() - start < limit, "it did not recover"
    return time.monotonic() - start


@pytest.mark.parametrize("farewell", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_an_outage_is_503_and_the_api_is_back_within_two_seconds_of_the_database(
    machine: Machine, farewell: signal.Signals
) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        server = before.enter_context(machine.running())
        api = at_exit.enter_context(serve(machine.place))
        tenant = api.tenant()
        job_id = api.create(tenant)
        os.kill(server.pid, farewell)
        before.close()
        # what a killed server leaves may answer for a moment, and is right to
        until(lambda: not working_in(machine.folder))
        start = time.monotonic()
        for path in (f"/jobs/{job_id}", "/jobs/x", "/admin/jobs/x"):
            assert_503(api.get(path, tenant))
        body = {"repository": "a/b"}
        assert_503(api.client.post("/index", json=body, headers=tenant.headers))
        assert_503(api.client.post("/index", json={}, headers=tenant.headers))
        assert_503(api.client.get("/ready"))
        assert time.monotonic() - start < 5
        assert api.client.get("/health").status_code == 200
        assert api.client.get("/jobs/x").status_code == 401

        with machine.running():
            path = f"/jobs/{job_id}"
            assert seconds_until(lambda: api.get(path, tenant).status_code == 200) < 2
            assert {api.get(path, tenant).status_code for _ in range(20)} == {200}


def test_a_restart_during_which_nobody_asked_is_not_noticed(machine: Machine) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        before.enter_context(machine.running())
        api = at_exit.enter_context(serve(machine.place))
        tenant = api.tenant()
        with api.sql() as connection:
            seconds_until(lambda: connections_of_the_api(connection) == 4)
        assert api.get("/jobs/x", tenant).status_code == 404
        before.close()
        with machine.running():
            assert [api.get("/jobs/x", tenant).status_code for _ in range(8)] == [404] * 8


def test_the_api_starts_while_the_database_is_down(machine: Machine) -> None:
    with serve(machine.place) as api:
        assert api.client.get("/health").status_code == 200
        assert_503(api.client.get("/ready"))
        with machine.running():
            assert seconds_until(lambda: api.client.get("/ready").status_code == 200) < 2


def connections_of_the_api(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where usename = 'index_jobs_api'"
        " and datname = current_database()"
    ).fetchone()
    assert row
    return int(row[0])


@over_the_database
def test_connections_that_were_cut_are_replaced_without_an_error(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    tenant = api.tenant()
    assert api.get("/jobs/x", tenant).status_code == 404
    with api.sql() as connection:
        for _ in range(3):
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where usename = 'index_jobs_api' and datname = current_database()"
            )
            assert [api.get("/jobs/x", tenant).status_code for _ in range(10)] == [404] * 10


@over_the_database
def test_a_statement_that_takes_too_long_is_503_and_counts_nothing(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(statement_timeout_seconds=0.3)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with psycopg.connect(api.place.url) as locker:
        locker.execute("lock table public.index_jobs in access exclusive mode")
        start = time.monotonic()
        assert_503(api.get(f"/jobs/{job_id}", tenant))
        assert time.monotonic() - start < 2
        body = {"repository": "a/b"}
        assert_503(api.client.post("/index", json=body, headers=tenant.headers))
    assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
    assert api.requests_of(tenant) == 2


@over_the_database
def test_a_full_pool_is_503_and_not_an_endless_wait(own_api: Callable[..., Api]) -> None:
    api = own_api(database_pool_size=1, statement_timeout_seconds=30)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with (
        psycopg.connect(api.place.url) as locker,
        api.sql() as watcher,
        ThreadPoolExecutor(1) as thread,
    ):
        locker.execute("lock table public.index_jobs in access exclusive mode")
        first = thread.submit(httpx2.get, f"{api.url}/jobs/{job_id}", headers=tenant.headers)
        seconds_until(lambda: is_waiting_for_a_lock(watcher))
        assert_503(api.get("/jobs/x", tenant))
        locker.rollback()
        assert first.result(20).status_code == 200
    assert api.get("/jobs/x", tenant).status_code == 404


def is_waiting_for_a_lock(connection: psycopg.Connection[TupleRow]) -> bool:
    row = connection.execute(
        "select exists (select from pg_stat_activity where usename = 'index_jobs_api'"
        " and wait_event_type = 'Lock' and datname = current_database())"
    ).fetchone()
    return row == (True,)
