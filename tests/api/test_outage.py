"""The database goes away, is slow, and comes back; the API is never restarted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.processes import working_in
from tests.support.waiting import until

from .conftest import (
    Api,
    Machine,
    OwnServer,
    Place,
    Tenant,
    assert_503,
    over_the_database,
    serve,
    text_of,
)

pytestmark = one_process("takes the database away, and reads the log of one process")

_BURST = 40  # more than either transport's connections


@pytest.mark.parametrize("farewell", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_outage_is_503_and_the_api_recovers_soon_after_the_database(
    machine: Machine, farewell: signal.Signals
) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        server = before.enter_context(machine.running())
        api = at_exit.enter_context(serve(machine.place))
        tenant = api.tenant()
        job_id = api.create(tenant)
        os.kill(server.pid, farewell)
        before.close()
        # leftover processes of a killed server may still answer for a moment
        until(lambda: not working_in(machine.folder))
        start = time.monotonic()
        for path in (f"/jobs/{job_id}", "/jobs/x", "/admin/jobs/x"):
            assert_503(api.get(path, tenant))
            assert "cannot be reached" in api.get(path, tenant).json()["detail"]
        body = {"repository": "a/b"}
        assert_503(api.client.post("/index", json=body, headers=tenant.headers))
        assert_503(api.client.post("/index", json={}, headers=tenant.headers))
        assert_503(api.client.get("/ready"))
        assert time.monotonic() - start < 15
        assert api.client.get("/health").status_code == 200
        assert api.client.get("/jobs/x").status_code == 401

        with machine.running():
            path = f"/jobs/{job_id}"
            until(lambda: api.get(path, tenant).status_code == 200, 15)
            assert {api.get(path, tenant).status_code for _ in range(20)} == {200}


def test_log_of_an_outage_has_no_request_id(machine: Machine) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        before.enter_context(machine.running())
        api = at_exit.enter_context(serve(machine.place))
        api.create(api.tenant())  # opens a connection for writes
        before.close()

        def outage() -> list[str]:
            found = [text_of(record) for record in api.log]
            return [message for message in found if message.startswith("no connection")]

        until(lambda: len(outage()) > 1)  # for reads and for writes
        assert not any("request_id" in message for message in outage())


def test_database_restart_between_requests_causes_no_error(machine: Machine) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        before.enter_context(machine.running())
        api = at_exit.enter_context(serve(machine.place))
        tenant = api.tenant()
        with api.sql() as connection:
            until(lambda: connections_of_the_api(connection) == 4)
        assert api.get("/jobs/x", tenant).status_code == 404
        before.close()
        with machine.running():
            assert [api.get("/jobs/x", tenant).status_code for _ in range(8)] == [404] * 8


def test_api_starts_while_the_database_is_down(machine: Machine) -> None:
    with serve(machine.place) as api:
        assert api.client.get("/health").status_code == 200
        assert_503(api.client.get("/ready"))
        with machine.running():
            until(lambda: api.client.get("/ready").status_code == 200, 15)


def connections_of_the_api(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where usename = 'index_jobs_api'"
        " and datname = current_database()"
    ).fetchone()
    assert row
    return int(row[0])


@over_the_database
def test_terminated_connections_are_replaced_without_an_error(
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
def test_statement_timeout_is_503_and_costs_nothing(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(statement_timeout_seconds=2)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with psycopg.connect(api.place.url) as locker:
        locker.execute("lock table public.index_jobs in access exclusive mode")
        assert_503(api.get(f"/jobs/{job_id}", tenant))
        body = {"repository": "a/b"}
        assert_503(api.client.post("/index", json=body, headers=tenant.headers))
    assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
    assert api.requests_of(tenant) == 2


@over_the_database
def test_burst_on_a_hanging_database_gets_503_too_busy(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(database_pool_size=1, statement_timeout_seconds=2)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with psycopg.connect(api.place.url) as locker:
        locker.execute("lock table public.index_jobs in access exclusive mode")
        for answer in burst_of_polls(api, tenant, job_id):
            assert_503(answer)
            assert answer.json()["detail"] == "The database was too busy to answer in time."
    assert api.get(f"/jobs/{job_id}", tenant).status_code == 200


def test_burst_waits_longer_for_a_slow_database_than_for_a_missing_one(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(database_pool_size=1, statement_timeout_seconds=30)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with (
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(api.place.url) as locker,
        api.sql() as watcher,
    ):
        locker.execute("lock table public.index_jobs in access exclusive mode")
        burst = thread.submit(burst_of_polls, api, tenant, job_id)
        until(lambda: is_waiting_for_a_lock(watcher))
        locker.execute("select pg_sleep(3)")
        locker.rollback()
        assert {answer.status_code for answer in burst.result(60)} == {200}


def burst_of_polls(api: Api, tenant: Tenant, job_id: str) -> list[httpx2.Response]:
    def poll(_: int) -> httpx2.Response:
        return loopback.get(f"{api.url}/jobs/{job_id}", headers=tenant.headers, timeout=60)

    with ThreadPoolExecutor(_BURST) as threads:
        return list(threads.map(poll, range(_BURST)))


def is_waiting_for_a_lock(connection: psycopg.Connection[TupleRow]) -> bool:
    row = connection.execute(
        "select exists (select from pg_stat_activity"
        " where usename in ('index_jobs_api', 'test_authenticator')"
        " and wait_event_type = 'Lock' and datname = current_database())"
    ).fetchone()
    return row == (True,)


@over_the_database
@pytest.mark.parametrize("prepared", [True, False])
def test_changed_password_is_503_refused_until_it_is_restored(
    own_api: Callable[..., Api], new_database: Callable[..., Place], prepared: bool
) -> None:
    place = new_database()
    password = place.server.password
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("create role rotated login password 'before' in role job_http")
        url = place.server.url(place.name, "rotated").replace(password, "before")
        own = OwnServer(place.server, place.name, place.url, url)
        api = own_api(own, database_prepared_statements=prepared)
        tenant = api.tenant()
        assert api.get("/jobs/x", tenant).status_code == 404
        connection.execute("alter role rotated password 'after'")
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'rotated'"
        )
        for path in ("/jobs/x", "/ready"):
            answer = api.get(path, tenant)
            assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_REFUSED")
            assert "does not help" in answer.json()["hint"]
        said = [text_of(record) for record in api.log]
        assert [text for text in said if "password authentication failed" in text]
        connection.execute("alter role rotated password 'before'")
        until(lambda: api.get("/jobs/x", tenant).status_code == 404, 15)
        api.stop()
        api.thread.join()
        connection.execute("drop role rotated")
