"""What a page of a list costs, and a claim, by how much there is.

    python -m bench.list_jobs [JOBS]

Starts a server of its own on a temporary directory, gives one tenant 100 jobs and another JOBS
(1,000,000), one member 1 organization and another 1,000, and prints the median time of a call of
list_index_jobs under row-level security, and of claim_index_job beside 100,000 pending jobs. A
page is to cost the same within 1.3. Exit code 1: it does not.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from cli.dev import stack
from db.local import postgres

CALLS = 400
LIMIT = 1.3

FILL: LiteralString = """
set session_replication_role = replica;
insert into auth.users (id)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
from generate_series(1, 4) as n;
insert into public.organizations (id, slug, name)
select ('00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'o' || n, 'o'
from generate_series(1, 1000) as n;
insert into public.organization_members (organization_id, user_id)
select o.id, '00000000-0000-4000-8000-000000000004' from public.organizations as o;
insert into public.organization_members (organization_id, user_id)
values ('00000000-0000-4000-9000-000000000001', '00000000-0000-4000-8000-000000000003');
insert into public.repositories (id, full_name, git_url, owner_user_id)
select u.id, 'a/b', '/x', u.id from auth.users as u;
insert into public.repositories (id, full_name, git_url, organization_id)
select o.id, 'a/b', '/x', o.id from public.organizations as o;
"""
JOBS: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, organization_id, status, attempt, created_at,
  started_at, completed_at, updated_at, error_message)
select
  private.uuid_v7(), coalesce(%(user)s, %(organization)s)::uuid, 'a/b', %(user)s::uuid,
  %(organization)s::uuid,
  case when n %% 1000 = 0 then 'failed' else 'completed' end::public.job_status, 1,
  t.at, t.at, t.at + interval '1 second', t.at, case when n %% 1000 = 0 then 'x' end
from generate_series(1, %(jobs)s) as n
cross join lateral (select '2030-01-01Z'::timestamptz + n * interval '1 second') as t (at)
"""
PENDING: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, created_at, updated_at)
select private.uuid_v7(), %(user)s::uuid, 'a/b', %(user)s::uuid, t.at, t.at
from generate_series(1, %(jobs)s) as n
cross join lateral (
  select '2031-01-01Z'::timestamptz + (n + %(later)s) * interval '1 second') as t (at)
"""
SMALL, LARGE, FEW, MANY = (f"00000000-0000-4000-8000-{n:012x}" for n in range(1, 5))
ORGANIZATION = f"00000000-0000-4000-9000-{1:012x}"


@contextmanager
def database() -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to a new database with the migrations."""
    with (
        postgres.temporary(settings={"fsync": "off"}) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        stack.prepare(stack.Database(server.url(), server))
        yield connection


def cost(
    connection: psycopg.Connection[Any], user: str, arguments: LiteralString, calls: int = CALLS
) -> float:
    """The median milliseconds of a page of 20 for the user."""
    statement = b"select count(*) from public.list_index_jobs(" + arguments.encode() + b") as j"
    times = []
    with connection.transaction():
        connection.execute("set local role authenticated")
        connection.execute(
            "select set_config('request.jwt.claims', %s, true)", (f'{{"sub": "{user}"}}',)
        )
        for _ in range(calls):
            begun = time.perf_counter()
            connection.execute(statement)
            times.append(time.perf_counter() - begun)
    return statistics.median(times[calls // 10 :]) * 1000


def compare(connection: psycopg.Connection[Any]) -> bool:
    """Prints each pair; whether all are within the limit."""
    deep = "p_cursor => '2030-01-01T00:01:00Z,ffffffff-ffff-ffff-ffff-ffffffffffff'"
    shared: LiteralString = f"p_organization_id => '{ORGANIZATION}'"
    good = True
    for what, one, other, arguments in (
        ("first page", SMALL, LARGE, ""),
        ("deep page", SMALL, LARGE, deep),
        ("a rare status", SMALL, LARGE, "p_status => 'failed'"),
        ("a usual status", SMALL, LARGE, "p_status => 'completed'"),
        ("an organization", FEW, MANY, shared),
        ("its rare status", FEW, MANY, f"{shared}, p_status => 'failed'"),
    ):
        pairs = [
            (cost(connection, one, arguments), cost(connection, other, arguments)) for _ in range(3)
        ]
        small, large = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        good &= large <= LIMIT * small
        print(f"{what:16} {small:7.3f} ms {large:7.3f} ms  x {large / small:.2f}", flush=True)
    return good


def claims(connection: psycopg.Connection[Any]) -> None:
    """Prints what a claim costs beside ever more pending jobs of one tenant."""
    for jobs in (0, 1_000, 99_000):
        connection.execute(PENDING, {"user": LARGE, "jobs": jobs, "later": 0})
        connection.execute(PENDING, {"user": SMALL, "jobs": 1, "later": 1_000_000})
        connection.execute("analyze public.index_jobs")
        times = []
        for number in range(50):
            begun = time.perf_counter()
            row = connection.execute(
                "select j.owner_user_id::text, j.id"
                " from public.claim_index_job(gen_random_uuid()::text, '1 hour') as j"
            ).fetchone()
            times.append(time.perf_counter() - begun)
            if row is None:
                break
            if number == 1:
                assert row[0] == SMALL, "the second claim goes to the other tenant"
        print(f"claim beside {jobs:7,} pending  {statistics.median(times) * 1000:7.3f} ms")
        connection.execute("delete from public.index_jobs where status = 'processing'")


def main(jobs: int = 1_000_000) -> int:
    with database() as connection:
        connection.execute(FILL)
        for user, organization, count in (
            (SMALL, None, 100),
            (LARGE, None, jobs),
            (None, ORGANIZATION, jobs // 10),
        ):
            arguments = {"user": user, "organization": organization, "jobs": count}
            connection.execute(JOBS, arguments)
        connection.execute("vacuum analyze")
        print(f"page of 20       100 jobs, {jobs:,} jobs; 1 organization, 1,000")
        good = compare(connection)
        claims(connection)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
