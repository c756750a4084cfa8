"""Every state x every call x the current, an old and no attempt, checked by the transition rule.

The allowed moves are read from private.job_transitions(). `expected` adds the rest:
which calls only the holder of an attempt may make, the results for repeats and late workers, and
the ends of attempts that do not end the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import psycopg
import pytest

STATUSES = ("pending", "processing", "completed", "failed", "cancelled")
FINAL = ("completed", "failed", "cancelled")
METADATA = {"failed": '{"error": "x"}'}
ATTEMPTS: dict[str, Callable[[int], int | None]] = {
    "current": lambda attempt: attempt,
    "old": lambda attempt: attempt - 1,
    "none": lambda attempt: None,
}
MAX_ATTEMPTS = 3


def to(status: str) -> str:
    return (
        "select from public.update_job_status("
        f"%(id)s, '{status}', '{METADATA.get(status, '{}')}', %(attempt)s, tests.worker(1))"
    )


BEGIN = "select from public.claim_index_job(tests.worker(1), '1 hour')"
FAIL = "select from public.fail_job_attempt(%(id)s, %(attempt)s, 'x')"
CANCEL = "select from public.cancel_index_job(%(id)s)"
QUEUE = "select from public.begin_queue_attempt(%(id)s, gen_random_uuid(), 0, tests.worker(1))"
CALLS = {
    **{f"to {status}": to(status) for status in STATUSES},
    "report": "select from public.report_job_progress(%(id)s, %(attempt)s, 'files', 1, 2)",
    "hand back": "select from public.report_job_progress(%(id)s, %(attempt)s, p_lease => '0')",
    "fail, try again": FAIL,
    "fail for good": "select from public.fail_job_attempt(%(id)s, %(attempt)s, 'x', false)",
    "claim": BEGIN,
    "cancel": CANCEL,
    "rescue": "select from public.retry_or_fail_stuck_jobs()",
    "link": "select from public.link_queue_job(%(id)s, gen_random_uuid())",
    "queue": QUEUE,
}
# functions that write but change no existing job
MOVE_BY_OTHERS = {"complete_index", "record_index_run"}
MOVE_NOTHING = {
    "create_api_key", "create_index_job", "ensure_repository", "purge_finished_jobs",
    "report_runner", "revoke_api_key", "set_repository_url", "store_index_rows",
}  # fmt: skip


class Job(NamedTuple):
    """The columns that a call may change, except times and texts."""

    status: str
    attempt: int = 0
    waits: bool = False  # for its next attempt
    cancelling: bool = False  # its user has asked for that
    linked: bool = False  # to an external queue


class State(NamedTuple):
    """A job, and the steps that bring a new job to this state."""

    job: Job
    steps: list[str]
    free: bool = False  # a claim takes it
    stuck: bool = False  # a rescue ends its attempt


LOSE = "select tests.advance_clock('2 hours')"
AGAIN = [BEGIN, LOSE, BEGIN]
AT_LAST = [*AGAIN, LOSE, BEGIN]
STATES = {
    "pending": State(Job("pending"), [], free=True),
    "processing": State(Job("processing", 1), [BEGIN]),
    "processing again": State(Job("processing", 2), AGAIN),
    "processing at last": State(Job("processing", MAX_ATTEMPTS), AT_LAST),
    "lost": State(Job("processing", 1), [BEGIN, LOSE], free=True, stuck=True),
    "lost at last": State(Job("processing", MAX_ATTEMPTS), [*AT_LAST, LOSE], free=True, stuck=True),
    "waiting": State(Job("processing", 1, waits=True), [BEGIN, FAIL]),
    "waiting again": State(Job("processing", 2, waits=True), [*AGAIN, FAIL]),
    "due": State(Job("processing", 1, waits=True), [BEGIN, FAIL, LOSE], free=True),
    "cancelling": State(Job("processing", 1, cancelling=True), [BEGIN, CANCEL]),
    "cancelling for a minute": State(
        Job("processing", 1, cancelling=True),
        [BEGIN, CANCEL, "select tests.advance_clock('1 minute')"],
        stuck=True,
    ),
    "lost and cancelling": State(
        Job("processing", 1, cancelling=True), [BEGIN, CANCEL, LOSE], free=True, stuck=True
    ),
    **{f"{end} unbegun": State(Job(end), [to(end)]) for end in ("failed", "cancelled")},
    **{end: State(Job(end, 1), [BEGIN, to(end)]) for end in FINAL},
    **{f"{end} again": State(Job(end, 2), [*AGAIN, to(end)]) for end in FINAL},
}
TRIPLES = [
    (state, call, attempt)
    for state, call, attempt in product(STATES, CALLS, ATTEMPTS)
    if "%(attempt)s" in CALLS[call] or attempt == "none"
]
Moves = set[tuple[str, str]]


@pytest.fixture(scope="module")
def connection(clusters: Callable[[int], Any]) -> Iterator[psycopg.Connection[Any]]:
    with (
        clusters(18).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url) as connection,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute("select tests.set_clock('2030-01-01 12:00Z')")
        connection.execute(
            "select set_config('request.jwt.claims',"
            " jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')::text, false)"
        )
        yield connection


@pytest.fixture(scope="module")
def moves(connection: psycopg.Connection[Any]) -> Moves:
    return set(
        connection.execute(
            "select from_status::text, to_status::text from private.job_transitions()"
        ).fetchall()
    )


def expected(moves: Moves, state: State, call: str, named: int | None) -> tuple[Job, str | None]:
    """Returns the job after the call, and the error code."""
    job = state.job

    def reach(status: str, refusal: str | None = None, **changes: Any) -> tuple[Job, str | None]:
        """Returns the job in this status, if the rule allows the move or it stays there."""
        if (job.status, status) in moves or job.status == status != "pending":
            return job._replace(**{"status": status, "waits": False, **changes}), None
        return job, refusal

    def end_the_attempt() -> tuple[Job, str | None]:
        if job.cancelling:
            return reach("cancelled")
        if job.attempt == MAX_ATTEMPTS:
            return reach("failed")
        return reach("processing", waits=True)

    if call == "claim":
        if state.free and not job.cancelling and job.attempt < MAX_ATTEMPTS:
            return reach("processing", attempt=job.attempt + 1)
        return end_the_attempt() if state.free else (job, None)
    if call == "rescue":
        return end_the_attempt() if state.stuck else (job, None)
    if call == "link":
        linked = job.status == "pending"
        return job._replace(linked=linked), None if linked else "invalid_transition"
    if call == "queue" and job.status == "pending":
        return reach("processing", attempt=1, linked=True)
    if call == "queue":
        return job, "invalid_transition"
    if call == "cancel":
        if job.cancelling or job.status == "cancelled":
            return job, None
        after, refusal = reach("cancelled", "invalid_transition", cancelling=True)
        runs = job.status == "processing" and not job.waits
        return after._replace(status="processing") if runs else after, refusal

    own = named == job.attempt or (named is None and job.attempt == 1)
    failed = job.status == "failed" or (job.waits and call == "fail, try again")
    if own and failed and call.startswith("fail"):
        return job, None  # it is a repeat
    if job.waits or named not in {None, job.attempt}:
        return job, "stale_attempt"
    if named is None and job.attempt > 1:
        return job, "attempt_required"
    if call.startswith("to "):
        begins = call == "to processing" and job.status == "pending"
        return reach(call[3:], "invalid_transition", attempt=job.attempt + begins)
    if job.status != "processing":
        ended = call.startswith("fail") and job.status == "failed"
        return job, "conflicting_repeat" if ended else "not_processing"
    if call == "report":
        return job, None
    if call == "hand back":
        return reach("processing", waits=True)
    return end_the_attempt() if call == "fail, try again" else reach("failed")


@pytest.mark.parametrize(("state", "call", "attempt"), TRIPLES)
def test_call_is_accepted_or_rejected_by_the_rule(
    connection: psycopg.Connection[Any], moves: Moves, state: str, call: str, attempt: str
) -> None:
    number = STATES[state].job.attempt
    named = ATTEMPTS[attempt](number)
    with connection.transaction(force_rollback=True):
        job_id = new_job(connection)
        for step in STATES[state].steps:
            connection.execute(step.encode(), {"id": job_id, "attempt": number})
        before, row_before, story_before = look(connection, job_id)
        assert before == STATES[state].job
        code = None
        try:
            with connection.transaction():
                connection.execute(CALLS[call].encode(), {"id": job_id, "attempt": named})
        except psycopg.Error as error:
            assert error.sqlstate == "PT409"
            code = error.diag.message_detail
        after, row, story = look(connection, job_id)
    assert (after, code) == expected(moves, STATES[state], call, named)
    assert before.status == after.status or (before.status, after.status) in moves
    if after == before and (code or call != "report"):
        assert (row, story) == (row_before, story_before), "what is refused or repeated leaves none"
        return
    assert row["version"] == row_before["version"] + 1 + (call == "queue")  # it links, too
    told = [] if call in {"report", "link"} else [(before.status, after.status)]
    assert story == story_before + told


@pytest.mark.parametrize("status", STATUSES)
def test_recorded_run_follows_the_rule(
    connection: psycopg.Connection[Any], moves: Moves, status: str
) -> None:
    with connection.transaction(force_rollback=True):
        try:
            (job_id,) = connection.execute(
                "select j.id from public.record_index_run(tests.alice_repository(), %s,"
                " p_error => %s) as j",
                (status, "x" if status == "failed" else None),
            ).fetchone() or ("no row",)
        except psycopg.Error as error:
            assert (error.sqlstate, error.diag.message_detail) == ("PT422", "unknown_status")
            assert status in {old for old, _ in moves}, "a final status is recorded"
            return
        _, row, story = look(connection, job_id)
    assert status not in {old for old, _ in moves}, "only a final status is recorded"
    assert row["status"] == status
    assert story[0] == (None, "pending")
    assert story[1:] == [("pending", "processing"), ("processing", status)]
    assert moves.issuperset(story[1:])


def test_every_move_and_state_of_the_rule_is_covered(
    connection: psycopg.Connection[Any], moves: Moves
) -> None:
    made = {
        (state.job.status, expected(moves, state, call, ATTEMPTS[attempt](state.job.attempt))[0][0])
        for state, call, attempt in ((STATES[name], *rest) for name, *rest in TRIPLES)
    }
    assert moves <= made
    enum = connection.execute("select unnest(enum_range(null::public.job_status))::text")
    assert [status for (status,) in enum] == list(STATUSES)
    assert {state.job.status for state in STATES.values()} == set(STATUSES)
    finals = connection.execute(
        "select s::text from unnest(enum_range(null::public.job_status)) as s"
        " where private.is_final(s)"
    )
    assert {status for (status,) in finals} == set(STATUSES) - {old for old, _ in moves}
    assert set(FINAL) == set(STATUSES) - {old for old, _ in moves}


def test_every_function_that_may_move_a_job_is_called(
    connection: psycopg.Connection[Any],
) -> None:
    """The functions of the HTTP layer, api_…, only call these."""
    writing = connection.execute(
        "select p.proname from pg_proc as p where p.pronamespace = 'public'::regnamespace"
        " and p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype"
        " and not starts_with(p.proname, 'api_')"
    ).fetchall()
    called = {call.partition("public.")[2].partition("(")[0] for call in CALLS.values()}
    assert {name for (name,) in writing} == called | MOVE_BY_OTHERS | MOVE_NOTHING


def new_job(connection: psycopg.Connection[Any]) -> Any:
    row = connection.execute("select tests.job_for(tests.alice_repository())").fetchone()
    assert row is not None
    return row[0]


def look(
    connection: psycopg.Connection[Any], job_id: Any
) -> tuple[Job, dict[str, Any], list[tuple[str | None, str]]]:
    """Returns the job, its whole row and its events as (from status, to status)."""
    row = connection.execute(
        "select j.status::text, j.attempt, j.retry_at is not null,"
        " j.cancel_requested_at is not null, j.queue_job_id is not null, to_jsonb(j)"
        " from public.index_jobs as j where j.id = %s",
        (job_id,),
    ).fetchone()
    assert row is not None
    story = connection.execute(
        "select from_status::text, to_status::text from public.index_job_events"
        " where job_id = %s order by event_no",
        (job_id,),
    ).fetchall()
    return Job(*row[:5]), row[5], story
