"""Authentication with API keys, tokens and the service key, over real HTTP."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from cli.users import revoke_api_key
from tests.support.pooled import one_process

from .conftest import JWT_SECRET, SERVICE_KEY, Api, Tenant, over_the_database, text_of
from .issuer import SYMMETRIC, Issuer, claims_of, issuing


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def ask(api: Api, authorization: str | None, path: str = "/jobs/x") -> httpx2.Response:
    """Valid callers get a 404 here, because there is no such job."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.client.get(path, headers=headers)


def assert_401(answer: httpx2.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-ratelimit-limit" not in answer.headers


def test_missing_key_gets_auth_missing_key(api: Api) -> None:
    assert_401(ask(api, None), "AUTH_MISSING_KEY")
    for path in ("/jobs/" + str(uuid4()), "/admin/jobs/x"):
        assert_401(ask(api, None, path), "AUTH_MISSING_KEY")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "bearer", "ij_x", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b",
     "Token x", "Bearer \u00e4", "Bearerx y", 'Bearer "x"'],
)  # fmt: skip
def test_malformed_header_gets_auth_invalid_header(api: Api, header: str) -> None:
    answer = api.client.get("/jobs/x", headers=[("Authorization", header.encode("latin-1"))])
    assert_401(answer, "AUTH_INVALID_HEADER")


def test_two_authorization_headers_get_400(api: Api, alice: Tenant) -> None:
    header = ("Authorization", f"Bearer {alice.key}")
    answer = api.client.get("/jobs/x", headers=[header, header])
    assert answer.status_code == 400
    assert answer.json()["code"] == "AUTH_INVALID_HEADER"


def test_scheme_is_case_insensitive(api: Api, alice: Tenant) -> None:
    assert ask(api, f"bEARER {alice.key}").status_code == 404


def wrong_keys(api: Api) -> dict[str, str]:
    """Invalid keys by fault, derived from the key of a user with a job."""
    tenant = api.tenant()
    assert ask(api, f"Bearer {tenant.key}").status_code == 404
    expired, disabled = (api.new_key(tenant.id) for _ in range(2))
    with api.sql() as connection:
        revoke_api_key(connection, tenant.id, disabled.split("_")[1])
        connection.execute(
            "update private.api_keys set expires_at = now() - interval '1 s' where id = %s",
            (expired.split("_")[1],),
        )
    _, key_id, secret = tenant.key.split("_")
    other = api.tenant().key.split("_")[2]
    return {
        "unknown": f"ij_{uuid4().hex[:16]}_{secret}",
        "wrong secret": f"ij_{key_id}_{'0' * 64}",
        "another key's secret": f"ij_{key_id}_{other}",
        "disabled": disabled,
        "expired": expired,
        "malformed": "ij_x",
        "in capitals": tenant.key.upper(),
        "without its secret": f"ij_{key_id}_",
        "the hash for the secret": f"ij_{key_id}_{'a' * 63}",
    }


def test_every_invalid_key_gets_the_same_response(api: Api) -> None:
    answers = [ask(api, f"Bearer {key}") for key in wrong_keys(api).values()]
    for answer in answers:
        assert_401(answer, "AUTH_INVALID_KEY")
    assert len({answer.content for answer in answers}) == 1
    names = [sorted(set(answer.headers) - {"x-request-id", "date"}) for answer in answers]
    assert all(name == names[0] for name in names)


def test_disabled_key_fails_on_its_next_call_and_the_other_key_works(api: Api) -> None:
    tenant = api.tenant()
    second = api.new_key(tenant.id)
    assert ask(api, f"Bearer {tenant.key}").status_code == 404
    with api.sql() as connection:
        revoke_api_key(connection, tenant.id, tenant.key.split("_")[1])
    assert_401(ask(api, f"Bearer {tenant.key}"), "AUTH_INVALID_KEY")
    assert ask(api, f"Bearer {second}").status_code == 404


def test_failed_login_costs_no_quota(api: Api) -> None:
    tenant = api.tenant()
    wrong = tenant.key[:-1] + ("0" if tenant.key[-1] != "0" else "1")
    for _ in range(3):
        assert_401(ask(api, f"Bearer {wrong}"), "AUTH_INVALID_KEY")
    assert api.requests_of(tenant) == 0


