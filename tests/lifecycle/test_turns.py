"""Tenants take turns: one without running jobs is never skipped twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
TENANTS = sorted(uuid5(NAMESPACE_OID, str(number)) for number in range(40))
WORKER = "00000000-0000-4000-8000-00000000f001"
OTHER_WORKER = "00000000-0000-4000-8000-00000000f002"

PEOPLE: LiteralString = """
insert into auth.users (id) select unnest(%(ids)s::uuid[]);
"""
REPOSITORIES: LiteralString = """
insert into public.repositories (id, full_name, git_url, owner_user_id)
select u.id, 'a/b', 'https://example.com/a/b.git', u.id from unnest(%(ids)s::uuid[]) as u (id)
"""
CREATE: LiteralString = "select id from public.create_index_job(%s)"
CREATE_SOME: LiteralString = """
select from unnest(%s::uuid[], %s::integer[]) as t (id, jobs)
cross join generate_series(1, t.jobs) as n
cross join lateral public.create_index_job(case when n > 0 then t.id end) as j
"""
CLAIM: LiteralString = (
    "select id, tenant_id, attempt from public.claim_index_job(%s, %s, p_except_tenant_ids => %s)"
)
END: LiteralString = "select from public.update_job_status(%s, 'completed', '{}', %s)"
FAIL: LiteralString = "select from public.fail_job_attempt(%s, %s, 'down')"
HAND_BACK: LiteralString = "select from public.report_job_progress(%s, %s, p_lease => '0')"
BEGIN_ROUND: LiteralString = (
    "select setval('private.claim_cursor_high', 0), setval('private.claim_cursor_low', 0)"
)
# per tenant: jobs under a lease, and whether any job is free
STATE: LiteralString = """
select j.tenant_id, count(*) filter (where j.lease_expires_at > %(now)s),
  bool_or(j.status = 'pending' or j.retry_at <= %(now)s
    or j.lease_expires_at <= %(now)s and j.attempt < j.max_attempts)
from public.index_jobs as j where j.status in ('pending', 'processing') group by j.tenant_id
"""

KINDS = pytest.mark.parametrize("kind", ["pending", "due", "lost"])


class TenantQueue:
    """A database with forty tenants, and a worker's connection."""

    def __init__(self, database: Any, at_exit: ExitStack) -> None:
        def connect(url: str) -> psycopg.Connection[Any]:
            return at_exit.enter_context(psycopg.connect(url, autocommit=True))

        self.database = database
        self.admin = connect(database.url)
        self.worker = connect(database.service_role_url)
        self.worker.execute("set role service_role")
        self.worker.execute("set lock_timeout = '1s'")
        self.worker.execute("set statement_timeout = '20s'")
        self.admin.execute(PEOPLE, {"ids": TENANTS})
        self.admin.execute(REPOSITORIES, {"ids": TENANTS})

    def clear(self) -> None:
        self.admin.execute("delete from public.index_jobs")
        self.set_clock(START)

    def set_clock(self, now: datetime) -> None:
        self.now = now
        self.admin.execute("select tests.set_clock(%s)", (now,))

    def create(self, jobs: dict[UUID, int]) -> None:
        self.worker.execute(CREATE_SOME, ([*jobs], [*jobs.values()]))

    def claim(self, *but: UUID) -> Any:
        """Returns (job, tenant, attempt), or None."""
        return self.worker.execute(CLAIM, (WORKER, LEASE, list(but))).fetchone()

    def begin(self, kind: str, jobs: dict[UUID, int]) -> None:
        """Creates free jobs per tenant: pending, due for a retry, or with a lost worker."""
        self.clear()
        self.create(jobs)
        if kind != "pending":
            claimed = [self.claim() for _ in range(sum(jobs.values()))]
            for job_id, _, attempt in claimed if kind == "due" else ():
                self.worker.execute(FAIL, (job_id, attempt))
            self.set_clock(self.now + timedelta(minutes=20))
        self.admin.execute(BEGIN_ROUND)

    def state(self) -> dict[UUID, tuple[int, bool]]:
        """Returns (running jobs, whether another is free) of each tenant with a job."""
        rows = self.admin.execute(STATE, {"now": self.now}).fetchall()
        return {tenant: (held, free) for tenant, held, free in rows}


