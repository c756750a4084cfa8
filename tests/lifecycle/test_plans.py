"""Lists and claims read indexes, whichever plan the server keeps. Asked of the server itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import psycopg
import pytest

FILL: LiteralString = """
insert into public.repositories (full_name, git_url, organization_id)
select 'acme/' || n, '/x', tests.acme() from generate_series(1, 9) as n;
insert into public.index_jobs (
  id, repository_id, owner_user_id, organization_id, status, attempt, error_message, created_at,
  started_at, completed_at, updated_at)
select private.uuid_v7(), r.id, r.owner_user_id, r.organization_id, s.status,
  (s.status <> 'pending')::integer, case s.status when 'failed' then 'x' end, t.at,
  case when s.status <> 'pending' then t.at end,
  case when s.status <> 'pending' then t.at end, t.at
from public.repositories as r
cross join generate_series(1, 3000) as n
cross join lateral (select '2030-01-01Z'::timestamptz + n * interval '1 second') as t (at)
cross join lateral (select case n % 10
  when 0 then 'failed' when 1 then 'pending' else 'completed' end::public.job_status) as s (status);
analyze;
"""


@pytest.fixture(scope="module")
def connection(clusters: Callable[[int], Any]) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's, which hears the plan of every statement that runs inside of functions."""
    with (
        clusters(18).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute("set session_replication_role = replica")
        connection.execute(FILL)
        connection.execute("load 'auto_explain'")
        for name, value in {
            "log_min_duration": "0",
            "log_nested_statements": "on",
            "log_level": "notice",
        }.items():
            connection.execute(f"set auto_explain.{name} = '{value}'".encode())
        yield connection


def plans(
    connection: psycopg.Connection[Any], mode: str, user: str, call: LiteralString
) -> list[str]:
    """The plans that read index_jobs during the call, as the user of the cast."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(notice.message_primary or "")

    with connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = force_{mode}_plan".encode())
        connection.execute(f"select tests.{user}".encode())
        connection.add_notice_handler(hear)
        connection.execute(call)
        connection.remove_notice_handler(hear)
    return [plan for plan in heard if " index_jobs " in plan.partition("Plan")[0] + plan]


@pytest.mark.parametrize("mode", ["generic", "custom"])
@pytest.mark.parametrize(
    ("call", "index"),
    [
        ("", "index_jobs_owner_user_id_created_at_id_idx"),
        ("p_status => 'failed'", "index_jobs_owner_user_id_created_at_id_not_completed_idx"),
        ("tests.acme()", "index_jobs_organization_id_created_at_id_idx"),
        (
            "tests.acme(), p_status => 'failed', p_since => '2030-01-01Z'",
            "index_jobs_organization_id_created_at_id_not_completed_idx",
        ),
        (
            "tests.acme(), p_repository_id => tests.acme_repository()",
            "index_jobs_repository_id_created_at_id_idx",
        ),
        (
            "tests.acme(), p_cursor => '2030-01-01T01:00:00Z,' || gen_random_uuid()",
            "index_jobs_organization_id_created_at_id_idx",
        ),
    ],
)
def test_a_page_is_read_from_its_index_in_order(
    connection: psycopg.Connection[Any], mode: str, call: LiteralString, index: str
) -> None:
    who = "act_as(tests.carol())" if "acme" in call else "act_as(tests.alice())"
    heard = plans(
        connection, mode, who, "select count(*) from public.list_index_jobs(" + call + ")"
    )
    found = [plan for plan in heard if index in plan]
    assert found, heard
    for plan in heard:
        assert "Seq Scan on index_jobs" not in plan
    for plan in found:
        assert "Sort" not in plan, "the index gives the order"
        assert "Index Cond" in plan


@pytest.mark.parametrize("mode", ["generic", "custom"])
def test_a_claim_skips_from_tenant_to_tenant(
    connection: psycopg.Connection[Any], mode: str
) -> None:
    heard = plans(
        connection, mode, "act_as_worker()", "select from public.claim_index_job('w', '1 minute')"
    )
    for plan in heard:
        assert "Seq Scan on index_jobs" not in plan
        assert "Bitmap Heap Scan on index_jobs" not in plan
    (turn,) = [plan for plan in heard if "Recursive Union" in plan]
    by_tenant = "Index Cond: (CASE WHEN (organization_id IS NULL)"
    assert turn.count(by_tenant) == 2, "to the next tenant, and to the oldest job of each"
    (taken,) = [plan for plan in heard if "LockRows" in plan]
    assert by_tenant in taken
    for plan in (turn, taken):
        assert "index_jobs_pending_idx" in plan
