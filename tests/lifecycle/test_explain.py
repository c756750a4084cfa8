"""explain_index_job reports the position at which claims return the job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, LiteralString
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_turns import START, TENANTS, TenantQueue

CASES = settings.default.max_examples if settings.default.max_examples > 100 else 60
SECOND = int(START.timestamp())

PUT: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, status, attempt, max_attempts, queue_job_id,
  created_at, started_at, heartbeat_at, completed_at, lease_expires_at, retry_at,
  cancel_requested_at, updated_at)
select j.id, j.tenant_id, 'a/b', j.tenant_id, j.status::public.job_status, j.attempt, 3,
  case when j.is_linked then gen_random_uuid() end,
  j.created_at, case when j.attempt > 0 then j.created_at end,
  case when j.lease is not null then j.lease - interval '30 seconds' end,
  case when j.status = 'cancelled' then j.created_at end, j.lease, j.retry_at,
  case when j.is_cancelled then j.created_at end, j.created_at
from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::integer[], %s::boolean[], %s::boolean[],
    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
  as j (id, tenant_id, status, attempt, is_linked, is_cancelled, created_at, lease, retry_at)
"""
EXPLAIN: LiteralString = """
select j.id, j.tenant_id, e.reason, e.sentence, e.position, e.own_ahead
from public.index_jobs as j cross join lateral public.explain_index_job(j.id) as e
"""
SERVED: LiteralString = """
select setval('private.claim_cursor_high', ('x' || left(t.hex, 16))::bit(64)::bigint),
  setval('private.claim_cursor_low', ('x' || right(t.hex, 16))::bit(64)::bigint)
from (select replace(%s::uuid::text, '-', '')) as t (hex)
"""
SEE: LiteralString = (
    "insert into private.runners (worker_id, seen_at) values (gen_random_uuid(), %s)"
)


@dataclass(frozen=True)
class Kind:
    """A kind of job. Times are seconds from now."""

    status: str
    attempt: int = 0
    lease: int | None = None
    retry: int | None = None
    is_linked: bool = False
    is_cancelled: bool = False


KINDS = {
    "pending": Kind("pending"),
    "leased": Kind("processing", 1, lease=20),
    "leased, cancelled": Kind("processing", 1, lease=20, is_cancelled=True),
    "lapsed": Kind("processing", 1, lease=-5),
    "lapsed, cancelled": Kind("processing", 1, lease=-5, is_cancelled=True),
    "lapsed, used up": Kind("processing", 3, lease=-5),
    "due": Kind("processing", 1, retry=-5),
    "due, used up": Kind("processing", 3, retry=-5),
    "backing off": Kind("processing", 2, retry=5),
    "linked": Kind("pending", is_linked=True),
    "linked, begun": Kind("processing", 1, lease=-5, is_linked=True),
    "begun without a lease": Kind("processing", 1),
    "cancelled": Kind("cancelled", is_cancelled=True),
}
ALWAYS_READY = {"pending", "due", "due, used up"}
"""A tenant with one of these waits, even if a claim would only end it."""

BACKLOGS = st.lists(st.sampled_from([*KINDS, *["pending", "due, used up"] * 3]), max_size=5)
HELD = st.sampled_from([0, 0, 0, 1, 2, 31, 33])
STATES = st.one_of(
    st.dictionaries(st.integers(0, 39), st.tuples(HELD, BACKLOGS), min_size=1, max_size=16),
    st.dictionaries(st.integers(0, 39), st.tuples(HELD, BACKLOGS), min_size=17, max_size=40),
)


@pytest.fixture(scope="module")
def queue(clusters: Callable[[int], Any]) -> Iterator[TenantQueue]:
    with ExitStack() as at_exit:
        database = at_exit.enter_context(clusters(18).database("ordinary", migrated=True))
        queue = TenantQueue(database, at_exit)
        queue.admin.execute("set session_replication_role = replica")
        yield queue


def put(queue: TenantQueue, jobs: list[tuple[UUID, str]]) -> dict[UUID, str]:
    """Creates jobs of these tenants and kinds. Each two have the same creation time."""
    rows, kinds = [], {}
    for number, (tenant, name) in enumerate(jobs):
        kind = KINDS[name]
        made = START - timedelta(hours=1) + timedelta(seconds=number // 2)
        lease, retry = (
            None if at is None else START + timedelta(seconds=at, milliseconds=number // 2)
            for at in (kind.lease, kind.retry)
        )
        job_id = uuid5(NAMESPACE_OID, f"job {number}")
        kinds[job_id] = name
        rows.append(
            (
                *(job_id, tenant, kind.status, kind.attempt, kind.is_linked, kind.is_cancelled),
                *(made, lease, retry),
            )
        )
    if rows:
        queue.admin.execute(PUT, [list(column) for column in zip(*rows, strict=True)])
    return kinds


@settings(max_examples=CASES)
@given(
    state=STATES,
    served=st.integers(-1, 39),
    are_leases_looked_at=st.booleans(),
    seen=st.sampled_from([None, 1, 60]),
)
def test_claims_follow_the_explained_order(
    queue: TenantQueue,
    state: dict[int, tuple[int, list[str]]],
    served: int,
    are_leases_looked_at: bool,
    seen: int | None,
) -> None:
    queue.clear()
    queue.admin.execute("delete from private.runners")
    if seen is not None:
        queue.admin.execute(SEE, (START - timedelta(seconds=seen),))
    jobs = [
        (TENANTS[tenant], kind)
        for tenant, (held, backlog) in state.items()
        for kind in ["leased"] * held + backlog
    ]
    kinds = put(queue, jobs)
    queue.admin.execute(SERVED, (TENANTS[served] if served >= 0 else UUID(int=0),))
    queue.admin.execute(
        "select setval('private.claim_lease_check', %s)", (SECOND - are_leases_looked_at,)
    )
    ready = ALWAYS_READY | ({k for k in KINDS if "lapsed" in k} if are_leases_looked_at else set())
    waiting = [tenant for tenant, (_, backlog) in state.items() if ready & {*backlog}]

    told = queue.worker.execute(EXPLAIN).fetchall()
    came: dict[UUID, int] = {}
    own: dict[UUID, int] = {}
    served_of: dict[UUID, int] = {}
    while job := queue.claim():
        came[job[0]] = len(came)
        own[job[0]] = served_of.setdefault(job[1], 0)
        served_of[job[1]] += 1
    for job_id, _, reason, sentence, position, own_ahead in told:
        assert (position is None) == (job_id not in came), (reason, sentence)
        assert own_ahead == own.get(job_id)
        if position is None:
            continue
        if len(waiting) <= 16:
            assert position == came[job_id], (reason, sentence)
            assert "at most" not in sentence
        else:
            assert position >= came[job_id], (reason, sentence)
            assert position == 0 or "at most" in sentence, (reason, sentence)
        if "lapsed" in kinds[job_id]:
            assert reason == "silent"
        elif seen != 1:
            assert reason == "no_runner"
        else:
            assert reason == ("in_line" if position else "up_next")
