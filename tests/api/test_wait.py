"""`Prefer: wait=N` on a poll ends with the next event, without notifications."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx2
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.wait import preferred_wait
from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE, until

from .conftest import JWT_SECRET, Api, Job, Tenant, over_the_database


class Waiters:
    """Waiting polls, each in its own thread and on its own connection."""

    def __init__(self, api: Api, threads: ThreadPoolExecutor) -> None:
        self.api = api
        self.threads = threads

    def start(
        self, job: Job, tenant: Tenant, version: int, seconds: int = 60, **headers: str
    ) -> Future[httpx2.Response]:
        sent = {
            **tenant.headers,
            "Prefer": f"wait={seconds}",
            "If-None-Match": f'W/"{version}"',
            **headers,
        }
        before = self.count()
        waiter = self.threads.submit(
            loopback.get, f"{self.api.url}{job.path}", headers=sent, timeout=PATIENCE
        )
        until(lambda: waiter.done() or self.count() > before)
        return waiter

    def count(self) -> int:
        """Returns the number of followers of the API."""
        count: int = self.api.app.state.followers._count
        return count


@pytest.fixture
def waiters(api: Api) -> Any:
    with ThreadPoolExecutor(40) as threads:
        yield Waiters(api, threads)


def test_wait_ends_with_the_next_event_and_costs_one_request(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    before = api.requests_of(alice)
    waiter = waiters.start(job, alice, 1)
    time.sleep(0.5)
    assert not waiter.done()
    job.begin()
    answer = waiter.result(PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    assert api.requests_of(alice) == before + 1
    assert answer.headers["x-ratelimit-remaining"] == str(
        int(answer.headers["x-ratelimit-limit"]) - before - 1
    )
    plain = api.get(job.path, alice)
    assert (answer.content, answer.headers["etag"]) == (plain.content, plain.headers["etag"])


def test_wait_without_an_event_gets_304_at_its_end(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    began = time.monotonic()
    answer = waiters.start(job, alice, 1, 1).result(PATIENCE)
    assert time.monotonic() - began >= 1
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["preference-applied"] == "wait=1"


def test_progress_does_not_end_a_wait_but_is_returned_at_its_end(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    job.begin()
    began = time.monotonic()
    waiter = waiters.start(job, alice, 2, 3)
    job.progress(1)
    answer = waiter.result(PATIENCE)
    assert time.monotonic() - began >= 3
    assert (answer.status_code, answer.json()["progress"]["done"]) == (200, 1)


def test_event_before_the_wait_is_returned_at_once(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    job.begin()
    job.progress(1)
    answer = waiters.start(job, alice, 1).result(PATIENCE)
    assert (answer.status_code, answer.json()["version"]) == (200, 3)


def test_progress_before_the_wait_does_not_end_it(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    job.begin()
    job.progress(1)
    waiter = waiters.start(job, alice, 2)
    time.sleep(0.6)
    assert not waiter.done()
    job.complete()
    assert waiter.result(PATIENCE).json()["status"] == "completed"


@pytest.mark.parametrize(
    "headers",
    [
        {"Prefer": "wait=60"},
        {"Prefer": "wait=60", "If-None-Match": "*"},
        {"Prefer": "wait=60", "If-None-Match": '"1", "2"'},
        {"Prefer": "wait", "If-None-Match": 'W/"1"'},
        {"Prefer": "respond-async", "If-None-Match": 'W/"1"'},
    ],
    ids=["no version", "any version", "two versions", "no seconds", "another preference"],
)
def test_request_without_a_valid_wait_is_answered_at_once(
    api: Api, alice: Tenant, job: Job, headers: dict[str, str]
) -> None:
    began = time.monotonic()
    assert api.get(job.path, alice, **headers).status_code in {200, 304}
    assert time.monotonic() - began < 30


def test_finished_job_is_answered_at_once(api: Api, alice: Tenant, job: Job) -> None:
    job.begin()
    job.complete()
    headers = {"Prefer": "wait=60", "If-None-Match": 'W/"3"'}
    assert api.get(job.path, alice, **headers).status_code == 304


def test_change_wakes_only_waiters_of_its_job(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    other = Job(api, alice)
    own = [waiters.start(job, alice, 1) for _ in range(3)]
    others = [waiters.start(other, alice, 1) for _ in range(3)]
    job.begin()
    assert {waiter.result(PATIENCE).status_code for waiter in own} == {200}
    assert not any(waiter.done() for waiter in others)
    other.begin()
    assert {waiter.result(PATIENCE).status_code for waiter in others} == {200}


def test_foreign_unknown_and_malformed_ids_get_identical_404s(
    api: Api, alice: Tenant, job: Job
) -> None:
    bob = api.tenant()
    headers = {"Prefer": "wait=60", "If-None-Match": 'W/"1"'}
    paths = [job.path, "/jobs/00000000-0000-4000-8000-0000000000ff", "/jobs/x", "/jobs/%00"]
    answers = [api.get(path, bob, **headers) for path in paths]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, api.get("/jobs/y", bob).content)
    }


def revoke(api: Api, tenant: Tenant) -> None:
    with api.sql() as connection:
        connection.execute(
            "update private.api_keys set enabled = false where user_id = %s", (tenant.id,)
        )


def test_key_revoked_during_a_wait_gets_401(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    waiter = waiters.start(job, alice, 1)
    revoke(api, alice)
    job.begin()
    answer = waiter.result(PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_INVALID_KEY")


def test_token_that_expires_during_a_wait_gets_401(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    claims = {"sub": alice.id, "role": "authenticated", "aud": "authenticated"}
    token = jwt.encode(claims | {"exp": int(time.time()) + 3}, JWT_SECRET, "HS256")
    waiter = waiters.start(job, alice, 1, Authorization=f"Bearer {token}")
    time.sleep(3)
    job.begin()
    assert waiter.result(PATIENCE).status_code == 401


def test_member_removed_during_a_wait_gets_404(api: Api, alice: Tenant, waiters: Waiters) -> None:
    bob = api.tenant()
    slug = api.organization(alice, bob)
    job = Job(api, alice, organization=slug)
    waiter = waiters.start(job, bob, 1)
    with api.sql() as connection:
        connection.execute("delete from public.organization_members where user_id = %s", (bob.id,))
    assert waiter.result(PATIENCE).status_code == 404, "within seconds, though nothing happened"


def test_user_has_at_most_20_waits_across_all_keys(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    second = Tenant(alice.id, api.new_key(alice.id))
    own = [waiters.start(job, (alice, second)[n % 2], 1) for n in range(20)]
    refused = waiters.start(job, second, 1).result(PATIENCE)
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_STREAMS")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-ratelimit-remaining"]
    bob = api.tenant()
    assert waiters.start(Job(api, bob), bob, 1, 1).result(PATIENCE).status_code == 304
    job.begin()
    assert {waiter.result(PATIENCE).status_code for waiter in own} == {200}
    assert waiters.start(job, alice, 2, 1).result(PATIENCE).status_code == 304


@one_process("is about the limit of one process")
@over_the_database
def test_process_refuses_waits_over_its_limit(own_api: Callable[..., Api]) -> None:
    api = own_api(live_limit=1)
    alice, bob = api.tenant(), api.tenant()
    job = Job(api, alice)
    with ThreadPoolExecutor(2) as threads:
        waiters = Waiters(api, threads)
        first = waiters.start(job, alice, 1)
        refused = waiters.start(Job(api, bob), bob, 1).result(PATIENCE)
        assert (refused.status_code, refused.json()["code"]) == (503, "LIVE_LIMIT")
        assert int(refused.headers["retry-after"]) >= 1
        assert api.get(job.path, alice).status_code == 200, "a poll needs no place"
        job.begin()
        assert first.result(PATIENCE).status_code == 200


def test_disconnected_waiter_frees_its_slot(
    api: Api, alice: Tenant, job: Job, waiters: Waiters
) -> None:
    before = waiters.count()
    headers = {**alice.headers, "Prefer": "wait=60", "If-None-Match": 'W/"1"'}
    with pytest.raises(httpx2.TimeoutException):
        loopback.get(f"{api.url}{job.path}", headers=headers, timeout=1)
    until(lambda: waiters.count() == before)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5), ("WAIT = 5", 5), ('wait="5"', 5), ("wait=0", 0), ("wait=61", 60),
        ("wait=999999999", 60), ("respond-async, wait=5; foo=bar", 5), ("wait=5, wait=9", 5),
        ("wait", None), ("wait=", None), ("wait=-1", None), ("wait=1.5", None),
        ("wait=1e3", None), ("wait=٥", None), ("wait=9999999999", None), ("waits=5", None),
        ("", None), (",,,", None),
    ],
)  # fmt: skip
def test_prefer_header_is_parsed(header: str, seconds: int | None) -> None:
    assert preferred_wait([header]) == seconds


@given(st.lists(st.text(), max_size=3))
def test_any_prefer_header_is_accepted(headers: list[str]) -> None:
    seconds = preferred_wait(headers)
    assert seconds is None or 0 <= seconds <= 60