def token_of(tenant: Tenant, secret: str = JWT_SECRET, **changes: Any) -> str:
    return jwt.encode(claims_of(tenant, **changes), secret, "HS256")


def test_token_acts_as_its_user_and_shares_the_quota_with_keys(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    by_key = ask(api, f"Bearer {alice.key}", f"/jobs/{job_id}")
    by_token = ask(api, f"Bearer {token_of(alice)}", f"/jobs/{job_id}")
    assert by_token.content == by_key.content
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in (by_key, by_token)]
    assert left[1] == left[0] - 1
    assert ask(api, f"Bearer {token_of(api.tenant())}", f"/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_issuer_clock_may_be_30_seconds_ahead(api: Api, alice: Tenant, claim: str) -> None:
    token = token_of(alice, **{claim: int(time.time()) + 25})
    assert ask(api, f"Bearer {token}").status_code == 404


def test_token_may_name_several_audiences(api: Api, alice: Tenant) -> None:
    token = token_of(alice, aud=["other", "authenticated"])
    assert ask(api, f"Bearer {token}").status_code == 404


def test_user_metadata_in_a_token_is_ignored(api: Api, alice: Tenant) -> None:
    job_id = api.create(alice)
    mallory = api.tenant()
    metadata = {"sub": alice.id, "role": "service_role", "name": "\0\ud800"}
    token = token_of(mallory, user_metadata=metadata, app_metadata=metadata)
    assert ask(api, f"Bearer {token}", f"/jobs/{job_id}").status_code == 404
    assert ask(api, f"Bearer {token}", f"/admin/jobs/{job_id}").status_code == 403


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none")


WRONG_TOKENS: dict[str, Callable[[Tenant], str]] = {
    "of another secret": lambda t: token_of(t, "another secret of more than 32 bytes, truly"),
    "expired": lambda t: token_of(t, exp=int(time.time()) - 1),
    "without exp": lambda t: token_of(t, exp=None),
    "with exp that is not a number": lambda t: token_of(t, exp="never"),
    "whose exp is a number in quotes": lambda t: token_of(t, exp=str(int(time.time()) + 60)),
    "with an infinite exp": lambda t: token_of(t, exp=float("inf")),
    "whose exp has 400 digits": lambda t: token_of(t, exp=10**400),
    "with an infinite nbf": lambda t: token_of(t, nbf=float("inf")),
    "whose header is nested deeply": lambda _: f"{base64url_encode(b'[' * 6000).decode()}.e30.x",
    "that lives longer than the maximum": lambda t: token_of(t, exp=int(time.time()) + 86_400 + 60),
    "not valid yet": lambda t: token_of(t, nbf=int(time.time()) + 60),
    "issued in a minute": lambda t: token_of(t, iat=int(time.time()) + 60),
    "without aud": lambda t: token_of(t, aud=None),
    "for another audience": lambda t: token_of(t, aud="other"),
    "whose aud is no string": lambda t: token_of(t, aud={"authenticated": 1}),
    "of role anon": lambda t: token_of(t, role="anon"),
    "without role": lambda t: token_of(t, role=None),
    "of a role that is a list": lambda t: token_of(t, role=["authenticated"]),
    "without sub": lambda t: token_of(t, sub=None),
    "whose sub is empty": lambda t: token_of(t, sub=""),
    "whose sub is no uuid": lambda t: token_of(t, sub="root"),
    "whose sub has a NUL": lambda t: token_of(t, sub="\0"),
    "without signature": lambda t: token_of(t).rpartition(".")[0] + ".",
    "of algorithm none": lambda t: unsigned(claims_of(t)),
    "of algorithm HS384": lambda t: jwt.encode(claims_of(t), JWT_SECRET, "HS384"),
    "of two parts": lambda t: token_of(t).rpartition(".")[0],
    "of no meaning": lambda _: "a.b.c",
    "of empty parts": lambda _: "..",
    "of 9 kB": lambda t: token_of(t, padding="x" * 9000),
    "with a kid where there is no JWKS": lambda t: jwt.encode(
        claims_of(t), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "1"}
    ),
}


