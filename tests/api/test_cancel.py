"""DELETE /jobs/{id} over real HTTP."""

from __future__ import annotations

from uuid import uuid4

import httpx2
import pytest

from .conftest import Api, Tenant


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def delete(api: Api, job_id: str, tenant: Tenant) -> httpx2.Response:
    return api.client.delete(f"/jobs/{job_id}", headers=tenant.headers)


def begin(api: Api, job_id: str) -> None:
    with api.sql() as connection:
        connection.execute(
            "select from public.update_job_status(p_job_id => %s, p_status => 'processing')",
            (job_id,),
        )


def complete(api: Api, job_id: str) -> None:
    with api.sql() as connection:
        connection.execute(
            "select from public.update_job_status("
            "  p_job_id => %s, p_status => 'completed', p_attempt => 1)",
            (job_id,),
        )


def test_pending_job_is_cancelled_at_once_and_repeats_change_nothing(
    api: Api, alice: Tenant
) -> None:
    job_id = api.create(alice)
    first, again = delete(api, job_id, alice), delete(api, job_id, alice)
    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert first.headers["etag"] == f'W/"{first.json()["version"]}"'
    assert "retry-after" not in first.headers
    assert again.content == first.content == api.get(f"/jobs/{job_id}", alice).content


def test_cancelling_a_running_job_gets_202_and_asks_its_worker(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    begin(api, job_id)
    asked = delete(api, job_id, alice)
    assert (asked.status_code, asked.json()["status"]) == (202, "processing")
    assert asked.json()["cancel_requested_at"]
    assert asked.headers["retry-after"] == "1"
    assert delete(api, job_id, alice).content == asked.content


def test_finished_job_cannot_be_cancelled(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    begin(api, job_id)
    complete(api, job_id)
    refused = delete(api, job_id, alice)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert refused.json()["hint"]
    assert api.get(f"/jobs/{job_id}", alice).json()["status"] == "completed"


def test_foreign_unknown_and_malformed_ids_get_identical_404s(api: Api, alice: Tenant) -> None:
    job_id, bob = api.create(alice), api.tenant()
    answers = [delete(api, other, bob) for other in (job_id, str(uuid4()), "x", "%00")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert api.get(f"/jobs/{job_id}", alice).json()["status"] == "pending"


def test_member_cancels_own_jobs_and_gets_403_for_other_members_jobs(
    api: Api, alice: Tenant
) -> None:
    bob = api.tenant()
    slug = api.organization(alice, bob)
    job_id = api.create(alice, organization=slug)
    refused = delete(api, job_id, bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert delete(api, job_id, alice).status_code == 200


def test_each_request_costs_one_unit_of_quota(api: Api) -> None:
    tenant = api.tenant(limit=3)
    job_id = api.create(tenant)
    assert delete(api, job_id, tenant).headers["x-ratelimit-remaining"] == "1"
    assert delete(api, str(uuid4()), tenant).headers["x-ratelimit-remaining"] == "0"
    assert delete(api, job_id, tenant).status_code == 429


def test_nothing_is_cancelled_without_a_key(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    assert api.client.delete(f"/jobs/{job_id}").status_code == 401
    unknown = {"Authorization": f"Bearer ij_{'0' * 16}_{'0' * 64}"}
    assert api.client.delete(f"/jobs/{job_id}", headers=unknown).status_code == 401
    assert api.get(f"/jobs/{job_id}", alice).json()["status"] == "pending"
