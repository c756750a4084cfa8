"""GET /jobs/counts over real HTTP."""

from __future__ import annotations

import pytest

from api.records import JobCounts

from .conftest import Api, Tenant


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def test_own_jobs_are_counted_by_status(api: Api) -> None:
    tenant = api.tenant()
    first, second = api.create(tenant), api.create(tenant)
    api.client.delete(f"/jobs/{second}", headers=tenant.headers)
    api.create(api.tenant())
    answer = api.get("/jobs/counts", tenant)
    assert answer.status_code == 200
    counts: JobCounts = answer.json()
    assert set(counts) == set(JobCounts.__annotations__)
    assert (counts["pending"], counts["processing"], counts["cancelled"]) == (1, 0, 1)
    assert counts["oldest_pending_at"] == api.get(f"/jobs/{first}", tenant).json()["created_at"]
    assert counts["wait_p50"] is None
    assert answer.headers["cache-control"] == "private, no-cache"
    later = api.get("/jobs/counts?since=2999-01-01T00:00:00Z", tenant).json()
    assert (later["pending"], later["cancelled"]) == (1, 0)


def test_members_see_the_counts_of_their_organization(api: Api, alice: Tenant) -> None:
    bob = api.tenant()
    slug = api.organization(alice, bob)
    api.create(alice, organization=slug, repository="shared/app")
    assert api.get(f"/jobs/counts?organization={slug}", bob).json()["pending"] == 1
    assert api.get("/jobs/counts", bob).json()["pending"] == 0
    refused = api.get(f"/jobs/counts?organization={slug}", api.tenant())
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_organization")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("since=yesterday", "since", "invalid_since"),
        ("since=2020-01-01T00:00:00Z", "since", "invalid_since"),
        ("since=%00", "since", "invalid_parameter"),
        ("since=a&since=b", "since", "invalid_parameter"),
        ("organization=no%20slug", "organization", "invalid_organization"),
        ("limit=1", "limit", "unknown_parameter"),
    ],
)
def test_invalid_parameter_is_named_and_costs_one_request(
    api: Api, alice: Tenant, query: str, field: str, code: str
) -> None:
    before = api.requests_of(alice)
    answer = api.get(f"/jobs/counts?{query}", alice)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert answer.json()["hint"]
    assert api.requests_of(alice) == before + 1


def test_counts_cost_one_request(api: Api) -> None:
    tenant = api.tenant(limit=1)
    assert api.get("/jobs/counts", tenant).headers["x-ratelimit-remaining"] == "0"
    assert api.get("/jobs/counts", tenant).status_code == 429
    unknown = {"Authorization": f"Bearer ij_{'0' * 16}_{'0' * 64}"}
    assert api.client.get("/jobs/counts", headers=unknown).status_code == 401
