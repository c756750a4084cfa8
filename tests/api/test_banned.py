"""Users banned or deleted in Supabase Auth get a 401 on their next call, with any credential."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx2
import jwt
import pytest

from .conftest import JWT_SECRET, Api, Job, Tenant

STATES = {
    "banned": "update auth.users set banned_until = '2999-01-01Z' where id = %s",
    "banned without end": "update auth.users set banned_until = 'infinity' where id = %s",
    "marked as deleted": "update auth.users set deleted_at = now() where id = %s",
    "removed": "delete from auth.users where id = %s",
}


def change(api: Api, statement: str, tenant: Tenant) -> None:
    with api.sql() as connection:
        connection.execute(statement.encode(), (tenant.id,))


def calls(api: Api, headers: dict[str, str], job: Job) -> set[int]:
    body = {"repository": "a/b"}
    found = [api.client.get(path, headers=headers) for path in (job.path, "/jobs", "/jobs/counts")]
    found.append(api.client.post("/index", json=body, headers=headers))
    found.append(api.client.delete(job.path, headers=headers))
    return {answer.status_code for answer in found}


@pytest.mark.parametrize("state", STATES)
def test_next_call_with_a_key_gets_401(api: Api, state: str) -> None:
    tenant = api.tenant()
    job = Job(api, tenant)
    assert api.get(job.path, tenant).status_code == 200
    change(api, STATES[state], tenant)
    assert calls(api, tenant.headers, job) == {401}


def test_next_call_with_a_token_gets_401(api: Api) -> None:
    tenant = api.tenant()
    job = Job(api, tenant)
    claims = {
        "role": "authenticated", "aud": "authenticated", "sub": tenant.id, "exp": time.time() + 600
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {jwt.encode(claims, JWT_SECRET, 'HS256')}"}
    assert api.client.get(job.path, headers=headers).status_code == 200
    change(api, STATES["banned"], tenant)
    assert calls(api, headers, job) == {401}


def test_expired_or_lifted_ban_has_no_effect(api: Api) -> None:
    tenant = api.tenant()
    job = Job(api, tenant)
    for until in ("now() - interval '1 second'", "null"):
        change(api, STATES["banned"], tenant)
        assert api.get(job.path, tenant).status_code == 401
        change(api, f"update auth.users set banned_until = {until} where id = %s", tenant)
        assert api.get(job.path, tenant).status_code == 200


def test_users_are_not_banned_without_the_auth_columns(own_api: Callable[..., Api]) -> None:
    api = own_api()
    tenant = api.tenant()
    job = Job(api, tenant)
    with api.sql() as connection:
        connection.execute(
            "alter table auth.users drop column banned_until, drop column deleted_at"
        )
    assert api.get(job.path, tenant).status_code == 200


@pytest.mark.parametrize("state", ["banned", "removed"])
def test_stream_ends_when_its_user_is_banned_or_removed(api: Api, state: str) -> None:
    tenant = api.tenant()
    job = Job(api, tenant)
    shown: list[str] = []

    def follow() -> None:
        headers = tenant.headers | {"Accept": "text/event-stream"}
        with httpx2.stream("GET", f"{api.url}{job.path}/events", headers=headers, timeout=60) as it:
            shown.append("begun")
            shown.extend(it.iter_lines())

    thread = threading.Thread(target=follow)
    thread.start()
    while not shown:
        time.sleep(0.02)
    change(api, STATES[state], tenant)
    thread.join(30)
    assert not thread.is_alive()


def test_former_member_no_longer_sees_the_organizations_jobs(api: Api) -> None:
    owner, member = api.tenant(), api.tenant()
    slug = api.organization(owner, member)
    job = Job(api, owner, organization=slug)
    assert api.get(job.path, member).status_code == 200
    with api.sql() as connection:
        connection.execute(
            "delete from public.organization_members where user_id = %s", (member.id,)
        )
    assert api.get(job.path, member).status_code == 404
    assert api.get(job.path, owner).status_code == 200
