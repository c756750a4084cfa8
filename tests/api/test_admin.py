"""GET /admin/jobs/{id} over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from .conftest import JWT_SECRET, SERVICE_KEY, Api, over_the_database


def ask(api: Api, job_id: str, token: str, **query: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return api.client.get(f"/admin/jobs/{job_id}", headers=headers, params=query)


def service_token(**claims: Any) -> str:
    """A service key like those of Supabase and the development stack: no audience, ten years."""
    claims = {"role": "service_role", "exp": int(time.time()) + 315_360_000} | claims
    return jwt.encode(claims, JWT_SECRET, "HS256")


def audit_of(api: Api, job_id: str) -> list[tuple[str, str | None]]:
    with api.sql() as connection:
        return connection.execute(
            "select actor, reason from private.admin_audit where job_id = %s order by id", (job_id,)
        ).fetchall()


def test_support_reads_any_job_and_each_read_is_audited(api: Api) -> None:
    tenant = api.tenant()
    job_id = api.create(tenant)
    mine = api.get(f"/jobs/{job_id}", tenant)
    for token in (SERVICE_KEY, service_token(), service_token(sub="erin")):
        answer = ask(api, job_id, token)
        assert (answer.status_code, answer.json()) == (200, mine.json())
        assert answer.headers["etag"] == mine.headers["etag"]
        assert "x-ratelimit-limit" not in answer.headers
    assert [actor for actor, _ in audit_of(api, job_id)] == ["service_role", "service_role", "erin"]
    assert api.requests_of(tenant) == 2


def test_audit_stores_the_reason_truncated_and_without_nul(api: Api) -> None:
    job_id = api.create(api.tenant())
    ask(api, job_id, SERVICE_KEY, reason="ticket 7 \0 ä")
    ask(api, job_id, SERVICE_KEY, reason="x" * 5000)
    reasons = [reason for _, reason in audit_of(api, job_id)]
    assert reasons == ["ticket 7  ä", "x" * 500]


@over_the_database
def test_opaque_service_key_is_accepted(own_api: Callable[..., Api]) -> None:
    api = own_api(service_key="sb_secret_of_the_tests")
    assert ask(api, "x", "sb_secret_of_the_tests").status_code == 404
    assert ask(api, "x", "sb_secret_of_the_test").status_code == 401


@pytest.mark.parametrize("subject", ["\0", "\ud800", "x" * 5000, 7, {"a": 1}, ""])
def test_invalid_subject_of_a_service_token_is_not_stored(api: Api, subject: Any) -> None:
    from api.auth import _service

    assert _service(subject).claims == '{"role": "service_role"}'


def test_unknown_and_malformed_ids_get_the_same_404_as_for_users(api: Api) -> None:
    theirs = api.get("/jobs/x", api.tenant())
    for job_id in (str(uuid4()), "x", "%00"):
        answer = ask(api, job_id, SERVICE_KEY)
        assert (answer.status_code, answer.content) == (404, theirs.content)


def test_user_credential_gets_403_costs_one_request_and_is_not_audited(api: Api) -> None:
    tenant = api.tenant()
    job_id = api.create(tenant)
    claims = {"sub": tenant.id, "role": "authenticated", "aud": "authenticated"}
    token = jwt.encode(claims | {"exp": int(time.time()) + 60}, JWT_SECRET, "HS256")
    for number, credential in enumerate((tenant.key, token), 2):
        answer = ask(api, job_id, credential)
        assert (answer.status_code, answer.json()["code"]) == (403, "AUTH_SERVICE_ROLE_REQUIRED")
        assert api.requests_of(tenant) == number
    assert audit_of(api, job_id) == []


@pytest.mark.parametrize(
    "token",
    [
        "ij_" + "0" * 16 + "_" + "0" * 64,
        SERVICE_KEY + "x",
        SERVICE_KEY[:-1],
        jwt.encode({"role": "service_role"}, JWT_SECRET, "HS256"),
        jwt.encode({"role": "service_role", "exp": 1}, JWT_SECRET, "HS256"),
        jwt.encode({"role": "service_role", "exp": 9_999_999_999}, "x" * 40, "HS256"),
        jwt.encode({"role": "anon", "exp": 9_999_999_999}, JWT_SECRET, "HS256"),
    ],
)
def test_invalid_service_credential_gets_401(api: Api, token: str) -> None:
    answer = ask(api, str(uuid4()), token)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_INVALID_KEY")


def test_user_without_quota_gets_429(api: Api) -> None:
    tenant = api.tenant(limit=1)
    assert ask(api, "x", tenant.key).status_code == 403
    assert ask(api, "x", tenant.key).status_code == 429
