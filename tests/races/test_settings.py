"""A setting made by a function ends with its transaction: the next user of a pooled connection
does not inherit it."""

from __future__ import annotations

import json
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.pooled import one_process
from tests.support.waiting import until

from .conftest import Arena, Connection

CLAIMS = json.dumps({"sub": "00000000-0000-4000-8000-0000000000a1", "role": "authenticated"})
CALLS: dict[str, list[LiteralString]] = {  # login -> the calls that it makes
    "index_jobs_api": [
        "select api_get_job_status(null, %(claims)s, %(job)s)",
        "select api_get_job_status('ij_0_secret', null, %(job)s)",
        "select api_get_job_statuses("
        "   array[null::text], array[%(claims)s::jsonb], array[%(job)s], array[null::bigint])",
        "select api_explain_index_job(null, %(claims)s, %(job)s)",
        "select api_follow_index_job(null, %(claims)s, %(job)s, 0, true, true)",
        "select api_recheck_followers(array[null::text], array[%(claims)s], array[%(job)s::uuid])",
        "select api_get_job_history(null, %(claims)s, %(job)s)",
        "select api_job_counts(null, %(claims)s)",
        "select api_list_index_jobs(null, %(claims)s)",
        "select api_list_index_jobs('ij_0_secret', null)",
        "select api_list_indexed_files(null, %(claims)s, %(job)s)",
        "select api_list_skipped_files(null, %(claims)s, %(job)s)",
        "select api_find_symbols(null, %(claims)s, %(job)s)",
        "select api_count_request(null, %(claims)s)",
        "select api_call_function(%(claims)s, 'get_job_status', %(arguments)s, true, '{}')",
    ],
    "index_jobs_worker": [
        "select complete_index(%(job)s, 1, tests.worker(1), 'x', null, repeat('c', 40),"
        """ '{"files_indexed": 0, "symbols_extracted": 0}')"""
    ],
}


def settings(connection: Connection) -> dict[str, Any]:
    """Returns all settings in effect, including the claims."""
    rows = connection.execute(
        "select name, setting from pg_settings"
        " union all select 'claims', nullif(current_setting('request.jwt.claims', true), '')"
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize("login", CALLS)
def test_no_setting_outlives_a_call(arena: Arena, login: str) -> None:
    job_id = arena.job()
    arena.connection.execute(
        "select update_job_status(%s, 'processing', p_worker_id => tests.worker(1))", (job_id,)
    )
    arena.connection.execute(
        "insert into private.api_keys (id, user_id, name, secret_hash, created_at, last_used_at)"
        " values ('0', tests.alice(), 'key', sha256('secret'), now(), now())"
        " on conflict do nothing"
    )
    arguments = {"claims": CLAIMS, "job": job_id, "arguments": json.dumps({"p_job_id": job_id})}
    url = arena.database.url_of(login)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("do $$ begin end $$")  # loads plpgsql, which adds settings
        before = settings(connection)
        for call in CALLS[login]:
            with connection.transaction():
                connection.execute(call, arguments)
                assert settings(connection) != before, call
            assert settings(connection) == before, call


@one_process("changes a default of new sessions, and a pooler keeps the old ones")
def test_each_function_with_a_setting_is_called(arena: Arena) -> None:
    arena.connection.execute(f"alter database {arena.database.name} set track_functions = 'pl'")
    arena.connection.execute("select pg_stat_reset()")
    for login in CALLS:
        test_no_setting_outlives_a_call(arena, login)
    called = "select funcname from pg_stat_user_functions"
    making = "select proname from pg_proc where prosrc ~ 'set_config' and pronamespace = any (%s)"
    schemas = "array['public'::regnamespace, 'private'::regnamespace]"
    missed = f"{making.replace('%s', schemas)} except {called}"
    until(lambda: arena.rows(missed) == [])  # a session reports its calls when it ends
