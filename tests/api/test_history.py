"""GET /jobs/{id}/events over real HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from psycopg import Connection

from api.records import JobAttempt, JobEvent, JobHistory

from .conftest import Api

FIRST, SECOND = str(uuid4()), str(uuid4())


def claim(connection: Connection[Any], worker: str) -> None:
    connection.execute("select from public.claim_index_job(p_worker_id => %s)", (worker,))


def test_history_contains_all_events_and_attempts(api: Api) -> None:
    tenant = api.tenant()
    job_id = api.create(tenant)
    with api.sql() as connection:
        claim(connection, FIRST)
        connection.execute(
            "select from public.fail_job_attempt("
            "  p_job_id => %s, p_attempt => 1, p_error => 'down')",
            (job_id,),
        )
        connection.execute("select tests.advance_clock('10 seconds')")
        claim(connection, SECOND)
    answer = api.get(f"/jobs/{job_id}/events", tenant)
    assert answer.status_code == 200
    history: JobHistory = answer.json()
    assert set(history) == set(JobHistory.__annotations__)
    events, attempts = history["events"], history["attempts"]
    assert [event["event_no"] for event in events] == [1, 2, 3, 4]
    assert [event["detail"].get("error") for event in events] == [None, None, "down", None]
    assert all(set(event) == set(JobEvent.__annotations__) for event in events)
    assert all(set(attempt) == set(JobAttempt.__annotations__) for attempt in attempts)
    assert [(a["attempt"], a["worker_id"], a["outcome"], a["error"]) for a in attempts] == [
        (1, FIRST, "retry", "down"),
        (2, SECOND, None, None),
    ]
    assert attempts[0]["started_at"] == events[1]["at"]
    assert attempts[0]["ended_at"] == events[2]["at"]
    assert attempts[1]["ended_at"] is None
    assert events[0]["at"].endswith("+00:00")


def test_unclaimed_job_has_no_attempts(api: Api) -> None:
    tenant = api.tenant()
    history = api.get(f"/jobs/{api.create(tenant)}/events", tenant).json()
    assert (len(history["events"]), history["attempts"]) == (1, [])


def test_foreign_unknown_and_malformed_ids_get_identical_404s(api: Api) -> None:
    job_id = api.create(api.tenant())
    bob = api.tenant()
    answers = [api.get(f"/jobs/{other}/events", bob) for other in (job_id, str(uuid4()), "x")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert answers[2].headers["x-ratelimit-remaining"] == "9997"
