"""Changes of jobs by support, over real HTTP."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from .conftest import SERVICE_KEY, Api, Tenant

ACTIONS = ("fail", "release", "retry")


@pytest.fixture
def tenant(api: Api) -> Tenant:
    return api.tenant()


def post(
    api: Api, job_id: str, action: str, key: str = SERVICE_KEY, json: Any = None
) -> httpx2.Response:
    body = {"reason": "ticket 7"} if json is None else json
    headers = {"Authorization": f"Bearer {key}"}
    return api.client.post(f"/admin/jobs/{job_id}/{action}", headers=headers, json=body)


def listed(api: Api, **query: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {SERVICE_KEY}"}
    return api.client.get("/admin/jobs", headers=headers, params=query)


def outcomes(api: Api, job_id: str) -> list[tuple[str, str]]:
    with api.sql() as connection:
        return connection.execute(
            "select action, outcome from private.admin_audit where job_id = %s order by id",
            (job_id,),
        ).fetchall()


def test_support_fails_a_job_and_retries_it_once(api: Api, tenant: Tenant) -> None:
    job_id = api.create(tenant)
    failed = post(api, job_id, "fail")
    assert failed.status_code == 200
    assert failed.json() == api.get(f"/jobs/{job_id}", tenant).json()
    assert (failed.json()["status"], failed.json()["error_message"]) == (
        "failed",
        "support ended the job",
    )
    assert failed.headers["etag"] == f'W/"{failed.json()["version"]}"'
    repeat = post(api, job_id, "retry")
    assert (repeat.status_code, repeat.json()["repeats_job_id"]) == (202, job_id)
    assert repeat.headers["location"] == f"/admin/jobs/{repeat.json()['id']}"
    assert repeat.headers["retry-after"] == "1"
    assert api.get(f"/jobs/{repeat.json()['id']}", tenant).json() == repeat.json()
    assert post(api, job_id, "retry").json()["id"] == repeat.json()["id"]
    refused = post(api, job_id, "fail")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert outcomes(api, job_id) == [
        ("fail", "ok"),
        ("retry", "ok"),
        ("retry", "ok"),
        ("fail", "invalid_transition"),
    ]


def test_support_releases_a_job_from_its_worker(api: Api, tenant: Tenant) -> None:
    job_id = api.create(tenant)
    refused = post(api, job_id, "release")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_lease")
    with api.sql() as connection:
        connection.execute(
            "select update_job_status(%s, 'processing', p_worker_id => gen_random_uuid()::text)",
            (job_id,),
        )
    released = post(api, job_id, "release")
    assert released.status_code == 200
    assert released.json()["retry_at"] == released.json()["updated_at"]
    assert [
        event["detail"] for event in api.get(f"/jobs/{job_id}/events", tenant).json()["events"]
    ][-1]["handed_back"]


@pytest.mark.parametrize("action", ACTIONS)
def test_user_gets_403_and_missing_job_the_usual_404(api: Api, tenant: Tenant, action: str) -> None:
    job_id = api.create(tenant)
    refused = post(api, job_id, action, tenant.key)
    assert (refused.status_code, refused.json()["code"]) == (403, "AUTH_SERVICE_ROLE_REQUIRED")
    assert post(api, job_id, action, "nobody").status_code == 401
    assert api.get(f"/jobs/{job_id}", tenant).json()["status"] == "pending"
    assert outcomes(api, job_id) == []
    missing = {post(api, each, action).content for each in ("x", "%00", tenant.id)}
    assert missing == {api.get("/jobs/x", tenant).content}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_reason"),
        ({"reason": None}, "invalid_reason"),
        ({"reason": " "}, "invalid_reason"),
        ({"reason": 7}, "invalid_reason"),
        ({"reason": "a\0"}, "invalid_reason"),
        ({"reason": "x" * 501}, "invalid_reason"),
        ({"reason": "x", "why": "x"}, "unknown_field"),
    ],
)
def test_reason_is_required(api: Api, tenant: Tenant, body: Any, code: str) -> None:
    job_id = api.create(tenant)
    for action in ACTIONS:
        answer = post(api, job_id, action, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["field"] == ("why" if code == "unknown_field" else "reason")
    assert api.get(f"/jobs/{job_id}", tenant).json()["status"] == "pending"


def test_search_covers_all_tenants_and_is_paginated(api: Api) -> None:
    first, second = api.tenant(), api.tenant()
    jobs = [api.create(first), api.create(second), api.create(second)]
    page = listed(api, limit="3", reason="ticket 7")
    assert [job["id"] for job in page.json()["jobs"]] == jobs[::-1]
    assert page.headers["link"].startswith("</admin/jobs?limit=3&reason=ticket+7&cursor=")
    mine = listed(api, tenant=second.id, limit="1")
    rest = listed(api, tenant=second.id, cursor=mine.json()["next_cursor"])
    assert [job["id"] for job in mine.json()["jobs"] + rest.json()["jobs"]] == [jobs[2], jobs[1]]
    assert rest.json()["next_cursor"] is None
    post(api, jobs[1], "fail")
    failed = listed(api, tenant=second.id, status="failed").json()
    assert [job["id"] for job in failed["jobs"]] == [jobs[1]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"status": "x"}, "unknown_status"),
        ({"tenant": "x"}, "invalid_tenant"),
        ({"queue_job_id": "x"}, "invalid_queue_job_id"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"limit": "0"}, "invalid_limit"),
        ({"until": "x"}, "invalid_since"),
        ({"since": "x"}, "invalid_since"),
        ({"colour": "x"}, "unknown_parameter"),
    ],
)
def test_invalid_search_parameter_is_named(api: Api, query: dict[str, str], code: str) -> None:
    answer = listed(api, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == next(iter(query))