@pytest.fixture(scope="module")
def queue(clusters: Callable[[int], Any]) -> Iterator[TenantQueue]:
    with ExitStack() as at_exit:
        database = at_exit.enter_context(clusters(18).database("ordinary", migrated=True))
        yield TenantQueue(database, at_exit)


STEPS = st.lists(
    st.one_of(
        st.just(("claim", 0)),
        st.just(("claim", 0)),
        st.just(("claim and roll back", 0)),
        st.tuples(st.just("create"), st.integers(0, len(TENANTS) - 1)),
        st.tuples(st.sampled_from(["end", "fail", "hand back"]), st.integers(0, 100)),
        st.tuples(st.just("advance"), st.sampled_from([1, 10, 31])),
    ),
    min_size=10,
    max_size=50,
)


@given(
    backlogs=st.dictionaries(st.integers(0, len(TENANTS) - 1), st.integers(1, 6), max_size=40),
    steps=STEPS,
)
def test_no_tenant_is_served_twice_while_an_idle_tenant_waits(
    queue: TenantQueue, backlogs: dict[int, int], steps: list[tuple[str, int]]
) -> None:
    """So it gets one of the next claims, at most as many as there are waiting tenants."""
    queue.clear()
    queue.create({TENANTS[tenant]: jobs for tenant, jobs in backlogs.items()})
    before = queue.state()
    running: list[tuple[UUID, int]] = []
    served: defaultdict[UUID, Counter[UUID]] = defaultdict(Counter)  # while the key was waiting
    for step, argument in steps:
        if step == "create":
            queue.create({TENANTS[argument]: 1})
        elif step == "advance":
            queue.set_clock(queue.now + timedelta(seconds=argument))
            alive = "select id, attempt from public.index_jobs where lease_expires_at > %s"
            running = [*queue.admin.execute(alive, (queue.now,))]
        elif step.startswith("claim"):
            with queue.worker.transaction(force_rollback=step != "claim"):
                job = queue.claim()
            assert (job is None) == (not any(free for _, free in before.values()))
            for tenant, (held, free) in before.items():
                if job and free and held == 0:
                    served[tenant][job[1]] += tenant != job[1]
                    assert max(served[tenant].values()) <= 1
            if job:
                served.pop(job[1], None)
            if job and step == "claim":
                running.append((job[0], job[2]))
        elif running:
            call = {"end": END, "fail": FAIL, "hand back": HAND_BACK}[step]
            queue.worker.execute(call, running.pop(argument % len(running)))
        before = queue.state()
        waiting = {tenant for tenant, (held, free) in before.items() if free and held == 0}
        for tenant in [*served]:
            if tenant not in waiting:
                del served[tenant]


def test_new_tenant_is_served_before_the_backlog_of_another(queue: TenantQueue) -> None:
    queue.clear()
    queue.create({TENANTS[0]: 300})
    queue.create({TENANTS[1]: 1})
    served = []
    for _ in range(2):
        job_id, tenant, attempt = queue.claim()
        served.append(tenant)
        queue.worker.execute(END, (job_id, attempt))
    assert TENANTS[1] in served


@pytest.mark.parametrize("jobs", [50, 150], ids=["all are looked at", "more than are"])
def test_single_retry_does_not_wait_behind_many_of_another_tenant(
    queue: TenantQueue, jobs: int
) -> None:
    """These have been due for longer, and there are more than a claim compares."""
    queue.clear()
    backlogs = {TENANTS[0]: jobs, TENANTS[-1]: 1}
    queue.create(backlogs)
    for tenant, count in backlogs.items():
        for _ in range(count):
            job_id, _, attempt = queue.claim(*(backlogs.keys() - {tenant}))
            queue.worker.execute(FAIL, (job_id, attempt))
        queue.set_clock(queue.now + timedelta(minutes=20))
    served = {queue.claim()[1] for _ in range(2)}
    assert served == {TENANTS[0], TENANTS[-1]}


@given(backlogs=st.lists(st.integers(1, 4), min_size=2, max_size=16), count=st.integers(1, 20))
def test_tenant_with_the_fewest_running_jobs_is_served_first(
    queue: TenantQueue, backlogs: list[int], count: int
) -> None:
    queue.clear()
    queue.create(dict(zip(TENANTS, backlogs, strict=False)))
    for _ in range(min(count, sum(backlogs))):
        before = queue.state()
        _, tenant, _ = queue.claim()
        assert before[tenant][0] == min(held for held, free in before.values() if free)


