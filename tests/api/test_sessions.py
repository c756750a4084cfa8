"""Read-only sessions are replaced and reported by /ready. Others are kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import jwt
import psycopg
import pytest

from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.waiting import until

from .conftest import (
    JWT_SECRET,
    Api,
    Job,
    OwnServer,
    Place,
    Tenant,
    assert_503,
    avoid_end_of_hour,
    over_the_database,
    serve,
)

pytestmark = one_process("ends the sessions of one process, and reads its log")

Apis = dict[bool, Api]

KILL = (
    "select pg_terminate_backend(a.pid, 5000) from pg_stat_activity as a"
    " where a.datname = current_database() and a.usename = 'index_jobs_api'"
)
FUNCTIONS = """
create table public.notes (note text);
grant select, insert on table public.notes to authenticated;
create function public.note() returns void language sql volatile
  as $$ insert into public.notes values ('x') $$;
create function public.raise_code(p_code text) returns void language plpgsql volatile
  as $$ begin raise exception 'x' using errcode = p_code; end $$;
create function public.poison() returns text language sql volatile
  as $$ select set_config('default_transaction_read_only', 'on', false) $$;
grant execute on function public.note(), public.raise_code(text), public.poison() to authenticated;
"""


@pytest.fixture(scope="module")
def apis(clusters: Callable[[int], Any]) -> Iterator[Apis]:
    """APIs with and without prepared statements, one connection each, on one database."""
    with clusters(18).database("ordinary", migrated=True) as place, ExitStack() as at_exit:
        avoid_end_of_hour(place)
        with psycopg.connect(place.url) as connection:
            connection.execute(FUNCTIONS)
        settings = {"database_pool_size": 1}
        yield {
            prepared: at_exit.enter_context(
                serve(place, database_prepared_statements=prepared, **settings)
            )
            for prepared in (True, False)
        }


@pytest.fixture
def api(apis: Apis) -> Api:
    return apis[True]


def become(api: Api, setting: str) -> None:
    """Sets whether new sessions are read-only."""
    with psycopg.connect(api.place.server.url(), autocommit=True) as connection:
        connection.execute(
            f"alter database {api.place.name}"
            f" set default_transaction_read_only = {setting}".encode()
        )


@contextmanager
def read_only(api: Api) -> Iterator[None]:
    """A failover as a pool sees it: all sessions are killed, and new ones cannot write."""
    become(api, "on")
    try:
        with api.sql() as connection:
            connection.execute(KILL)
        yield
    finally:
        become(api, "off")


def create(api: Api, tenant: Tenant) -> httpx2.Response:
    return api.client.post("/index", json={"repository": "a/b"}, headers=tenant.headers)


def token(tenant: Tenant) -> str:
    claims = {
        "role": "authenticated", "aud": "authenticated", "sub": tenant.id, "exp": time.time() + 600
    }  # fmt: skip
    return f"Bearer {jwt.encode(claims, JWT_SECRET, 'HS256')}"


def call(api: Api, tenant: Tenant, function: str, **arguments: str) -> httpx2.Response:
    """Calls a user's function through /rest/v1."""
    headers = {"Authorization": token(tenant)}
    return api.client.post(f"/rest/v1/rpc/{function}", json=arguments, headers=headers)


def sessions(api: Api) -> set[int]:
    with api.sql() as connection:
        rows = connection.execute(
            "select pid from pg_stat_activity"
            " where datname = current_database() and usename = 'index_jobs_api'"
        ).fetchall()
    return {pid for (pid,) in rows}


@pytest.mark.parametrize("prepared", [True, False])
def test_api_writes_and_ready_recovers_after_a_failover(apis: Apis, prepared: bool) -> None:
    api = apis[prepared]
    tenant = api.tenant()
    job_id = api.create(tenant)
    with read_only(api):
        assert_503(api.get(f"/jobs/{job_id}", tenant), "DATABASE_READ_ONLY")
        assert_503(create(api, tenant), "DATABASE_READ_ONLY")
        assert_503(api.client.get("/ready"), "DATABASE_READ_ONLY")
    until(lambda: api.client.get("/ready").status_code == 200)
    for _ in range(20):
        assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
        assert create(api, tenant).status_code == 202


