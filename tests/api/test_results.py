"""GET /jobs/{id}/files, /skipped and /symbols over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, LiteralString
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx2
import pytest

from api.records import (
    FileList,
    FoundSymbol,
    IndexedFile,
    SkippedFile,
    SkippedList,
    SymbolList,
)

from .conftest import Api, Tenant

COMMIT = "c" * 40
SHAPES: Mapping[str, tuple[type, type]] = {
    "files": (FileList, IndexedFile),
    "skipped": (SkippedList, SkippedFile),
    "symbols": (SymbolList, FoundSymbol),
}
HOSTILE = "<img src=x>\u202e\x1b[2J'; drop table symbols; --%_\n"
# the rows of an index, as complete_index leaves them
STORE: LiteralString = """
with job as (select j.* from public.index_jobs as j where j.id = %(job)s),
indexed as (
  insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
  select job.repository_id, job.id, repeat('c', 40), 'tests', '{}' from job),
files as (
  insert into public.indexed_files (repository_id, job_id, path, language, bytes, blob_sha)
  select job.repository_id, job.id, 'src/' || n || '.py', 'Python', 10, repeat('b', 40)
  from job, generate_series(1, 5) as n
  returning *),
skipped as (
  insert into public.skipped_files (repository_id, job_id, path, reason)
  select job.repository_id, job.id, n || '.bin', case when n < 5 then 'binary' else 'vendored' end
  from job, generate_series(1, 5) as n)
insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id, s.name, 'function', 1, 2
from files as f
join unnest(%(names)s::text[]) with ordinality as s (name, n) on f.path = 'src/' || s.n || '.py'
"""
NAMES = ["get", "get_all", "get", "Get", HOSTILE]


def store(api: Api, tenant: Tenant, **body: Any) -> str:
    """Returns the id of a job whose repository has a stored index."""
    job_id = api.create(tenant, **body)
    with api.sql() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(STORE, {"job": job_id, "names": NAMES})
    return job_id


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture(scope="module")
def job_id(api: Api, alice: Tenant) -> str:
    return store(api, alice)


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


@pytest.mark.parametrize("what", SHAPES)
def test_stored_rows_are_returned_with_job_and_commit(
    api: Api, alice: Tenant, job_id: str, what: str
) -> None:
    whole, row = SHAPES[what]
    answer = api.get(f"/jobs/{job_id}/{what}", alice)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert set(page) == set(whole.__annotations__)
    assert (page["job_id"], page["commit_sha"], len(page[what])) == (job_id, COMMIT, 5)
    assert set(page[what][0]) == set(row.__annotations__)
    assert following(answer) is None
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("what", SHAPES)
def test_pages_are_linked(api: Api, alice: Tenant, job_id: str, what: str) -> None:
    path: str | None = f"/jobs/{job_id}/{what}?limit=2"
    seen: list[dict[str, Any]] = []
    while path:
        answer = api.get(path, alice)
        seen += answer.json()[what]
        path = following(answer)
    assert seen == api.get(f"/jobs/{job_id}/{what}", alice).json()[what]


def test_older_job_returns_the_index_of_a_later_one(api: Api) -> None:
    tenant = api.tenant()
    first = api.create(tenant, repository="alice/twice")
    refused = api.get(f"/jobs/{first}/files", tenant)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_completed")
    assert refused.json()["hint"]
    later = store(api, tenant, repository="alice/twice")
    assert api.get(f"/jobs/{first}/files", tenant).json()["job_id"] == later


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=get", ["get", "get"]),
        ("prefix=get", ["get", "get", "get_all"]),
        ("prefix=get&limit=1", ["get"]),
        ("prefix=g%25", []),
        ("name=GET", []),
        ("name=", []),
        (f"name={quote(HOSTILE)}", [HOSTILE]),
        (f"prefix={quote(HOSTILE[:8])}", [HOSTILE]),
        ("name=%ff", []),
    ],
)
def test_symbols_are_found_by_name_and_prefix(
    api: Api, alice: Tenant, job_id: str, query: str, found: list[str]
) -> None:
    page: SymbolList = api.get(f"/jobs/{job_id}/symbols?{query}", alice).json()
    assert [symbol["name"] for symbol in page["symbols"]] == found


def test_skipped_files_are_filtered_by_reason(api: Api, alice: Tenant, job_id: str) -> None:
    page: SkippedList = api.get(f"/jobs/{job_id}/skipped?reason=vendored", alice).json()
    assert page["skipped"] == [{"path": "5.bin", "reason": "vendored"}]
    assert api.get(f"/jobs/{job_id}/skipped?reason=nope", alice).json()["skipped"] == []


@pytest.mark.parametrize("what", SHAPES)
def test_foreign_unknown_and_malformed_ids_get_identical_404s(
    api: Api, alice: Tenant, job_id: str, what: str
) -> None:
    bob = api.tenant()
    paths = [f"/jobs/{other}/{what}" for other in (job_id, str(uuid4()), "x", "%00", "%ff")]
    answers = [api.get(path, bob) for path in (*paths, f"/jobs/{job_id}")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert api.get(paths[0], alice).status_code == 200, "its owner has it"


@pytest.mark.parametrize("what", SHAPES)
def test_member_sees_the_organizations_results(api: Api, alice: Tenant, what: str) -> None:
    bob = api.tenant()
    slug = api.organization(alice, bob)
    job_id = store(api, alice, organization=slug)
    assert len(api.get(f"/jobs/{job_id}/{what}", bob).json()[what]) == 5
    assert api.get(f"/jobs/{job_id}/{what}", api.tenant()).status_code == 404


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ("files?limit=0", "limit", "invalid_limit"),
        ("files?limit=1e1", "limit", "invalid_limit"),
        ("files?cursor=", "cursor", "invalid_cursor"),
        ("files?cursor=%ff", "cursor", "invalid_cursor"),
        ("files?name=a", "name", "unknown_parameter"),
        ("skipped?limit=101", "limit", "invalid_limit"),
        ("skipped?cursor=x", "cursor", "invalid_cursor"),
        ("skipped?reason=a&reason=b", "reason", "invalid_parameter"),
        ("symbols?limit=101", "limit", "invalid_limit"),
        ("symbols?cursor=x", "cursor", "invalid_cursor"),
        ("symbols?name=a&prefix=b", "prefix", "name_and_prefix"),
        ("symbols?name=%00", "name", "invalid_parameter"),
        ("symbols?q=a", "q", "unknown_parameter"),
    ],
)
def test_invalid_parameter_is_named_and_costs_one_request(
    api: Api, alice: Tenant, job_id: str, path: str, field: str, code: str
) -> None:
    before = api.requests_of(alice)
    answer = api.get(f"/jobs/{job_id}/{path}", alice)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert answer.json()["hint"]
    assert api.requests_of(alice) == before + 1


@pytest.mark.parametrize("what", SHAPES)
def test_results_cost_one_request(api: Api, what: str) -> None:
    tenant, path = api.tenant(limit=1), f"/jobs/{uuid4()}/{what}"
    assert api.get(path, tenant).headers["x-ratelimit-remaining"] == "0"
    assert api.get(path, tenant).status_code == 429
    unknown = {"Authorization": f"Bearer ij_{'0' * 16}_{'0' * 64}"}
    assert api.client.get(path, headers=unknown).status_code == 401
