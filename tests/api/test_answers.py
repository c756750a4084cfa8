"""A response of the database or Supabase is lost or cut off: exactly one request gets a 503."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.support import postgrest
from tests.support.pooled import one_process
from tests.support.proxy import Fault, Proxy, http_requests, in_front_of
from tests.support.waiting import until

from .conftest import (
    JWT_SECRET,
    SERVICE_KEY,
    Api,
    Place,
    Tenant,
    Transport,
    over_the_database,
    serve,
)
from .test_outage import connections_of_the_api

POOL = 2
CALLS: dict[str, tuple[str, str, str]] = {
    "poll": ("GET", "/jobs/{job_id}", "api_get_job_status"),
    "create": ("POST", "/index", "api_create_index_job"),
    "list": ("GET", "/jobs", "api_list_index_jobs"),
    "counts": ("GET", "/jobs/counts", "api_job_counts"),
    "history": ("GET", "/jobs/{job_id}/events", "api_get_job_history"),
    "explain": ("GET", "/jobs/{job_id}/explain", "api_explain_index_job"),
    "files": ("GET", "/jobs/{job_id}/files", "api_list_indexed_files"),
    "skipped": ("GET", "/jobs/{job_id}/skipped", "api_list_skipped_files"),
    "symbols": ("GET", "/jobs/{job_id}/symbols?name=a", "api_find_symbols"),
    "cancel": ("DELETE", "/jobs/{job_id}", "api_cancel_index_job"),
    "admin": ("GET", "/admin/jobs/{job_id}?reason=tests", "api_admin_get_job_status"),
    "admin list": ("GET", "/admin/jobs?reason=tests", "api_admin_list_index_jobs"),
    "ready": ("GET", "/ready", "api_schema_version"),
}
REST = {"rest": ("GET", "/rest/v1/rpc/get_job_status?p_job_id={job_id}", "api_call_function")}
"""The request, and the call that the API makes for it."""
SHORT = ["poll", "create"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    proving = metafunc.config.getoption("prove")
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", list(CALLS) if proving else SHORT)
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", ["swallow", "reset"] if proving else ["swallow"])


@dataclass(frozen=True)
class ApiBehindProxy:
    """An API that reaches its database or Supabase only through a proxy."""

    api: Api
    proxy: Proxy


@pytest.fixture
def behind(new_database: Callable[[], Place], transport: Transport) -> Iterator[ApiBehindProxy]:
    place = new_database()
    settings = {"statement_timeout_seconds": 1, "database_pool_size": POOL}
    with ExitStack() as at_exit:
        if transport == "supabase":
            url = at_exit.enter_context(postgrest.run(place.server, place.name, JWT_SECRET))
            proxy = at_exit.enter_context(in_front_of(url, http_requests))
            settings |= {"api_database_url": None, "supabase_url": proxy.url(url)}
        else:
            proxy = at_exit.enter_context(in_front_of(place.api_url))
            settings |= {"api_database_url": proxy.url(place.api_url)}
        api = at_exit.enter_context(serve(place, **settings))
        until(lambda: api.client.get("/ready").status_code == 200)
        yield ApiBehindProxy(api, proxy)


def token_of(tenant: Tenant) -> str:
    claims = {"sub": tenant.id, "role": "authenticated", "aud": "authenticated"}
    return jwt.encode(claims | {"exp": time.time() + 3600}, JWT_SECRET, "HS256")


def send(api: Api, tenant: Tenant, name: str, job_id: str, key: str) -> httpx2.Response:
    method, path, _ = (CALLS | REST)[name]
    keys = {"admin": SERVICE_KEY, "admin list": SERVICE_KEY, "rest": token_of(tenant)}
    bearer = keys.get(name, tenant.key)
    body = {"repository": "owner/lost"} if name == "create" else None
    headers = {"Authorization": f"Bearer {bearer}"}
    if name == "create":
        headers["Idempotency-Key"] = key
    return api.client.request(method, path.format(job_id=job_id), headers=headers, json=body)


def test_lost_response_is_one_503_and_later_requests_succeed(
    behind: ApiBehindProxy, name: str, fault: Fault
) -> None:
    lose_response(behind, name, fault)


@over_the_database
def test_lost_response_of_a_rest_call_is_one_503(behind: ApiBehindProxy, fault: Fault) -> None:
    lose_response(behind, "rest", fault)


def lose_response(behind: ApiBehindProxy, name: str, fault: Fault) -> None:
    api = behind.api
    tenant, key = api.tenant(), str(uuid4())
    job_id = api.create(tenant)
    struck = behind.proxy.spoil((CALLS | REST)[name][2], fault=fault)
    lost = send(api, tenant, name, job_id, key)
    assert struck.is_set()
    assert lost.status_code == 503
    assert 1 <= int(lost.headers["retry-after"]) <= 5
    with ThreadPoolExecutor(4 * POOL) as threads:
        polls = [threads.submit(api.get, f"/jobs/{job_id}", tenant).result for _ in range(4 * POOL)]
        assert {poll().status_code for poll in polls} == {200}
    again = send(api, tenant, name, job_id, key)
    # nothing of the job's repository is stored yet: 409
    assert again.status_code in {200, 202, 409}, again.text
    if name == "create":
        with api.sql() as connection:
            made = connection.execute(
                "select id::text from public.index_jobs where repository = 'owner/lost'"
            ).fetchall()
        assert made == [(again.json()["jobId"],)]


@one_process("counts the polls of a group, which come to one process")
@over_the_database
def test_lost_response_to_grouped_polls_is_a_503_for_each(
    behind: ApiBehindProxy, fault: Fault
) -> None:
    api = behind.api
    tenants = [api.tenant() for _ in range(4)]
    job_id = api.create(tenants[0], organization=api.organization(*tenants))
    struck = behind.proxy.spoil("api_get_job_statuses", fault=fault)

    def poll(tenant: Tenant) -> int:
        return api.get(f"/jobs/{job_id}", tenant).status_code

    with ThreadPoolExecutor(8) as threads:
        lost: list[int] = []
        while not struck.is_set():
            lost = list(threads.map(poll, tenants * 2))
        assert set(lost) <= {200, 503}
        assert lost.count(503) > 1
        assert set(threads.map(poll, tenants * 2)) == {200}


@one_process("takes answers away between one process and the database")
@over_the_database
@pytest.mark.parametrize("asked", ["startup", "password"])
def test_lost_response_during_login_delays_no_request(behind: ApiBehindProxy, asked: str) -> None:
    api = behind.api
    tenant = api.tenant()
    job_id = api.create(tenant)
    struck = behind.proxy.spoil(f"^{asked}$")
    with api.sql() as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'index_jobs_api' and datname = current_database()"
        )
        assert {api.get(f"/jobs/{job_id}", tenant).status_code for _ in range(4)} == {200}
        assert struck.is_set()
        until(
            lambda: connections_of_the_api(connection) == POOL + 1
        )  # plus the session that creates jobs
