"""Digits of other scripts are not numbers, in any part of a request."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest

from .conftest import Api, Tenant, over_the_database
from .test_answers import token_of
from .test_protocol import all_of, connected

DIGITS = {"Arabic": "\u0661", "Devanagari": "\u0967", "full-width": "\uff11", "raised": "\u00b9"}


@pytest.fixture(params=DIGITS.values(), ids=DIGITS)
def one(request: pytest.FixtureRequest) -> str:
    digit: str = request.param
    assert digit.isdigit()
    return digit


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit={}", "limit"),
        ("limit=1{}", "limit"),
        ("since={}026-01-01T00:00:00Z", "since"),
        ("since=2026-01-0{}T00:00:00Z", "since"),
        ("cursor={}", "cursor"),
    ],
)
def test_query_with_foreign_digits_gets_422(
    api: Api, alice: Tenant, one: str, query: str, field: str
) -> None:
    answer = api.get(f"/jobs?{query.format(quote(one))}", alice)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"repository": "a/b", "commit_sha": "{}" * 40}, "commit_sha"),
        ({"repository": "https://x.example:44{}/a/b"}, "repository"),
        ({"repository": "https://{}27.0.0.1/a/b"}, "repository"),
    ],
    ids=["a commit", "a port", "an address"],
)
def test_body_with_foreign_digits_gets_422(
    api: Api, alice: Tenant, one: str, body: dict[str, str], field: str
) -> None:
    sent = {name: value.replace("{}", one) for name, value in body.items()}
    answer = api.client.post("/index", json=sent, headers={"Authorization": f"Bearer {alice.key}"})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_id_with_foreign_digits_gets_404(api: Api, alice: Tenant, one: str) -> None:
    job_id = api.create(alice)
    digit = next(character for character in job_id if character.isdecimal())
    path = f"/jobs/{quote(job_id.replace(digit, one))}"
    assert api.get(f"/jobs/{job_id}", alice).status_code == 200
    assert api.get(path, alice).status_code == 404
    assert api.get(f"{path}/events", alice).status_code == 404


@over_the_database
@pytest.mark.parametrize(
    "query", ["limit={}", "offset={}", "p_limit={}", "attempt=eq.{}", "attempt=in.({})"]
)
def test_rest_query_with_foreign_digits_gets_400(
    api: Api, alice: Tenant, one: str, query: str
) -> None:
    path = f"/rest/v1/rpc/list_index_jobs?{query.format(quote(one))}"
    answer = api.client.get(path, headers={"Authorization": f"Bearer {token_of(alice)}"})
    assert answer.status_code == 400


@over_the_database
@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Length: \xb9", 400),
        (b"Content-Length: 1\xb2", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n\xb9\r\nx\r\n0", 400),
        (b"Host: x:\xb9", 200),
        (b'If-None-Match: W/"\xb9"', 200),
        (b"Range: items=0-\xb9", 200),
        (b"X-Request-Id: \xb9", 200),
        (b"Prefer: wait=\xb9", 200),
        (b"Last-Event-ID: \xb9", 200),
    ],
)
def test_header_with_superscript_digits_is_rejected_or_ignored(
    api: Api, alice: Tenant, header: bytes, status: int
) -> None:
    """A header can contain superscripts, which isdigit() accepts and int() does not."""
    lines = [f"GET /jobs/{api.create(alice)} HTTP/1.1".encode(), header]
    lines += [f"Authorization: Bearer {alice.key}".encode(), b"Connection: close"]
    lines += [] if header.startswith(b"Host") else [b"Host: x"]
    if b"\r\n" in header:  # the chunks are last
        lines = [lines[0], *lines[2:], header]
    with connected(api) as client:
        with suppress(ConnectionError):
            client.sendall(b"\r\n".join([*lines, b"", b""]))
        assert int(all_of(client).split(b" ", 2)[1]) == status
