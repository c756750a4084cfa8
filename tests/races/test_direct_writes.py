"""Only the functions can write jobs and events. Real logins try every other way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.databases import VARIANTS

from .conftest import Arena, opened

ALICE = "00000000-0000-4000-8000-0000000000a1"
LOGINS = {  # login -> a statement it may run, to show that rejections are not connection errors
    "test_anon": "select current_user",
    "test_authenticated": "select id from get_job_status(%(job)s)",
    "test_service_role": "select id from get_job_status(%(job)s)",
    "index_jobs_worker": "select id from index_jobs where id = %(job)s",
    "index_jobs_api": "select api_schema_version()",
}
ROLES = {
    "test_anon": "anon",
    "test_authenticated": "authenticated",
    "test_service_role": "service_role",
}
STATEMENTS = [
    """insert into public.index_jobs (
         id, repository_id, repository, owner_user_id, created_at, updated_at)
       select gen_random_uuid(), tests.alice_repository(), 'a/b', tests.alice(), now(), now()""",
    """update public.index_jobs set error_message = 'x', status = 'failed', completed_at = now()
       where id = %(job)s""",
    "update public.index_jobs set version = version",
    "delete from public.index_jobs where id = %(job)s",
    "truncate public.index_jobs cascade",
    """insert into public.index_job_events (job_id, event_no, to_status, attempt, at, version)
       values (%(job)s, 2, 'failed', 0, now(), 2)""",
    "update public.index_job_events set to_status = 'failed' where job_id = %(job)s",
    "delete from public.index_job_events where job_id = %(job)s",
    "truncate public.index_job_events",
]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: f"{variant[0]}-{variant[1]}")
def arena(clusters: Any, request: pytest.FixtureRequest) -> Iterator[Arena]:
    with opened(clusters, *request.param) as arena:
        yield arena


@pytest.fixture(scope="module")
def job(arena: Arena) -> str:
    return arena.job()


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: " ".join(s.split()[:3]))
@pytest.mark.parametrize("login", LOGINS)
def test_direct_write_is_rejected(arena: Arena, job: str, login: str, statement: str) -> None:
    everything = """select coalesce(jsonb_agg(j order by j.id), '[]'), (
        select jsonb_agg(e order by e.job_id, e.event_no) from public.index_job_events as e)
        from public.index_jobs as j"""
    before = arena.rows(everything)
    with psycopg.connect(arena.database.url_of(login), autocommit=True) as connection:
        connection.execute(
            "select set_config('request.jwt.claims', %s, false)",
            (f'{{"sub": "{ALICE}", "role": "authenticated"}}',),
        )
        for role in ("none", ROLES.get(login, "none")):
            connection.execute(f"set role {role}")
            assert connection.execute(LOGINS[login].encode(), {"job": job}).fetchone()
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                connection.execute(statement.encode(), {"job": job})
            table = "index_job_events" if "index_job_events" in statement else "index_jobs"
            assert str(refused.value) == f"permission denied for table {table}"
    assert arena.rows(everything) == before


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: " ".join(s.split()[:3]))
def test_same_write_is_valid_sql_for_a_superuser(arena: Arena, job: str, statement: str) -> None:
    with psycopg.connect(arena.database.url) as connection:
        done = connection.execute(statement.encode(), {"job": job})
        assert done.rowcount != 0
        connection.rollback()
