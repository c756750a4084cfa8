"""POST /index over real HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE

from .conftest import Api, Tenant, over_the_database

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def post(api: Api, tenant: Tenant, body: bytes, **headers: str) -> httpx2.Response:
    return api.client.post("/index", content=body, headers=tenant.headers | JSON | headers)


def test_accepted_request_returns_id_location_and_retry_after(api: Api, alice: Tenant) -> None:
    answer = api.client.post("/index", json={"repository": "a/first"}, headers=alice.headers)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body == {"jobId": body["jobId"], "runId": body["jobId"], "status": "pending"}
    assert answer.headers["location"] == f"/jobs/{body['jobId']}"
    assert answer.headers["retry-after"] == "1"
    assert api.get(answer.headers["location"], alice).json()["id"] == body["jobId"]


def test_created_job_has_the_requested_fields(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice, repository="a/b", ref="feature/x", commit_sha="AB" * 20)
    job = api.get(f"/jobs/{job_id}", alice).json()
    assert (job["ref"], job["commit_sha"], job["status"]) == ("feature/x", "ab" * 20, "pending")
    with api.sql() as connection:
        repository = connection.execute(
            "select full_name, git_url, owner_user_id::text from public.repositories where id = %s",
            (job["repository_id"],),
        ).fetchone()
    assert repository == ("a/b", "https://github.com/a/b.git", alice.id)


@one_process("is about the runner in the same process")
def test_runner_is_woken_only_by_accepted_requests(api: Api, alice: Tenant) -> None:
    before = len(api.kicks)
    api.create(alice)
    assert len(api.kicks) == before + 1
    assert post(api, alice, b"{}").status_code == 422
    assert len(api.kicks) == before + 1


def test_same_idempotency_key_and_body_give_the_same_job(api: Api, alice: Tenant) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    answers = [post(api, alice, b'{"repository": "a/once"}', **headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    other = post(api, alice, b'{"repository": "a/other"}', **headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert post(api, alice, b'{"repository": "a/once"}').json() != answers[0].json()


def test_idempotency_keys_are_per_user(api: Api, alice: Tenant) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    mine = post(api, alice, b'{"repository": "a/b"}', **headers)
    theirs = post(api, api.tenant(), b'{"repository": "a/b"}', **headers)
    assert mine.json()["jobId"] != theirs.json()["jobId"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ä"])
def test_invalid_idempotency_key_is_named(api: Api, alice: Tenant, key: str) -> None:
    answer = api.client.post(
        "/index",
        json={"repository": "a/b"},
        headers=[*alice.headers.items(), ("Idempotency-Key", key.encode())],
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "idempotency_key")


def test_members_can_index_for_an_organization_and_strangers_cannot(
    api: Api, alice: Tenant
) -> None:
    slug, stranger = api.organization(alice), api.tenant()
    with api.sql() as connection:
        row = connection.execute(
            "select id from public.organizations where slug = %s", (slug,)
        ).fetchone()
        assert row
    for name in (slug, str(row[0])):
        job_id = api.create(alice, organization=name)
        assert api.get(f"/jobs/{job_id}", alice).json()["organization_id"] == str(row[0])
    for name in (slug, str(row[0]), "no-such-organization", str(uuid4())):
        body = json.dumps({"repository": "a/b", "organization": name}).encode()
        answer = post(api, stranger, body)
        assert (answer.status_code, answer.json()["field"]) == (422, "organization")


def test_repository_name_with_another_url_is_a_conflict(api: Api, alice: Tenant) -> None:
    # both are owner/name under the base URL of another API in front of the same database
    api.create(alice, repository="a/moved")
    with api.sql() as connection:
        connection.execute(
            "update public.repositories set git_url = 'https://elsewhere.example/x'"
            " where full_name = 'a/moved'"
        )
    answer = post(api, alice, b'{"repository": "a/moved"}')
    assert (answer.status_code, answer.json()["field"]) == (409, "repository")


REFUSED: dict[str, tuple[bytes, int, str | None]] = {
    "not JSON": (b"repository", 400, None),
    "nothing": (b"", 400, None),
    "not UTF-8": (b'{"repository": "\xff"}', 400, None),
    "NaN": (b'{"repository": NaN}', 400, None),
    "duplicate keys": (b'{"repository": "a/b", "repository": "c/d"}', 400, None),
    "deep nesting": (b'{"repository": ' + b"[" * 60_000, 400, None),
    "deep nesting that ends": (b"[" * 30_000 + b"]" * 30_000, 400, None),
    "lone surrogate": (b'{"repository": "\\ud800"}', 400, None),
    "a list": (b'["repository"]', 400, None),
    "raw NUL": (b'{"repository": "a/\x00b"}', 400, None),
    "NUL": (b'{"repository": "a/\\u0000b"}', 422, "repository"),
    "NUL in ref": (b'{"repository": "a/b", "ref": "\\u0000"}', 422, "ref"),
    "NUL in localPath": (b'{"repository": "a/b", "localPath": "/\\u0000"}', 422, "localPath"),
    "NUL in organization": (
        b'{"repository": "a/b", "organization": "\\u0000"}',
        422,
        "organization",
    ),
    "NUL in an unknown field": (b'{"repository": "a/b", "\\u0000": 1}', 422, "\0"),
    "missing repository": (b"{}", 422, "repository"),
    "null repository": (b'{"repository": null}', 422, "repository"),
    "repository is a number": (b'{"repository": 1}', 422, "repository"),
    "repository is an object": (b'{"repository": {}}', 422, "repository"),
    "repository is a huge integer": (b'{"repository": 1' + b"0" * 99 + b"}", 422, "repository"),
    "an integer of 4,000 digits": (b'{"repository": 1' + b"0" * 4000 + b"}", 400, None),
    "an integer of 60,000 digits": (b'{"repository": 1' + b"0" * 60_000 + b"}", 400, None),
    "bad ref": (b'{"repository": "a/b", "ref": "--upload-pack=x"}', 422, "ref"),
    "bad commit": (b'{"repository": "a/b", "commit_sha": "main"}', 422, "commit_sha"),
    "unknown field": (b'{"repository": "a/b", "branch": "main"}', 422, "branch"),
    "a local path": (b'{"repository": "a/b", "localPath": "/etc"}', 422, "localPath"),
    "a file URL": (b'{"repository": "file:///etc"}', 422, "repository"),
    "credentials": (b'{"repository": "https://u:p@h/a/b"}', 422, "repository"),
    "more than 64 kB": (b'{"repository": "' + b"a" * 65_536 + b'"}', 413, None),
}


@pytest.mark.parametrize(("body", "status", "field"), REFUSED.values(), ids=REFUSED)
def test_invalid_input_is_rejected_with_its_field_and_costs_one_request(
    api: Api, body: bytes, status: int, field: str | None
) -> None:
    tenant = api.tenant()
    answer = post(api, tenant, body)
    assert (answer.status_code, answer.json().get("field")) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["error"] == problem["detail"]
    assert problem["code"]
    assert "Traceback" not in answer.text
    assert api.requests_of(tenant) == 1
    assert answer.headers["x-ratelimit-remaining"] == "9999"


def test_unauthenticated_caller_gets_401_before_the_body_is_checked(api: Api) -> None:
    wrong = "ij_" + "0" * 16 + "_" + "0" * 64
    for body in (b'{"repository": "a/b"}', b"{}", b"\xff", b"x" * 70_000):
        assert api.client.post("/index", content=body, headers=JSON).status_code == 401
        headers = JSON | {"Authorization": f"Bearer {wrong}"}
        answer = api.client.post("/index", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_INVALID_KEY")


def test_caller_without_quota_gets_429_before_the_body_is_checked(api: Api) -> None:
    tenant = api.tenant(limit=1)
    assert post(api, tenant, b"\xff").status_code == 400
    assert post(api, tenant, b"\xff").status_code == 429


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


@over_the_database
def test_late_body_gets_408_and_other_requests_are_served(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(body_timeout_seconds=1)
    alice = api.tenant()
    url = httpx2.URL(api.url)
    for path in ("/index", "/rest/v1/rpc/get_job_status"):
        with socket.create_connection((url.host, url.port), timeout=PATIENCE) as slow:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n"
            head += f"Content-Type: application/json\r\nAuthorization: Bearer {alice.key}\r\n"
            slow.sendall(f'{head}\r\n{{"repository"'.encode())
            assert api.create(alice)
            answer = b"".join(iter(lambda: slow.recv(4096), b""))  # until it is closed
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"The body did not arrive within 1 seconds." in answer


def padded(size: int) -> bytes:
    body = b'{"repository": "a/b"'
    return body + b" " * (size - len(body) - 1) + b"}"


def test_body_over_64_kb_gets_413_with_and_without_content_length(api: Api, alice: Tenant) -> None:
    headers = alice.headers | JSON
    for size, status in ((65_536, 202), (65_537, 413)):
        whole = api.client.post("/index", content=padded(size), headers=headers)
        streamed = api.client.post("/index", content=chunks(padded(size)), headers=headers)
        assert "content-length" not in streamed.request.headers
        assert (whole.status_code, streamed.status_code) == (status, status)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json; charset=utf-8"}, 202),
        ({"Content-Type": 'Application/JSON;charset="UTF-8"'}, 202),
        ({"Content-Type": "application/vnd.github+json"}, 202),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 202),  # curl -d
        ({}, 202),
        ({"Content-Type": "application/json", "Content-Encoding": "identity"}, 202),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "application/xml"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
def test_content_types_of_common_clients_are_accepted(
    api: Api, alice: Tenant, headers: dict[str, str], status: int
) -> None:
    body = b'{"repository": "a/b"}'
    answer = api.client.post("/index", content=body, headers=alice.headers | headers)
    assert answer.status_code == status


@one_process("reads the log of one process")
def test_client_that_disconnects_mid_body_costs_nothing_and_logs_nothing(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    tenant = api.tenant()
    address = urlsplit(api.url)
    for _ in range(5):
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(
                b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\nAuthorization: Bearer "
                + tenant.key.encode()
                + b"\r\nExpect: 100-continue\r\n\r\n"
            )
            # the handler is reading the body by now
            assert client.recv(100).startswith(b"HTTP/1.1 100")
            client.sendall(b'{"repo')
    assert api.get("/jobs/x", tenant).status_code == 404
    assert api.requests_of(tenant) == 1
    assert [record.getMessage() for record in api.log if record.levelname != "INFO"] == []


def test_local_path_inside_the_roots_is_accepted(
    own_api: Callable[..., Api], tmp_path: Path
) -> None:
    api = own_api(local_repository_roots=str(tmp_path))
    tenant = api.tenant()
    folder = tmp_path / "my project"
    folder.mkdir()
    api.create(tenant, repository="local/project", localPath=str(folder))
    with api.sql() as connection:
        (url,) = connection.execute("select git_url from public.repositories").fetchone() or ()
    assert url == folder.resolve().as_uri()
    outside: Any = {"repository": "local/project", "localPath": "/etc"}
    answer = api.client.post("/index", json=outside, headers=tenant.headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "localPath")


def test_100_concurrent_requests_are_all_accepted(api: Api, alice: Tenant) -> None:
    with ThreadPoolExecutor(20) as threads:
        jobs = list(threads.map(lambda n: api.create(alice, repository=f"a/r{n % 10}"), range(100)))
    assert len(set(jobs)) == 100


def test_32_identical_concurrent_requests_create_one_job(api: Api, alice: Tenant) -> None:
    headers = alice.headers | {"Idempotency-Key": str(uuid4())}
    start = Barrier(32)

    def post(_: int) -> tuple[int, str, str]:
        start.wait(PATIENCE)
        answer = loopback.post(
            f"{api.url}/index", json={"repository": "one/job"}, headers=headers, timeout=PATIENCE
        )
        return answer.status_code, answer.headers.get("location", ""), answer.text

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(post, range(32)))
    assert answers == answers[:1] * 32
    status, location, _ = answers[0]
    assert status == 202
    [job] = api.get("/jobs?repository=one/job", alice).json()["jobs"]
    assert location == f"/jobs/{job['id']}"
    [event] = api.get(f"{location}/events", alice).json()["events"]
    assert (event["from_status"], event["to_status"]) == (None, "pending")
