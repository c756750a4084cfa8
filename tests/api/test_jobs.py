"""GET /jobs/{id} over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from api.records import IndexJob

from .conftest import Api, Tenant


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture(scope="module")
def bob(api: Api) -> Tenant:
    return api.tenant()


def move(api: Api, job_id: str, status: str, metadata: str = "{}") -> None:
    with api.sql() as connection:
        connection.execute(
            "select public.update_job_status(p_job_id => %s, p_status => %s, p_metadata => %s)",
            (job_id, status, metadata),
        )


def test_whole_record_is_returned(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    answer = api.get(f"/jobs/{job_id}", alice)
    job = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(job) == set(IndexJob.__annotations__)
    with api.sql() as connection:
        columns = connection.execute(
            "select attname from pg_attribute where attrelid = 'public.index_jobs'::regclass"
            " and attnum > 0 and not attisdropped"
        ).fetchall()
    assert set(job) == {name for (name,) in columns}
    created_at = datetime.fromisoformat(job["created_at"])
    assert created_at.utcoffset() == timedelta(0)


def test_foreign_unknown_and_malformed_ids_get_identical_404s(
    api: Api, alice: Tenant, bob: Tenant
) -> None:
    job_id = api.create(alice)
    assert api.get(f"/jobs/{job_id}", alice).status_code == 200
    malformed = [
        "1", "undefined", "not-a-uuid", "{" + job_id + "}", job_id.replace("-", ""), job_id + "0",
        job_id[:-1], "%00", "%ff", "%0a", job_id + "%0a", "%ed%a0%80", "a" * 5000, "'--", "..;",
    ]  # fmt: skip
    ids = [job_id, str(uuid4()), "0" * 8 + "-0000" * 3 + "-" + "0" * 12, *malformed]
    answers = [api.get(f"/jobs/{other}", bob) for other in ids]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["content-type"] for answer in answers}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    counted = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert counted == list(range(counted[0], counted[0] - len(ids), -1))


def test_uppercase_id_finds_the_same_job(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    assert api.get(f"/jobs/{job_id.upper()}", alice).json()["id"] == job_id


def test_run_id_is_accepted_as_job_id(api: Api, alice: Tenant) -> None:
    answer = api.client.post("/index", json={"repository": "a/b"}, headers=alice.headers)
    assert api.get(f"/jobs/{answer.json()['runId']}", alice).status_code == 200


def test_current_etag_gets_304_until_the_job_changes(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    first = api.get(f"/jobs/{job_id}", alice)
    tag = first.headers["etag"]
    assert tag == f'W/"{first.json()["version"]}"'
    for seen in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = api.get(f"/jobs/{job_id}", alice, **{"If-None-Match": seen})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
        assert again.headers["retry-after"] == "1"
        assert "x-ratelimit-remaining" in again.headers
    for seen in ('"0"', "0", tag.strip('W/"'), "", "nonsense"):
        assert api.get(f"/jobs/{job_id}", alice, **{"If-None-Match": seen}).status_code == 200
    move(api, job_id, "processing")
    changed = api.get(f"/jobs/{job_id}", alice, **{"If-None-Match": tag})
    assert (changed.status_code, changed.json()["status"]) == (200, "processing")
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('W/"1"', 304),
        ('"1"', 304),
        ('"7", W/"1"', 304),
        ('W/"1-gzip"', 304),
        ('"1-gzip"', 304),
        ('"7-br", W/"1-br"', 304),
        ('"1--gzip"', 304),
        ('"1-zstd"', 304),
        ('W/"2-gzip"', 200),
        ('"1-other"', 200),
        ('"1-gzip', 200),
        ('W/"2"', 200),
        ('"01"', 200),
        ('"1" ""', 200),
        ("1", 200),
        (f'"{10**30}"', 200),
    ],
)
def test_only_the_matching_etag_gets_304(api: Api, alice: Tenant, tags: str, status: int) -> None:
    path = f"/jobs/{api.create(alice)}"
    answer = api.get(path, alice, **{"If-None-Match": tags})
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else api.get(path, alice).content)


def test_etag_of_another_tenants_job_gets_404(api: Api, alice: Tenant, bob: Tenant) -> None:
    job_id = api.create(alice)
    assert api.get(f"/jobs/{job_id}", bob, **{"If-None-Match": "*"}).status_code == 404


def test_retry_after_is_sent_until_the_job_is_final(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    assert api.get(f"/jobs/{job_id}", alice).headers["retry-after"] == "1"
    move(api, job_id, "processing")
    assert api.get(f"/jobs/{job_id}", alice).headers["retry-after"] == "1"
    move(api, job_id, "failed", '{"error": "no such ref"}')
    last = api.get(f"/jobs/{job_id}", alice)
    assert "retry-after" not in last.headers
    assert (last.json()["status"], last.json()["error_message"]) == ("failed", "no such ref")


def test_response_is_private_and_must_be_revalidated(api: Api, alice: Tenant) -> None:
    answer = api.get(f"/jobs/{api.create(alice)}", alice)
    assert answer.headers["cache-control"] == "private, no-cache"


def test_head_is_get_without_a_body(api: Api, alice: Tenant) -> None:
    path = f"/jobs/{api.create(alice)}"
    got, head = api.get(path, alice), api.client.head(path, headers=alice.headers)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "cache-control", "retry-after"):
        assert head.headers[name] == got.headers[name]
    assert api.client.head("/jobs/x", headers=alice.headers).status_code == 404


def test_only_current_members_see_an_organizations_jobs(
    api: Api, alice: Tenant, bob: Tenant
) -> None:
    job_id = api.create(alice, organization=api.organization(alice, bob))
    assert api.get(f"/jobs/{job_id}", bob).status_code == 200
    with api.sql() as connection:
        connection.execute("delete from public.organization_members where user_id = %s", (bob.id,))
    assert api.get(f"/jobs/{job_id}", bob).status_code == 404
    assert api.get(f"/jobs/{job_id}", alice).status_code == 200
