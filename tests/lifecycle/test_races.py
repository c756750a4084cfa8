"""16 or 32 connections at once: one winner, one event, no deadlock, no other error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.waiting import PATIENCE

SIZE = 16
CREATORS = 32
BOB = '{"sub": "00000000-0000-4000-8000-0000000000b0", "role": "authenticated"}'

CLAIM: LiteralString = (
    "select j.id from public.claim_index_job(tests.worker(%(worker)s), '1 hour') as j"
)
COMPLETE: LiteralString = (
    "select j.id from public.update_job_status(%(id)s, 'completed', '{}', 1) as j"
)
FAIL: LiteralString = "select j.id from public.fail_job_attempt(%(id)s, 1, 'x', false) as j"
RETRY: LiteralString = "select j.id from public.fail_job_attempt(%(id)s, 1, 'y', true) as j"
CANCEL: LiteralString = "select j.id from public.cancel_index_job(%(id)s) as j"
RESCUE: LiteralString = (
    "select nullif(retried + failed + cancelled, 0) from public.retry_or_fail_stuck_jobs()"
)
CREATE: LiteralString = (
    "select to_jsonb(j) from public.create_index_job("
    "tests.acme_repository(), 'main', null, %(key)s) as j"
)


class Racers:
    """Sixteen workers and 32 connections of bob on one database."""

    def __init__(self, database: Any, at_exit: ExitStack) -> None:
        def connect(url: str) -> psycopg.Connection[Any]:
            return at_exit.enter_context(
                psycopg.connect(url, autocommit=True, prepare_threshold=None)
            )

        self.admin = connect(database.url)
        self.admin.execute("select tests.arrange_cast()")
        self.workers = [connect(database.service_role_url) for _ in range(SIZE)]
        self.users = [connect(database.authenticated_url) for _ in range(CREATORS)]
        self._threads = at_exit.enter_context(ThreadPoolExecutor(CREATORS))

    def job(self, *, begun: bool = True) -> Any:
        """Creates a job of acme, the only one in the database."""
        self.admin.execute("delete from public.index_jobs")
        (job_id,) = self.row("select tests.job_for(tests.acme_repository())")
        if begun:
            self.admin.execute(CLAIM, {"worker": 0})
        return job_id

    def row(self, query: LiteralString, *arguments: Any) -> Any:
        return self.admin.execute(query, arguments).fetchone()

    def race(
        self, calls: Sequence[LiteralString], size: int = SIZE, **arguments: Any
    ) -> list[tuple[str, Any]]:
        """Runs all calls at once. Returns (statement, first column or error code) of each."""
        barrier = Barrier(size)

        def run(number: int) -> tuple[str, Any]:
            statement = calls[number % len(calls)]
            of_user = statement in {CANCEL, CREATE}
            connection = (self.users if of_user else self.workers)[number]
            become = "authenticated" if of_user else "service_role"
            try:
                with (
                    connection.transaction()
                ):  # which behind a pooler keeps all of it in one session
                    connection.execute(
                        "select set_config('role', %s, true),"
                        " set_config('request.jwt.claims', %s, true)",
                        (become, BOB if of_user else ""),
                    )
                    barrier.wait(PATIENCE)
                    row = connection.execute(statement, {"worker": number, **arguments}).fetchone()
            except psycopg.Error as error:
                assert error.sqlstate == "PT409", error
                return statement, error.diag.message_detail
            return statement, row and row[0]

        return list(self._threads.map(run, range(size)))

    def ends(self, job_id: Any) -> tuple[str, int]:
        """Returns the status and the number of events that ended the job or an attempt."""
        (status,) = self.row("select status::text from public.index_jobs where id = %s", job_id)
        (events,) = self.row(
            "select count(*) from public.index_job_events where job_id = %s"
            " and (to_status not in ('pending', 'processing') or detail ? 'retry_at')",
            job_id,
        )
        (gap,) = self.row(
            "select max(event_no) - count(*) from public.index_job_events where job_id = %s",
            job_id,
        )
        assert gap == 0
        return status, events


@pytest.fixture(scope="module")
def racers(clusters: Callable[[int], Any]) -> Iterator[Racers]:
    with ExitStack() as at_exit:
        database = at_exit.enter_context(clusters(18).database("ordinary", migrated=True))
        yield Racers(database, at_exit)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> range:
    return range(200 if request.config.getoption("--prove") else 20)


def test_one_of_sixteen_claims_gets_the_job(racers: Racers, rounds: range) -> None:
    for _ in rounds:
        job_id = racers.job(begun=False)
        said = [answer for _, answer in racers.race([CLAIM])]
        assert sorted(said, key=str) == sorted([job_id, *[None] * (SIZE - 1)], key=str)
        row = racers.row("select attempt, version from public.index_jobs where id = %s", job_id)
        assert row == (1, 2)


def test_sixteen_claims_of_sixteen_jobs_get_one_each(racers: Racers, rounds: range) -> None:
    for _ in rounds:
        racers.job(begun=False)
        racers.admin.execute(
            "select tests.job_for(case when n %% 2 = 0 then tests.acme_repository()"
            " else tests.alice_repository() end) from generate_series(2, %s) as n",
            (SIZE,),
        )
        said = [answer for _, answer in racers.race([CLAIM])]
        assert None not in said
        assert len(set(said)) == SIZE


@pytest.mark.parametrize(
    ("calls", "ends"),
    [
        ([COMPLETE, FAIL], {COMPLETE: "completed", FAIL: "failed"}),
        ([COMPLETE, RETRY], {COMPLETE: "completed", RETRY: "processing"}),
        ([COMPLETE, RESCUE], {COMPLETE: "completed", RESCUE: "processing"}),
        ([COMPLETE, FAIL, RETRY, RESCUE], {
            COMPLETE: "completed", FAIL: "failed", RETRY: "processing", RESCUE: "processing"
        }),
    ],
    ids=["complete, fail", "complete, retry", "complete, rescue", "all"],
)  # fmt: skip
def test_one_of_two_ends_wins_and_the_other_is_rejected(
    racers: Racers, rounds: range, calls: list[LiteralString], ends: dict[str, str]
) -> None:
    for _ in rounds:
        job_id = racers.job()
        racers.admin.execute(
            "update public.index_jobs set lease_expires_at = clock_timestamp() where id = %s",
            (job_id,),
        )
        said = racers.race(calls, id=job_id)
        status, events = racers.ends(job_id)
        assert events == 1
        won = {call for call, answer in said if answer not in REFUSED}
        assert {ends[call] for call in won} == {status}
        assert won <= {RESCUE, RETRY} or len(won) == 1
        assert {answer for call, answer in said if call not in {*won, RESCUE}} <= REFUSED


REFUSED = {
    None, "stale_attempt", "invalid_transition", "not_processing", "conflicting_repeat"
}  # fmt: skip


def test_either_cancel_or_complete_wins_and_the_end_stays(racers: Racers, rounds: range) -> None:
    for _ in rounds:
        job_id = racers.job()
        said = racers.race([COMPLETE, CANCEL], id=job_id)
        assert racers.ends(job_id) == ("completed", 1)
        assert {answer for call, answer in said if call == COMPLETE} == {job_id}
        assert {answer for call, answer in said if call == CANCEL} <= {job_id, "invalid_transition"}
        (requests,) = racers.row(
            "select count(*) from public.index_job_events"
            " where job_id = %s and detail ? 'cancel_requested'",
            job_id,
        )
        assert requests == (job_id in {answer for call, answer in said if call == CANCEL})


def test_either_cancel_or_claim_wins(racers: Racers, rounds: range) -> None:
    for _ in rounds:
        job_id = racers.job(begun=False)
        said = racers.race([CLAIM, CANCEL], id=job_id)
        status, events = racers.ends(job_id)
        claims = [answer for call, answer in said if call == CLAIM and answer]
        assert {answer for call, answer in said if call == CANCEL} == {job_id}
        if claims:
            assert (claims, status, events) == ([job_id], "processing", 0)
        else:
            assert (status, events) == ("cancelled", 1)


def test_32_identical_creates_return_one_job(racers: Racers, rounds: range) -> None:
    for number in rounds:
        racers.admin.execute("delete from public.index_jobs")
        said = [answer for _, answer in racers.race([CREATE], CREATORS, key=f"key-{number}")]
        made = racers.row(
            "select to_jsonb(j), (select array_agg(e.to_status::text)"
            " from public.index_job_events as e where e.job_id = j.id)"
            " from public.index_jobs as j"
        )
        assert made is not None
        assert made[1] == ["pending"]
        assert said == [made[0]] * CREATORS
        assert racers.row("select count(*) from public.index_jobs") == (1,)
