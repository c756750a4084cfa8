"""Lists and claims use indexes with generic and custom plans, as logged by the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

READ = r"(?:using|Index Scan on) (index_jobs_\w+)"
STATUSES = ("pending", "processing", "completed", "failed", "cancelled")

# Each repository has old jobs of every status. `busy` also has thousands of later ones.
FILL: LiteralString = """
insert into public.repositories (full_name, git_url, organization_id)
select 'acme/' || n, '/x', tests.acme() from generate_series(1, 3) as n;
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, organization_id, status, attempt, error_message,
  created_at, started_at, completed_at, updated_at)
select private.uuid_v7(), r.id, r.full_name, r.owner_user_id, r.organization_id, s.status,
  (s.status <> 'pending')::integer, case s.status when 'failed' then 'x' end, t.at,
  case when s.status <> 'pending' then t.at end,
  case when s.status not in ('pending', 'processing') then t.at end, t.at
from public.repositories as r
cross join generate_series(1, 3000) as n
cross join lateral (select '2030-01-01Z'::timestamptz + n * interval '1 second') as t (at)
cross join lateral (
  select case when n <= 50 then (enum_range(null::public.job_status))[n % 5 + 1] else {busy} end
) as s (status);
analyze;
"""

# one free job of each kind, each of a different tenant
FREE: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, status, attempt, created_at, started_at,
  heartbeat_at, lease_expires_at, retry_at, updated_at)
select gen_random_uuid(), gen_random_uuid(), 'x', u.id, u.status, u.attempt, t.at,
  case when u.attempt > 0 then t.at end, t.at, u.lease, u.retry, t.at
from (values ('2020-01-01Z'::timestamptz)) as t (at)
cross join lateral (values
  (gen_random_uuid(), 'pending'::public.job_status, 0, null, null),
  (gen_random_uuid(), 'processing', 1, t.at, null),
  (gen_random_uuid(), 'processing', 1, null, t.at),
  ('00000000-0000-4000-8000-0000000000a1', 'processing', 1, null, '2099-01-01Z'),
  ('00000000-0000-4000-8000-0000000000a1', 'pending', 0, null, null)
) as u (id, status, attempt, lease, retry)
"""
MANY_LATER: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, status, attempt, created_at, started_at, retry_at,
  updated_at)
select gen_random_uuid(), gen_random_uuid(), 'x', gen_random_uuid(), s.status, s.attempt, t.at,
  s.started_at, s.retry_at, t.at