@pytest.mark.parametrize("make", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_invalid_token_is_rejected(api: Api, alice: Tenant, make: Callable[[Tenant], str]) -> None:
    assert_401(ask(api, f"Bearer {make(alice)}"), "AUTH_INVALID_KEY")


def test_token_of_a_deleted_user_cannot_create_jobs(api: Api) -> None:
    ghost = Tenant(str(uuid4()), "")
    headers = {"Authorization": f"Bearer {token_of(ghost)}"}
    answer = api.client.post("/index", json={"repository": "a/b"}, headers=headers)
    assert answer.status_code in {401, 409}
    assert answer.headers["content-type"] == "application/problem+json"


def test_service_key_gets_403_on_user_routes(api: Api) -> None:
    for path in ("/jobs/x", "/jobs/" + str(uuid4())):
        answer = ask(api, f"Bearer {SERVICE_KEY}", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "AUTH_USER_REQUIRED")
    answer = api.client.post("/index", headers={"Authorization": f"Bearer {SERVICE_KEY}"})
    assert answer.status_code == 403


@one_process("reads the log of one process")
def test_keys_are_never_logged(api: Api, alice: Tenant) -> None:
    ask(api, f"Bearer {alice.key}")
    ask(api, "Bearer ij_" + "1" * 16 + "_" + "2" * 64)
    lines = "\n".join(text_of(record) for record in api.log)
    assert alice.key.split("_")[2] not in lines
    assert "2" * 64 not in lines


# --- public keys by JWKS_URL ---------------------------------------------------------------------


def confused(claims: dict[str, Any], public_key: bytes, kid: str) -> str:
    """A token whose HMAC secret is a public key, which PyJWT refuses to make."""
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(public_key, signed, "sha256")
    return b".".join([signed, base64url_encode(signature)]).decode()


@one_process("counts what one process asks of the issuer of tokens")
def test_tokens_are_checked_with_the_public_keys_of_the_issuer(own_api: Callable[..., Api]) -> None:
    with issuing() as (issuer, url):
        api = own_api(jwks_url=url)
        tenant = api.tenant()
        for kid in ("ec", "rsa"):
            assert ask(api, f"Bearer {issuer.token(kid, tenant)}").status_code == 404
        assert ask(api, f"Bearer {token_of(tenant)}").status_code == 404
        assert issuer.fetches == 1

        stranger = Issuer()
        public = issuer.signing["rsa"][0].public_key()
        public_key = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        symmetric = jwt.encode(claims_of(tenant), SYMMETRIC, "HS256", headers={"kid": "symmetric"})
        key, _ = issuer.signing["ec"]
        for wrong in (
            stranger.token("ec", tenant),
            issuer.token("ec", tenant, aud="other"),
            issuer.token("rsa", tenant, exp=1),
            confused(claims_of(tenant), public_key, "rsa"),
            jwt.encode(claims_of(tenant), key, "ES256"),
            jwt.encode(claims_of(tenant), key, "ES256", headers={"kid": "rsa"}),
            symmetric,
        ):
            assert_401(ask(api, f"Bearer {wrong}"), "AUTH_INVALID_KEY")
        # unknown kids must not make us query the issuer repeatedly
        for number in range(5):
            unknown = jwt.encode(claims_of(tenant), key, "ES256", headers={"kid": str(number)})
            assert_401(ask(api, f"Bearer {unknown}"), "AUTH_INVALID_KEY")
        assert issuer.fetches == 1


@over_the_database
def test_no_token_is_accepted_without_secret_and_jwks(own_api: Callable[..., Api]) -> None:
    api = own_api(jwt_secret=None, service_key=None)
    tenant = api.tenant()
    assert_401(ask(api, f"Bearer {token_of(tenant)}"), "AUTH_INVALID_KEY")
    assert_401(ask(api, f"Bearer {SERVICE_KEY}", "/admin/jobs/x"), "AUTH_INVALID_KEY")
    assert ask(api, f"Bearer {tenant.key}").status_code == 404
