"""A token issuer that fails in every way. Callers are never blamed for it."""

from __future__ import annotations

import gzip
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from api import jwks
from tests.support.pooled import one_process
from tests.support.waiting import until

from .conftest import Api, Place, Tenant, avoid_end_of_hour, text_of
from .issuer import SYMMETRIC, Issuer, Misbehaviour, claims_of, issuing, say

pytestmark = [
    pytest.mark.parametrize("transport", ["database"], indirect=True),
    one_process("counts what one process asks of the issuer of tokens"),
]

WAY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def issuer_and_url() -> Iterator[tuple[Issuer, str]]:
    with issuing() as made:
        yield made


@pytest.fixture
def issuer(issuer_and_url: tuple[Issuer, str]) -> Issuer:
    return issuer_and_url[0]


@pytest.fixture(scope="module")
def place(clusters: Callable[[int], Any]) -> Iterator[Place]:
    """One database for all of them; each has its own tenant."""
    with clusters(18).database("ordinary", migrated=True) as place:
        avoid_end_of_hour(place)
        yield place


@pytest.fixture
def api(own_api: Callable[..., Api], place: Place, issuer_and_url: tuple[Issuer, str]) -> Api:
    return own_api(place, jwks_url=issuer_and_url[1])


@pytest.fixture
def tenant(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pauses, shortened for tests."""
    monkeypatch.setattr(jwks, "FRESH_SECONDS", 0.2)
    monkeypatch.setattr(jwks, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(jwks, "_RETRY_SECONDS", (0.1, 0.2))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Limits a fetch to half a second when called. A good issuer may need more under load."""
    return lambda: monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.5)


def ask(api: Api, token: str) -> httpx2.Response:
    """Valid callers get a 404 here, because there is no such job."""
    return api.client.get("/jobs/x", headers={"Authorization": f"Bearer {token}"})


def token_with_unknown_key(tenant: Tenant, kid: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims_of(tenant), key, "ES256", headers={"kid": kid})


def assert_unavailable(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "AUTH_UNAVAILABLE")
    assert 1 <= int(answer.headers["retry-after"]) <= 31


def hang(issuer: Issuer) -> Misbehaviour:
    return lambda _: issuer.is_over.wait() and None


