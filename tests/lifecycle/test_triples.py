"""Every state x every call x the current, an old and no attempt, judged by the transition rule.

What a move may be is read from private.job_transitions(); this file knows only what a repeat, a
late worker and a worker without a name for its attempt are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import psycopg
import pytest

STATUSES = ("pending", "processing", "completed", "failed", "cancelled")
FINAL = ("completed", "failed", "cancelled")
METADATA = {"failed": '{"error": "x"}'}

# name -> (status, attempt, statements that bring a new job there)
BEGIN = "select from public.claim_index_job('worker', '1 hour')"
LOSE = "update public.index_jobs set lease_expires_at = heartbeat_at where id = %(id)s"
AGAIN = [BEGIN, LOSE, BEGIN]
END = "select from public.update_job_status(%(id)s, '{}', '{}', nullif(%(attempt)s, 0), 'worker')"


def ends(status: str) -> str:
    return END.replace("'{}'", f"'{status}'", 1).replace("'{}'", f"'{METADATA.get(status, '{}')}'")


STATES: dict[str, tuple[str, int, list[str]]] = {
    "pending": ("pending", 0, []),
    "processing": ("processing", 1, [BEGIN]),
    "processing again": ("processing", 2, AGAIN),
    "waiting": ("processing", 1, [BEGIN, "select from public.fail_job_attempt(%(id)s, 1, 'x')"]),
    "waiting again": (
        "processing", 2, [*AGAIN, "select from public.fail_job_attempt(%(id)s, 2, 'x')"],
    ),
    **{f"{status} unbegun": (status, 0, [ends(status)]) for status in ("failed", "cancelled")},
    **{status: (status, 1, [BEGIN, ends(status)]) for status in FINAL},
    **{f"{status} again": (status, 2, [*AGAIN, ends(status)]) for status in FINAL},
}  # fmt: skip
CALLS = {
    **{
        f"to {status}": "select from public.update_job_status("
        f"%(id)s, '{status}', '{METADATA.get(status, '{}')}', %(attempt)s, 'worker')"
        for status in STATUSES
    },
    "report": "select from public.report_job_progress(%(id)s, %(attempt)s, 'files', 1, 2)",
    "fail, try again": "select from public.fail_job_attempt(%(id)s, %(attempt)s, 'x')",
    "fail for good": "select from public.fail_job_attempt(%(id)s, %(attempt)s, 'x', false)",
}
ATTEMPTS: dict[str, Callable[[int], int | None]] = {
    "current": lambda attempt: attempt,
    "old": lambda attempt: attempt - 1,
    "none": lambda attempt: None,
}


@pytest.fixture(scope="module")
def connection(clusters: Callable[[int], Any]) -> Iterator[psycopg.Connection[Any]]:
    with (
        clusters(18).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url) as connection,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute("select tests.set_clock('2030-01-01 12:00Z')")
        yield connection


@pytest.fixture(scope="module")
def moves(connection: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            "select from_status::text, to_status::text from private.job_transitions()"
        ).fetchall()
    )


def test_the_rule_is_over_the_states_of_this_file(
    connection: psycopg.Connection[Any], moves: set[tuple[str, str]]
) -> None:
    enum = connection.execute("select unnest(enum_range(null::public.job_status))::text")
    assert [status for (status,) in enum] == list(STATUSES)
    assert {state[0] for state in STATES.values()} == set(STATUSES)
    ends = set(STATUSES) - {old for old, _ in moves}
    assert ends == set(FINAL)
    finals = connection.execute(
        "select s::text from unnest(enum_range(null::public.job_status)) as s"
        " where private.is_final(s)"
    )
    assert {status for (status,) in finals} == ends


def expected(
    moves: set[tuple[str, str]], state: str, call: str, attempt: str
) -> tuple[str, str | None]:
    """(status after the call, the code of its refusal)."""
    status, number, _ = STATES[state]
    named = ATTEMPTS[attempt](number)
    waiting = state.startswith("waiting")
    own = named == number or (named is None and number == 1)
    repeats_its_end = call == "fail, try again" and (waiting or status == "failed")
    repeats_its_end |= call == "fail for good" and status == "failed"
    if repeats_its_end and own:
        return status, None
    if waiting or (named is not None and named != number):
        return status, "stale_attempt"
    if named is None and number > 1:
        return status, "attempt_required"
    if call == "report":
        return status, None if status == "processing" else "not_processing"
    if call.startswith("fail"):
        if status == "failed":
            return status, "conflicting_repeat"
        if status != "processing":
            return status, "not_processing"
        return ("failed" if call == "fail for good" else "processing"), None
    wanted = call.removeprefix("to ")
    if (status, wanted) in moves:
        return wanted, None
    if status == wanted != "pending":
        return status, None
    return status, "invalid_transition"


@pytest.mark.parametrize(("state", "call", "attempt"), list(product(STATES, CALLS, ATTEMPTS)))
def test_a_call_is_obeyed_or_refused_by_the_rule(
    connection: psycopg.Connection[Any],
    moves: set[tuple[str, str]],
    state: str,
    call: str,
    attempt: str,
) -> None:
    status, number, steps = STATES[state]
    with connection.transaction(force_rollback=True):
        row = connection.execute("select tests.job_for(tests.alice_repository())").fetchone()
        assert row is not None
        job = {"id": row[0], "attempt": number}
        for step in steps:
            connection.execute(step.encode(), job)
        before = look(connection, job)
        assert before[:2] == (status, number)
        code = None
        try:
            with connection.transaction():
                named = {"id": row[0], "attempt": ATTEMPTS[attempt](number)}
                connection.execute(CALLS[call].encode(), named)
        except psycopg.Error as error:
            assert error.sqlstate == "PT409"
            code = error.diag.message_detail
        after = look(connection, job)
        assert (after[0], code) == expected(moves, state, call, attempt)
        if code or (after[0] == status and call != "report" and not begins_to_wait(before, after)):
            assert after == before, "what is refused or repeated leaves no trace"


def begins_to_wait(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return before[2] is None and after[2] is not None


def look(connection: psycopg.Connection[Any], job: dict[str, Any]) -> tuple[Any, ...]:
    row = connection.execute(
        "select j.status::text, j.attempt, j.retry_at, j.version, j.heartbeat_at, count(e.job_id)"
        " from public.index_jobs as j join public.index_job_events as e on e.job_id = j.id"
        " where j.id = %(id)s group by j.id",
        job,
    ).fetchone()
    assert row is not None
    return row