def test_surviving_sessions_stay_ready_until_a_writable_one_is_missing(
    api: Api,
) -> None:
    tenant = api.tenant()
    job_id = api.create(tenant)
    # an earlier test ended the session of the polls, which is reopened automatically
    until(lambda: api.get(f"/jobs/{job_id}", tenant).status_code == 200)
    become(api, "on")
    try:
        assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
        with api.sql() as connection:  # all except the session of the polls
            connection.execute(f"{KILL} and query not like '%api_get_job_status%'")
        assert_503(create(api, tenant), "DATABASE_READ_ONLY")
        assert_503(api.client.get("/ready"), "DATABASE_READ_ONLY")
        assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
    finally:
        become(api, "off")
    until(lambda: create(api, tenant).status_code == 202)
    assert api.client.get("/ready").status_code == 200


def test_session_set_to_read_only_is_replaced(api: Api) -> None:
    tenant = api.tenant()
    assert call(api, tenant, "note").status_code == 204
    assert call(api, tenant, "poison").status_code == 200
    assert call(api, tenant, "note").status_code == 503
    assert call(api, tenant, "note").status_code == 204


def test_user_errors_replace_no_session(api: Api) -> None:
    tenant = api.tenant()
    assert call(api, tenant, "note").status_code == 204
    until(lambda: api.get("/jobs/x", tenant).status_code == 404)  # see the test above
    before = sessions(api)
    for code in ("25006", "25P02", "42501", "57P01", "08006"):
        call(api, tenant, "raise_code", p_code=code)
    read = api.client.get("/rest/v1/rpc/note", headers={"Authorization": token(tenant)})
    assert read.status_code == 405
    assert api.get("/jobs/x", tenant).status_code == 404
    assert before <= sessions(api)  # the other API may get one back meanwhile


@over_the_database
def test_recreated_login_is_used_by_new_sessions(
    own_api: Callable[..., Api], new_database: Callable[..., Place]
) -> None:
    place = new_database()
    made = f"create role remade login password '{place.server.password}' in role job_http"
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(made.encode())
        try:
            url = place.server.url(place.name, "remade")
            api = own_api(OwnServer(place.server, place.name, place.url, url))
            tenant = api.tenant()
            job_id = api.create(tenant)
            connection.execute("drop role remade")
            connection.execute(made.encode())
            until(lambda: api.get(f"/jobs/{job_id}", tenant).status_code == 200)
            until(lambda: create(api, tenant).status_code == 202)
            api.stop()
            api.thread.join()
        finally:
            connection.execute("drop role remade")


@over_the_database
def test_calls_in_flight_on_a_replaced_session_get_their_results(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(database_pool_size=1)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with api.sql() as connection:
        connection.execute(
            "create or replace function public.api_schema_version()"
            " returns table (version text, serves text, is_writable boolean) language sql as"
            " $$ select '20990101000000', '20200101000000', false $$"
        )
    statuses: list[int] = []
    stopped = threading.Event()

    def poll() -> None:
        while not stopped.is_set():
            statuses.append(api.get(f"/jobs/{job_id}", tenant).status_code)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        for _ in range(3):
            before = sessions(api)
            assert_503(api.client.get("/ready"), "DATABASE_READ_ONLY")
            until(lambda before=before: sessions(api) - before)  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
    assert set(statuses) == {200}


def test_waiting_client_gets_the_change_after_a_failover(api: Api) -> None:
    tenant = api.tenant()
    job = Job(api, tenant)
    answers: list[httpx2.Response] = []

    def wait() -> None:
        headers = {"Prefer": "wait=60", "If-None-Match": 'W/"1"'} | tenant.headers
        answers.append(loopback.get(f"{api.url}{job.path}", headers=headers, timeout=90))

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: "api_watch_jobs" in api_queries(api))
    told = len(api.log)
    with read_only(api):
        until(lambda: any(map(is_told, api.log[told:])))
    job.begin()
    thread.join()
    assert answers[0].status_code == 200
    assert answers[0].json()["status"] == "processing"


def api_queries(api: Api) -> str:
    with api.sql() as connection:
        rows = connection.execute(
            "select query from pg_stat_activity where usename = 'index_jobs_api'"
            " and datname = current_database()"
        ).fetchall()
    return " ".join(query for (query,) in rows)


def is_told(record: object) -> bool:
    return "this session cannot write" in str(vars(record))
