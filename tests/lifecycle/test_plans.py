"""Lists and claims read indexes, whichever plan the server keeps. Asked of the server itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

STATUSES = ("pending", "processing", "completed", "failed", "cancelled")

# Of every repository the old jobs are of each status, and thousands of later ones of `busy` alone.
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


@contextmanager
def filled(
    clusters: Callable[[int], Any], busy: str, major: int = 18
) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's, which hears the plan of every statement that runs inside of functions."""
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
    """Almost all jobs have that status."""
    major, status = request.param
    with filled(clusters, status, major) as connection:
        yield connection


@pytest.fixture(scope="module")
def connection(clusters: Callable[[int], Any]) -> Iterator[psycopg.Connection[Any]]:
    with filled(clusters, "pending") as connection:
        yield connection


def plans(connection: psycopg.Connection[Any], mode: str, user: str, call: str) -> list[str]:
    """The plans that read index_jobs during the call, as the user of the cast."""
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
def test_a_page_reads_from_an_index_in_order_what_it_gives_and_no_more(
    busy: psycopg.Connection[Any],
    organization: bool,
    repository: bool,
    status: str | None,
    mode: str,
) -> None:
    """By every filter, whichever status is the usual one; a late page as the first one."""
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


@pytest.mark.parametrize("mode", ["generic", "custom"])
def test_a_claim_skips_from_tenant_to_tenant(
    connection: psycopg.Connection[Any], mode: str
) -> None:
    heard = plans(
        connection,
        mode,
        "act_as_worker()",
        "select from public.claim_index_job(tests.worker(1), '1 minute')",
    )
    for plan in heard:
        assert "Seq Scan on index_jobs" not in plan
        assert "Bitmap Heap Scan on index_jobs" not in plan
    (turn,) = [plan for plan in heard if "Recursive Union" in plan]
    by_tenant = "Index Cond: (tenant_id "
    assert turn.count(by_tenant) == 2, "to the next tenant, and to the oldest job of each"
    (taken,) = [plan for plan in heard if "LockRows" in plan]
    assert by_tenant in taken
    for plan in (turn, taken):
        assert "index_jobs_pending_idx" in plan
