"""The hourly quota and its headers, over real HTTP."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE

from .conftest import Api, Tenant


def remaining(answer: httpx2.Response) -> int:
    return int(answer.headers["x-ratelimit-remaining"])


def seconds_to_reset(answer: httpx2.Response) -> float:
    """Retry-After and related headers: at most an hour, whatever the database's clock says."""
    return min(int(answer.headers["x-ratelimit-reset"]) - time.time(), 3600)


def test_101st_request_of_a_free_user_gets_429(api: Api) -> None:
    tenant = api.tenant("free")
    answers = [api.get("/jobs/x", tenant) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [404] * 100 + [429]
    assert [remaining(answer) for answer in answers] == [*range(99, -1, -1), 0]
    last = answers[-1]
    assert last.json()["code"] == "RATE_LIMITED"
    assert last.headers["content-type"] == "application/problem+json"
    assert 1 <= int(last.headers["retry-after"]) <= 3600
    assert abs(int(last.headers["retry-after"]) - seconds_to_reset(last)) <= 2
    assert api.requests_of(tenant) == 100


@pytest.mark.parametrize(("tier", "limit"), [("free", 100), ("solo", 1000), ("team", 10_000)])
def test_each_tier_has_its_limit(api: Api, tier: str, limit: int) -> None:
    answer = api.get("/jobs/x", api.tenant(tier))
    assert (answer.headers["x-ratelimit-limit"], remaining(answer)) == (str(limit), limit - 1)


def test_every_authenticated_request_costs_one_whatever_its_status(api: Api) -> None:
    tenant = api.tenant()
    created = api.client.post("/index", json={"repository": "a/b"}, headers=tenant.headers)
    path = created.headers["location"]
    tag = {"If-None-Match": api.get(path, tenant).headers["etag"]}
    answers = [
        api.get(path, tenant, **tag),
        api.get("/jobs/x", tenant),
        api.client.head(path, headers=tenant.headers),
        api.client.post("/index", json={}, headers=tenant.headers),
        api.client.post("/index", content=b"\xff", headers=tenant.headers),
        api.get("/admin/jobs/x", tenant),
        api.get(path, tenant),
    ]
    assert [answer.status_code for answer in answers] == [304, 404, 200, 422, 400, 403, 200]
    assert [remaining(answer) for answer in answers] == [9997, 9996, 9995, 9994, 9993, 9992, 9991]
    assert api.requests_of(tenant) == 9


def test_ratelimit_draft_headers_match_the_x_headers(api: Api) -> None:
    answer = api.get("/jobs/x", api.tenant(limit=7))
    assert answer.headers["ratelimit-policy"] == '"hour";q=7;w=3600'
    match = re.fullmatch(r'"hour";r=6;t=(\d+)', answer.headers["ratelimit"])
    assert match
    assert abs(int(match[1]) - seconds_to_reset(answer)) <= 2
    assert int(answer.headers["x-ratelimit-reset"]) % 3600 == 0


@pytest.mark.parametrize("clients", [1, 2])
def test_concurrent_clients_get_exactly_the_limit(api: Api, clients: int) -> None:
    tenant = api.tenant(limit=50)
    keys = [tenant, Tenant(tenant.id, api.new_key(tenant.id))][:clients]

    def call(number: int) -> tuple[int, int]:
        with loopback.Client(base_url=api.url, timeout=PATIENCE) as client:
            answers = [
                client.get("/jobs/x", headers=keys[number % clients].headers) for _ in range(20)
            ]
        return (
            sum(answer.status_code == 404 for answer in answers),
            sum(answer.status_code == 429 for answer in answers),
        )

    with ThreadPoolExecutor(12) as threads:
        passed, refused = zip(*threads.map(call, range(12)), strict=True)
    assert (sum(passed), sum(refused)) == (50, 190)


def test_keys_of_one_user_share_a_quota_and_other_users_do_not(api: Api) -> None:
    tenant = api.tenant(limit=3)
    second = Tenant(tenant.id, api.new_key(tenant.id))
    used = [api.get("/jobs/x", key) for key in (tenant, second, tenant, second, tenant)]
    assert [answer.status_code for answer in used] == [404, 404, 404, 429, 429]
    assert [remaining(answer) for answer in used] == [2, 1, 0, 0, 0]
    assert api.get("/jobs/x", api.tenant(limit=3)).status_code == 404


@one_process("is about the runner in the same process")
def test_create_over_quota_leaves_no_job(api: Api) -> None:
    tenant = api.tenant(limit=1)
    api.create(tenant)
    body = {"repository": "a/b"}
    kicks = len(api.kicks)
    answer = api.client.post("/index", json=body, headers=tenant.headers)
    assert (answer.status_code, len(api.kicks)) == (429, kicks)
    with api.sql() as connection:
        row = connection.execute(
            "select count(*) from public.index_jobs where created_by = %s", (tenant.id,)
        ).fetchone()
    assert row == (1,)


def test_quota_resets_each_hour(api: Api) -> None:
    tenant = api.tenant(limit=1)
    assert [api.get("/jobs/x", tenant).status_code for _ in range(2)] == [404, 429]
    with api.sql() as connection:
        connection.execute(
            "update private.rate_limit_counters set window_start = window_start - interval '1 hour'"
            " where user_id = %s",
            (tenant.id,),
        )
    assert [api.get("/jobs/x", tenant).status_code for _ in range(2)] == [404, 429]