def drip(issuer: Issuer) -> Misbehaviour:
    def misbehave(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(WAY)
        while not issuer.is_over.wait(0.05):
            request.wfile.write(b" ")

    return misbehave


def reset(request: BaseHTTPRequestHandler) -> None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def reset_in_the_body(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(WAY + b'{"keys": [')
    request.wfile.flush()
    time.sleep(0.1)
    reset(request)


def packed(issuer: Issuer) -> Misbehaviour:
    body = gzip.compress(issuer.document() + b" " * 50_000_000)
    return lambda request: say(request, body, Content_Encoding="gzip")


def answering(body: bytes, status: int = 200, **headers: str) -> Callable[[Issuer], Misbehaviour]:
    return lambda _: lambda request: say(request, body, status, **headers)


FAULTS: dict[str, Callable[[Issuer], Misbehaviour]] = {
    "hangs": hang,
    "drips": drip,
    "resets": lambda _: reset,
    "resets in the body": lambda _: reset_in_the_body,
    "answers less than it said": lambda _: lambda request: request.wfile.write(WAY + b"{}"),
    "is no HTTP": lambda _: lambda request: request.wfile.write(b"\x16\x03\x01\r\n\r\n"),
    "answers HTML": answering(b"<html>maintenance</html>"),
    "answers nothing": answering(b""),
    "answers null": answering(b"null"),
    "answers a list": answering(b"[]"),
    "answers a string": answering(b'"keys"'),
    "has keys that are null": answering(b'{"keys": null}'),
    "has no keys": answering(b'{"keys": []}'),
    "has keys that are none": answering(
        b'{"keys": [1, null, {}, {"kid": 1, "kty": "RSA"}, {"kid": "a", "kty": "RSA", "n": 1},'
        b' {"kid": "b", "kty": "EC", "crv": "P-256", "x": "", "y": ""}, {"kid": "c", "kty": [],'
        b' "alg": {}}]}'
    ),
    "has only a secret": answering(
        b'{"keys": [{"kid": "ec", "kty": "oct", "k": "%b"}]}' % SYMMETRIC.hex().encode()
    ),
    "has too many keys": lambda i: answering(i.document().replace(b"[", b"[" + b"{}," * 100))(i),
    "is nested deeply": answering(b"[" * 50_000),
    "is huge": lambda i: answering(i.document() + b" " * 10_000_000)(i),
    "is packed": packed,
    "answers 500": lambda i: answering(i.document(), 500)(i),
    "answers 404": lambda i: answering(i.document(), 404)(i),
    "redirects without end": answering(b"", 302, Location="/jwks.json"),
    "redirects to nowhere": answering(b"", 302, Location="http://[::/"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_tokens_get_503_while_the_issuer_fails_and_work_afterwards(
    api: Api,
    issuer: Issuer,
    tenant: Tenant,
    quick: None,
    impatient: Callable[[], None],
    fault: Callable[[Issuer], Misbehaviour],
) -> None:
    token = issuer.token("ec", tenant)
    impatient()
    issuer.misbehave = fault(issuer)
    assert_unavailable(ask(api, token))
    at_rest = api.client.post(
        "/rest/v1/rpc/list_index_jobs", json={}, headers={"Authorization": f"Bearer {token}"}
    )
    assert at_rest.status_code == 503
    assert at_rest.headers["retry-after"]
    assert ask(api, tenant.key).status_code == 404
    issuer.misbehave = None
    until(lambda: ask(api, token).status_code == 404)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_cached_keys_are_used_while_the_issuer_fails(
    api: Api,
    issuer: Issuer,
    tenant: Tenant,
    quick: None,
    impatient: Callable[[], None],
    fault: Callable[[Issuer], Misbehaviour],
) -> None:
    assert ask(api, issuer.token("ec", tenant)).status_code == 404
    impatient()
    issuer.misbehave = fault(issuer)
    failures = len(warnings(api))
    until(lambda: len(warnings(api)) >= failures + 3)
    assert ask(api, issuer.token("ec", tenant)).status_code == 404
    assert ask(api, issuer.token("rsa", tenant)).status_code == 404
    assert ask(api, Issuer().token("ec", tenant)).status_code == 401
    assert ask(api, issuer.token("ec", tenant, exp=1)).status_code == 401


ODD_KEYS = {
    "null": b"null",
    "a list": b"[]",
    "without an id": b'{"kty": "RSA"}',
    "whose id is a number": b'{"kid": 1, "kty": "RSA"}',
    "for no algorithm": b'{"kid": "odd", "kty": "EC", "alg": "none"}',
    "for an algorithm of secrets": b'{"kid": "odd", "kty": "oct", "k": "eA", "alg": "HS256"}',
    "for an unknown algorithm": b'{"kid": "odd", "kty": "EC", "alg": "ES1"}',
    "of an unknown kind": b'{"kid": "odd", "kty": "AKP", "alg": "ML-DSA-44", "pub": "eA"}',
    "on an unknown curve": b'{"kid": "odd", "kty": "EC", "crv": "P-1", "x": "eA", "y": "eA"}',
    "off its curve": b'{"kid": "odd", "kty": "OKP", "crv": "Ed25519", "x": "eA"}',
    "for encryption": b'{"kid": "odd", "kty": "RSA", "use": "enc", "n": "eA", "e": "AQAB"}',
    "that is private": b'{"kid": "odd", "kty": "RSA", "d": "eA", "n": "eA", "e": "AQAB"}',
}


@pytest.mark.parametrize("odd", ODD_KEYS.values(), ids=ODD_KEYS)
def test_invalid_key_among_valid_ones_is_skipped(
    api: Api, issuer: Issuer, tenant: Tenant, odd: bytes
) -> None:
    issuer.misbehave = answering(issuer.document().replace(b"[", b"[" + odd + b",", 1))(issuer)
    assert ask(api, issuer.token("ec", tenant)).status_code == 404
    assert ask(api, token_with_unknown_key(tenant, "odd")).status_code == 401


def warnings(api: Api) -> list[str]:
    found = [text_of(record) for record in api.log]
    return [message for message in found if message.startswith("JWKS_URL ")]


def test_log_of_a_failing_issuer_has_no_request_id(
    api: Api, issuer: Issuer, tenant: Tenant, quick: None
) -> None:
    issuer.misbehave = answering(b"", 500)(issuer)
    assert_unavailable(ask(api, issuer.token("ec", tenant)))
    until(lambda: len(warnings(api)) > 1)
    assert not any("request_id" in message for message in warnings(api))


def test_tokens_with_cached_keys_do_not_wait_for_unknown_ones(
    api: Api, issuer: Issuer, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "PAUSE_SECONDS", 0.0)
    assert ask(api, issuer.token("ec", tenant)).status_code == 404
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 60.0)
    issuer.misbehave = hang(issuer)
    with ThreadPoolExecutor(30) as threads:
        tokens = [token_with_unknown_key(tenant, f"kid {number}") for number in range(30)]
        strangers = [threads.submit(ask, api, token) for token in tokens]
        until(lambda: issuer.fetches == 2)
        for _ in range(10):
            assert ask(api, issuer.token("ec", tenant)).status_code == 404
            assert ask(api, tenant.key).status_code == 404
        assert not any(stranger.done() for stranger in strangers)
        assert issuer.fetches == 2  # one fetch for all of them
        issuer.is_over.set()
        for stranger in strangers:
            assert_unavailable(stranger.result())


def test_unknown_key_ids_cause_at_most_one_fetch_per_pause(
    api: Api, issuer: Issuer, tenant: Tenant
) -> None:
    assert ask(api, issuer.token("ec", tenant)).status_code == 404
    began = time.monotonic()
    for number in range(20):
        assert ask(api, token_with_unknown_key(tenant, f"kid {number}")).status_code == 401
    assert issuer.fetches <= 2 + (time.monotonic() - began) / jwks.PAUSE_SECONDS


def test_added_keys_are_accepted_and_withdrawn_keys_rejected(
    api: Api, issuer: Issuer, tenant: Tenant, quick: None
) -> None:
    issuer.published = ["rsa"]
    assert ask(api, issuer.token("rsa", tenant)).status_code == 404
    assert ask(api, issuer.token("ec", tenant)).status_code == 401
    issuer.published = ["ec"]
    until(lambda: ask(api, issuer.token("ec", tenant)).status_code == 404)
    assert ask(api, issuer.token("rsa", tenant)).status_code == 401


def test_keys_are_refreshed_without_a_request(
    api: Api, issuer: Issuer, tenant: Tenant, quick: None
) -> None:
    ask(api, issuer.token("ec", tenant))
    until(lambda: issuer.fetches >= 4)


def test_cached_keys_expire_when_the_issuer_is_down_for_too_long(
    api: Api,
    issuer: Issuer,
    tenant: Tenant,
    quick: None,
    impatient: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = issuer.token("ec", tenant)
    assert ask(api, token).status_code == 404
    impatient()
    issuer.misbehave = hang(issuer)
    monkeypatch.setattr(jwks, "KEPT_SECONDS", 1.0)
    until(lambda: ask(api, token).status_code == 503)
    assert_unavailable(ask(api, token))
    issuer.misbehave = None
    until(lambda: ask(api, token).status_code == 404)
