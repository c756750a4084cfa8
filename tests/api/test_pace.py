"""Retry-After: a client that follows it never gets a 429, and does not wait for long."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.answers import poll_after
from api.rpc.contract import Answer

from .conftest import Api, over_the_database

HOUR = 3600
LIMITS = (100, 1_000, 10_000)


def answer(**members: Any) -> Answer:
    empty = dict.fromkeys(Answer._fields)
    return Answer(**{**empty, "verdict": "ok", **members})


class Clock:
    """A clock that the test controls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
        self.now = now
        monkeypatch.setattr(time, "time", lambda: self.now)


@given(
    limit=st.sampled_from(LIMITS),
    used=st.floats(0, 1),
    begins=st.floats(0, HOUR - 1),
    waits=st.one_of(st.floats(0, 30), st.floats(0, 4 * HOUR)),
    runs=st.one_of(st.floats(0, 60), st.floats(0, 10 * HOUR)),
    is_late=st.floats(0, 2),
)
def test_client_that_obeys_retry_after_never_gets_a_429(
    limit: int, used: float, begins: float, waits: float, runs: float, is_late: float
) -> None:
    """A client that has already used a part of its quota, and is a little late."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch, begins)
        requests, window = int(used * (limit - 1)), 0
        longest = 0.0
        while True:
            hour = int(clock.now // HOUR)
            if hour != window:
                requests, window = 0, hour
            assert requests < limit, "this poll is a 429"
            requests += 1
            since = clock.now - begins
            age = since if since < waits else since - waits
            if since >= waits + runs:
                break
            told = answer(
                job_age=int(age),
                rate_limit=limit,
                rate_remaining=limit - requests,
                rate_reset=(hour + 1) * HOUR,
            )
            pause = int(poll_after(told)["Retry-After"])
            longest = max(longest, pause)
            clock.now += pause + is_late
        if used == 0 and begins == 0:
            assert longest <= 75


def test_free_client_with_full_quota_waits_at_most_75_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, 0.0)
    pauses = []
    for requests in range(1, 101):
        if clock.now >= HOUR:
            break
        told = answer(
            job_age=int(clock.now), rate_limit=100, rate_remaining=100 - requests, rate_reset=HOUR
        )
        pauses.append(int(poll_after(told)["Retry-After"]))
        clock.now += pauses[-1]
    assert clock.now >= HOUR, "the requests lasted for the hour"
    assert pauses[0] == 1
    assert max(pauses) <= 75


@pytest.mark.parametrize(
    ("age", "pause"), [(0, 1), (9, 1), (10, 1), (11, 2), (55, 6), (100, 10), (100_000, 10)]
)
def test_retry_after_grows_with_the_age_of_the_job(age: int, pause: int) -> None:
    plenty = answer(job_age=age, rate_limit=100, rate_remaining=99, rate_reset=0)
    assert poll_after(plenty) == {"Retry-After": str(pause)}


def test_polls_are_spread_over_the_hour_below_half_the_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Clock(monkeypatch, 0.0)
    told = answer(job_age=0, rate_limit=100, rate_remaining=50, rate_reset=HOUR - 1)
    assert poll_after(told) == {"Retry-After": "1"}
    assert poll_after(told._replace(rate_remaining=49)) == {"Retry-After": "72"}
    assert poll_after(told._replace(rate_remaining=0)) == {"Retry-After": "3600"}


def test_finished_job_has_no_retry_after() -> None:
    assert poll_after(answer(rate_limit=100, rate_remaining=5, rate_reset=0)) == {}


def age(api: Api, job_id: str, seconds: int) -> None:
    with api.sql() as connection:
        connection.execute(
            "update public.index_jobs set created_at = created_at - %s * interval '1 second',"
            " started_at = started_at - %s * interval '1 second' where id = %s",
            (seconds, seconds, job_id),
        )


def test_all_routes_use_the_same_retry_after_rule(api: Api) -> None:
    alice = api.tenant("solo")
    old, new = api.create(alice), api.create(alice)
    age(api, old, 60)
    assert api.get(f"/jobs/{old}", alice).headers["retry-after"] == "6"
    assert api.get(f"/jobs/{new}", alice).headers["retry-after"] == "1"
    assert api.get("/jobs", alice).headers["retry-after"] == "1", "of the newest that runs"
    again = api.get(f"/jobs/{old}", alice, **{"If-None-Match": 'W/"1"'})
    assert (again.status_code, again.headers["retry-after"]) == (304, "6")
    for job_id in (old, new):
        assert (
            "retry-after" not in api.client.delete(f"/jobs/{job_id}", headers=alice.headers).headers
        )
    assert "retry-after" not in api.get(f"/jobs/{old}", alice).headers
    assert "retry-after" not in api.get("/jobs", alice).headers


@over_the_database
def test_101st_request_of_an_hour_gets_429(api: Api) -> None:
    tenant = api.tenant("free")
    job_id = api.create(tenant)
    codes = [api.get(f"/jobs/{job_id}", tenant).status_code for _ in range(100)]
    assert codes == [200] * 99 + [429]
