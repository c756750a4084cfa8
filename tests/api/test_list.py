"""GET /jobs over real HTTP."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from api.records import IndexJob, JobList

from .conftest import Api, Tenant


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture(scope="module")
def jobs(api: Api, alice: Tenant) -> list[str]:
    """Seven jobs, newest first."""
    return [api.create(alice, repository="alice/app") for _ in range(7)][::-1]


def listed(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    page: JobList = answer.json()
    assert set(page) == set(JobList.__annotations__)
    return [job["id"] for job in page["jobs"]]


def following(answer: httpx2.Response) -> str | None:
    """Returns the address of the next page."""
    link = answer.headers.get("link")
    if link is None:
        assert answer.json()["next_cursor"] is None
        return None
    found = re.fullmatch(r'<(.*)>; rel="next"', link)
    assert found
    assert parse_qs(urlsplit(found[1]).query)["cursor"] == [answer.json()["next_cursor"]]
    return found[1]


def test_own_jobs_are_listed_newest_first_with_all_fields(
    api: Api, alice: Tenant, jobs: list[str]
) -> None:
    answer = api.get("/jobs", alice)
    assert listed(answer) == jobs
    assert set(answer.json()["jobs"][0]) == set(IndexJob.__annotations__)
    assert answer.json()["jobs"][0] == api.get(f"/jobs/{jobs[0]}", alice).json()
    assert following(answer) is None
    assert answer.headers["cache-control"] == "private, no-cache"


def test_pagination_is_stable_while_jobs_arrive(api: Api, alice: Tenant, jobs: list[str]) -> None:
    path: str | None = "/jobs?limit=3&status=pending"
    seen: list[str] = []
    while path:
        answer = api.get(path, alice)
        seen += listed(answer)
        path = following(answer)
        api.create(alice, repository="alice/late")
    assert [job_id for job_id in seen if job_id in jobs] == jobs
    assert len(seen) == len(set(seen)) == len(jobs)


def test_cursor_from_the_body_works(api: Api, alice: Tenant, jobs: list[str]) -> None:
    first = api.get("/jobs?limit=2", alice)
    cursor, link = first.json()["next_cursor"], following(first)
    assert link and "+" in cursor and "+" not in link
    expected = listed(api.get(link, alice))
    assert expected
    assert listed(api.get(f"/jobs?limit=2&cursor={cursor}", alice)) == expected


def test_organization_jobs_are_listed_separately(api: Api, alice: Tenant) -> None:
    bob = api.tenant()
    slug = api.organization(alice, bob)
    job_id = api.create(alice, organization=slug, repository="shared/app")
    answer = api.get(f"/jobs?organization={slug}&repository=shared/app", bob)
    assert listed(answer) == [job_id]
    organization_id = answer.json()["jobs"][0]["organization_id"]
    assert listed(api.get(f"/jobs?organization={organization_id}", bob)) == [job_id]
    assert listed(api.get("/jobs", bob)) == []
    assert job_id not in listed(api.get("/jobs?limit=100", alice))
    refused = api.get(f"/jobs?organization={slug}", api.tenant())
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_organization")


def test_filters_select_the_matching_jobs(api: Api) -> None:
    tenant = api.tenant()
    first = api.create(tenant, repository="a/one")
    second = api.create(tenant, repository="a/two")
    api.client.delete(f"/jobs/{first}", headers=tenant.headers)
    record = api.get(f"/jobs/{second}", tenant).json()
    since = record["created_at"].replace("+", "%2B")
    for query, found in {
        "repository=a/one": [first],
        f"repository={record['repository_id']}": [second],
        "status=cancelled": [first],
        "status=pending": [second],
        "status=failed": [],
        f"since={since}": [second],
        "since=2020-01-01T00:00:00Z": [second, first],
        "since=2999-01-01T00:00:00-12:00": [],
        "since=2020-01-01T00:00:00%2B23:59": [second, first],
        "since=2999-01-01T00:00:00-16:00": [],
        "repository=a/one&status=pending": [],
    }.items():
        assert listed(api.get(f"/jobs?{query}", tenant)) == found, query


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=0", "limit", "invalid_limit"),
        ("limit=101", "limit", "invalid_limit"),
        ("limit=", "limit", "invalid_limit"),
        ("limit=1e1", "limit", "invalid_limit"),
        ("limit=1&limit=2", "limit", "invalid_parameter"),
        ("status=done", "status", "unknown_status"),
        ("status=", "status", "unknown_status"),
        ("status=%00", "status", "invalid_parameter"),
        ("since=yesterday", "since", "invalid_since"),
        ("since=2026-01-01", "since", "invalid_since"),
        ("since=2026-01-01T00:00:00", "since", "invalid_since"),
        ("since=2026-02-30T00:00:00Z", "since", "invalid_since"),
        ("since=0001-01-01T00:00:00%2B23:59", "since", "invalid_since"),
        ("cursor=", "cursor", "invalid_cursor"),
        ("cursor=x", "cursor", "invalid_cursor"),
        ("cursor=2026-02-30T00:00:00Z,00000000-0000-4000-8000-000000000000", "cursor",
         "invalid_cursor"),
        ("repository=no/such", "repository", "unknown_repository"),
        ("organization=no-such", "organization", "unknown_organization"),
        ("offset=10", "offset", "unknown_parameter"),
        ("%00=1", "\0", "unknown_parameter"),
        ("status=%ff", "status", "unknown_status"),
    ],
)  # fmt: skip
def test_invalid_parameter_is_named_and_costs_one_request(
    api: Api, alice: Tenant, query: str, field: str, code: str
) -> None:
    before = api.requests_of(alice)
    answer = api.get(f"/jobs?{query}", alice)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert answer.json()["hint"]
    assert api.requests_of(alice) == before + 1


@pytest.mark.parametrize("limit", [0, 101])
def test_limit_out_of_range_gets_the_range_and_a_hint_on_paging(
    api: Api, alice: Tenant, limit: int
) -> None:
    problem = api.get(f"/jobs?limit={limit}", alice).json()
    assert "from 1 to 100" in problem["detail"]
    assert "next_cursor" in problem["hint"]


def test_credentials_and_quota_are_checked_before_the_query(api: Api) -> None:
    unknown = {"Authorization": f"Bearer ij_{'0' * 16}_{'0' * 64}"}
    assert api.client.get("/jobs?limit=0", headers=unknown).status_code == 401
    assert api.client.get("/jobs", headers=unknown).status_code == 401
    tenant = api.tenant(limit=1)
    assert api.get("/jobs", tenant).headers["x-ratelimit-remaining"] == "0"
    assert api.get("/jobs?limit=0", tenant).status_code == 429
    assert api.get("/jobs", tenant).status_code == 429