def test_excluded_tenants_are_not_served(queue: TenantQueue) -> None:
    queue.clear()
    queue.create(dict.fromkeys(TENANTS, 1))
    for tenant in TENANTS[:-1]:
        others = [other for other in TENANTS if other != tenant]
        assert queue.claim(*others)[1] == tenant
    assert queue.claim(*TENANTS) is None
    assert queue.claim()[1] == TENANTS[-1]


def test_concurrent_claims_serve_several_tenants(queue: TenantQueue) -> None:
    """Both read the same position in the circle. When one tenant is left, both serve it."""
    queue.clear()
    queue.create({TENANTS[0]: 3, TENANTS[1]: 1})
    with psycopg.connect(queue.database.service_role_url) as worker:
        worker.execute("set role service_role")
        assert (
            worker.execute(CLAIM, (OTHER_WORKER, LEASE, [TENANTS[1]])).fetchone()[1] == TENANTS[0]
        )
        queue.admin.execute(BEGIN_ROUND)
        assert [queue.claim()[1] for _ in range(2)] == [TENANTS[1], TENANTS[0]]


@KINDS
def test_concurrent_claims_return_each_job_once(queue: TenantQueue, kind: str) -> None:
    queue.begin(kind, {TENANTS[0]: 2})
    with psycopg.connect(queue.database.service_role_url) as worker:
        worker.execute("set role service_role")
        first = worker.execute(CLAIM, (OTHER_WORKER, LEASE, [])).fetchone()
        assert first and first[0] != queue.claim()[0]
        assert queue.claim() is None


@KINDS
def test_claim_returns_a_job_of_the_next_tenant(queue: TenantQueue, kind: str) -> None:
    queue.begin(kind, dict.fromkeys(TENANTS[:3], 1))
    assert [queue.claim()[1] for _ in range(3)] == TENANTS[:3]


@KINDS
def test_tenant_whose_jobs_are_all_locked_is_skipped(queue: TenantQueue, kind: str) -> None:
    """Excluded tenants are not served either."""
    queue.begin(kind, dict.fromkeys(TENANTS[:4], 1))
    assert queue.claim()[1] == TENANTS[0]
    with psycopg.connect(queue.database.url) as locker:
        lock = "select from public.index_jobs where tenant_id = %s for update"
        locker.execute(lock, (TENANTS[1],))
        assert queue.claim(TENANTS[2])[1] == TENANTS[3]
        assert queue.claim(TENANTS[2]) is None
    assert {queue.claim()[1] for _ in range(2)} == {*TENANTS[1:3]}


def test_claims_do_not_wait_for_open_transactions(queue: TenantQueue) -> None:
    """A lock wait fails after a second. The locked jobs can be claimed after the transaction."""
    queue.clear()
    queue.create({TENANTS[0]: 3, TENANTS[1]: 3})
    other = queue.database
    with (
        psycopg.connect(other.authenticated_url) as user,
        psycopg.connect(other.service_role_url) as worker,
    ):
        user.execute("set role authenticated")
        user.execute(
            "select set_config('request.jwt.claims', %s, true)", (f'{{"sub": "{TENANTS[0]}"}}',)
        )
        oldest = "select id from public.list_index_jobs() order by created_at, id limit 1"
        user.execute(f"select from public.cancel_index_job(({oldest}))".encode())
        user.execute(CREATE, (TENANTS[0],))
        worker.execute("set role service_role")
        assert (
            worker.execute(CLAIM, (OTHER_WORKER, LEASE, [TENANTS[0]])).fetchone()[1] == TENANTS[1]
        )

        queue.create({TENANTS[0]: 1, TENANTS[1]: 1})
        claimed = [queue.claim() for _ in range(6)]
        assert Counter(tenant for _, tenant, _ in claimed) == {TENANTS[0]: 3, TENANTS[1]: 3}
        for job_id, _, attempt in claimed:
            queue.worker.execute(END, (job_id, attempt))
        assert queue.claim() is None
        worker.rollback()
        user.rollback()
    assert {queue.claim()[1] for _ in range(2)} == {TENANTS[0], TENANTS[1]}
    assert queue.claim() is None