from (values ('2020-01-01Z'::timestamptz)) as t (at)
cross join generate_series(1, 2001) as n
cross join lateral (select
  case when n > 2000 then 'pending' else 'processing' end::public.job_status,
  case when n > 2000 then 0 else 1 end,
  case when n <= 2000 then t.at end,
  case when n <= 2000 then '2099-01-01Z'::timestamptz end
) as s (status, attempt, started_at, retry_at)
"""
# the user and the call: together they read every index
READERS = [
    ("act_as(tests.alice())", "public.list_index_jobs()"),
    ("act_as(tests.carol())", "public.list_index_jobs(tests.acme())"),
    *(
        ("act_as(tests.alice())", f"public.list_index_jobs(null, {repository}, {status})")
        for repository in ("null", "tests.alice_repository()")
        for status in ("null", "'completed'", "'failed'")
    ),
    ("act_as_worker()", "public.claim_index_job(tests.worker(1))"),
    ("act_as_worker()", "public.purge_finished_jobs()"),
    (
        "act_as_worker()",
        """public.api_admin_change_index_job('{"role": "service_role"}', (
          select j.id::text from public.index_jobs as j where j.status = 'failed' limit 1
        ), 'retry', 'x')""",
    ),
]
# what distinguishes the statements of a claim
MARKS = {
    "turns": "with recursive",
    "leases": "distinct on",
    "due": "limit 100",
    "lock": "skip locked",
}


@contextmanager
def filled(
    clusters: Callable[[int], Any], busy: str, major: int = 18
) -> Iterator[psycopg.Connection[Any]]:
    """Yields a superuser's connection that logs the plan of every statement in functions."""
    with (
        clusters(major).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute("set session_replication_role = replica")
        connection.execute(FILL.replace("{busy}", f"'{busy}'").encode())
        connection.execute("load 'auto_explain'")
        for name, value in {
            "log_analyze": "on",
            "log_timing": "off",
            "log_min_duration": "0",
            "log_nested_statements": "on",
            "log_level": "notice",
        }.items():
            connection.execute(f"set auto_explain.{name} = '{value}'".encode())
        yield connection


@pytest.fixture(
    scope="module", params=[(18, "pending"), (18, "completed"), (18, "failed"), (15, "failed")]
)
def busy(
    clusters: Callable[[int], Any], request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection[Any]]:
    """A database in which almost all jobs have this status."""
    major, status = request.param
    with filled(clusters, status, major) as connection:
        yield connection


def plans(connection: psycopg.Connection[Any], mode: str, user: str, call: str) -> list[str]:
    """Returns the plans that read index_jobs during a call by this user."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(notice.message_primary or "")

    with connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = force_{mode}_plan".encode())
        connection.execute(f"select tests.{user}".encode())
        connection.add_notice_handler(hear)
        connection.execute(call.encode())
        connection.remove_notice_handler(hear)
    return [plan for plan in heard if " index_jobs " in plan.partition("Plan")[0] + plan]


@pytest.mark.parametrize("mode", ["generic", "custom"])
@pytest.mark.parametrize("status", [None, *STATUSES])
@pytest.mark.parametrize("repository", [False, True], ids=["all", "repository"])
@pytest.mark.parametrize("organization", [False, True], ids=["own", "organization"])
def test_page_reads_only_its_own_rows_in_index_order(
    busy: psycopg.Connection[Any],
    organization: bool,
    repository: bool,
    status: str | None,
    mode: str,
) -> None:
    """Tries every filter and most common status, for the first and later pages."""
    tenant = ("acme", "carol") if organization else ("alice", "alice")
    of_repository = f"tests.{tenant[0]}_repository()" if repository else "null"
    call = (
        f"select count(*) from public.list_index_jobs({'tests.acme()' if organization else 'null'},"
        f" {of_repository}, {'null' if status is None else repr(status)},"
        " p_since => '2030-01-01Z', p_limit => 5"
    )
    for cursor in ("", ", p_cursor => '2030-01-01T00:00:40Z,ffffffff-ffff-ffff-ffff-ffffffffffff'"):
        (plan,) = plans(busy, mode, f"act_as(tests.{tenant[1]}())", f"{call}{cursor})")
        node = re.search(
            r"Index Scan Backward using (\S+) .*actual rows=5(\.00)? (.*\n)+?( *SubPlan|\Z)", plan
        )
        assert node, plan
        assert ("repository_id" in node[1]) is repository
        assert "Sort" not in plan, "the index gives the order"
        assert "Rows Removed" not in node[0], "nothing is read in vain"


def test_each_index_of_index_jobs_is_used(busy: psycopg.Connection[Any]) -> None:
    """By a call of the product, or by the deletion of a user, which looks up the user's jobs."""
    heard = [
        plan
        for user, call in READERS
        for plan in plans(busy, "generic", user, f"select count(*) from {call}")
    ]
    with busy.transaction(force_rollback=True):
        busy.execute("set local session_replication_role = origin")
        heard += plans(
            busy, "generic", "act_as_admin()", "delete from auth.users where id = tests.carol()"
        )
    read = re.findall(READ, "\n".join(heard))
    indexes = busy.execute(
        "select indexname::text from pg_indexes where tablename = 'index_jobs' order by 1"
    ).fetchall()
    assert sorted(set(read)) == [name for (name,) in indexes]


@pytest.fixture(
    scope="module",
    params=[(18, "empty"), (18, "pending"), (18, "processing"), (15, "empty"), (15, "processing")],
)
def claims(
    clusters: Callable[[int], Any], request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection[Any]]:
    """A database whose statistics have no jobs, or almost only jobs with this status."""
    major, status = request.param
    with filled(clusters, "pending" if status == "empty" else status, major) as connection:
        if status == "empty":
            connection.execute("delete from public.index_jobs")
            connection.execute("analyze public.index_jobs")
        connection.execute(FREE)
        yield connection


@pytest.mark.parametrize("mode", ["generic", "custom"])
def test_claim_skips_from_tenant_to_tenant(claims: psycopg.Connection[Any], mode: str) -> None:
    """It uses the two indexes for claims, whatever the statistics."""
    claims.execute(
        "select setval('private.claim_cursor_high', 0), setval('private.claim_lease_check', 0)"
    )
    heard = plans(
        claims,
        mode,
        "act_as_worker()",
        "select j.id from generate_series(1, 6) as n"
        " cross join lateral public.claim_index_job(tests.worker(n)) as j",
    )
    pending, begun = "index_jobs_pending_idx", "index_jobs_processing_idx"
    used: dict[str, list[list[str]]] = {kind: [] for kind in MARKS}
    for plan in heard:
        for kind, mark in MARKS.items():
            if mark in plan:
                assert not re.search("Seq Scan on index_jobs|Bitmap", plan)
                keys = re.findall(r"Sort Key: (\w+)\.", plan)
                assert set(keys) <= {"w", "r"}, "of 16 tenants, of what the function was told"
                used[kind].append(re.findall(r"using (\S+) on index_jobs", plan))
    assert len(used["turns"]) >= 6
    assert all(indexes == [pending, begun, begun] for indexes in used["turns"])
    assert used["leases"]
    assert all(indexes == [begun] for indexes in used["leases"])
    assert len(used["due"]) == 6
    assert all(indexes == ["index_jobs_retry_at_idx"] for indexes in used["due"])
    # an expired lease and a retry at least, and two pending jobs
    assert used["lock"].count([begun]) >= 2
    assert used["lock"].count([pending]) >= 2
    assert all(len(indexes) == 1 for indexes in used["lock"])
    begin = "".join(plan for plan in heard if "set status = 'processing'" in plan)
    assert {*re.findall(READ, begin)} == {"index_jobs_pkey"}
    assert "Seq Scan" not in begin
    turns = next(plan for plan in heard if MARKS["turns"] in plan)
    assert turns.count("Index Cond: ((tenant_id >= ") == 1, "held: of one tenant"
    assert turns.count("Index Cond: (tenant_id > ") == 1, "to the next tenant with a pending job"
    assert turns.count("Index Cond: ((tenant_id > ") == 1, "or with one that is due"


def test_claim_does_not_visit_tenants_with_only_later_retries(
    claims: psycopg.Connection[Any],
) -> None:
    """It does not read their jobs either: 2,000 cost as much as one."""
    with claims.transaction(force_rollback=True):
        claims.execute("set local session_replication_role = replica")
        claims.execute("delete from public.index_jobs where retry_at is null")
        claims.execute("update public.index_jobs set retry_at = '2099-01-01Z'")
        claims.execute(MANY_LATER)
        heard = plans(
            claims, "generic", "act_as_worker()", "select public.claim_index_job(tests.worker(1))"
        )
    (turns,) = (plan for plan in heard if MARKS["turns"] in plan)
    (due,) = (plan for plan in heard if MARKS["due"] in plan)
    assert re.search(r"Recursive Union .*actual rows=[1-4](\.|\b)", turns), turns
    assert re.search(r"index_jobs_retry_at_idx .*actual rows=0", due), due
