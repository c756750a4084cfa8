"""plpgsql_check reads every function on Postgres 15. Its allowed findings are declared here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import TupleRow

from db.local.bootstrap import bootstrap
from db.local.postgres import temporary
from db.tools import migrate
from tests.support.databases import SETTINGS

DEBIAN = Path("/usr/lib/postgresql/15")
INSTALL = "install it: apt-get install postgresql-15 postgresql-15-plpgsql-check"

SAID = """
select distinct format('%%I.%%I', n.nspname, p.proname), coalesce(f.detail, f.message)
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
join pg_language as l on l.oid = p.prolang
left join pg_trigger as t on t.tgfoid = p.oid,
  lateral plpgsql_check_function_tb(p.oid, coalesce(t.tgrelid, 0), all_warnings => true,
    oldtable => t.tgoldtable, newtable => t.tgnewtable) as f
where n.nspname in ('public', 'private') and l.lanname = 'plpgsql'
  and coalesce(f.detail, f.message) !~ %s
"""
# PL/pgSQL converts numbers on assignment, in nanoseconds, and raises where one does not fit. The
# default of a declared array is a text.
CONVERTED = (
    '^cast "(bigint|integer|numeric)" value to "(bigint|integer|double precision)" type$'
    r'|^cast "text" value to "(uuid|bigint)\[\]" type$'
)
STATUS_AS_TEXT = 'cast "public.job_status" value to "text" type'
ALLOWED = {
    # a response contains the status as text
    ("public.api_admin_change_index_job", STATUS_AS_TEXT),
    ("public.api_admin_get_job_status", STATUS_AS_TEXT),
    ("public.api_cancel_index_job", STATUS_AS_TEXT),
    ("public.api_create_index_job", STATUS_AS_TEXT),
    ("public.api_follow_index_job", STATUS_AS_TEXT),
    ("public.api_get_job_status", STATUS_AS_TEXT),
    # the reason of a finished job is its status
    ("private.explain_any_job", STATUS_AS_TEXT),
    # as in PostgREST: the id in a JSON row is text
    ("public.api_admin_list_index_jobs", 'cast "uuid" value to "text" type'),
    # it exists only on Supabase; elsewhere the function returns earlier
    ("private.broadcast_index_job", 'schema "realtime" does not exist'),
    # a case expression whose literals are all statuses
    ("private.end_attempt", 'cast "text" value to "public.job_status" type'),
    # as in PostgREST: jsonb as text is json
    ("public.api_call_function", 'cast "text" value to "json" type'),
    # each part comes from format() with %I and %L, or is a constant
    ("public.api_call_function", "The EXECUTE expression is SQL injection vulnerable."),
    # set_config() returns the new value, and an assignment is faster than perform
    ("public.api_get_job_status", 'never read variable "v_setting"'),
    # stable is enough for a function that only checks its arguments
    ("private.check_attempt", "routine is marked as STABLE, should be IMMUTABLE"),
}


@pytest.fixture(scope="module")
def checker() -> Iterator[psycopg.Connection[TupleRow]]:
    if not (DEBIAN / "lib/plpgsql_check.so").exists():
        pytest.fail(f"plpgsql_check is missing; {INSTALL}")
    with (
        temporary(settings=SETTINGS, binaries=DEBIAN) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        bootstrap(connection)
        migrate.apply(server.url())
        connection.execute("create extension plpgsql_check schema pg_catalog")
        yield connection


def said(connection: psycopg.Connection[TupleRow]) -> set[tuple[str, str]]:
    return {
        (str(name), str(words)) for name, words in connection.execute(SAID, (CONVERTED,)).fetchall()
    }


def test_plpgsql_check_reports_only_declared_findings(
    checker: psycopg.Connection[TupleRow],
) -> None:
    assert said(checker) == ALLOWED


def test_invalid_function_is_caught(checker: psycopg.Connection[TupleRow]) -> None:
    with checker.transaction(force_rollback=True):
        checker.execute(
            """
            create function public.bad() returns bigint language plpgsql as $$
            begin
              return (select j.no_such_column from public.index_jobs as j);
            end $$
            """
        )
        assert said(checker) - ALLOWED == {("public.bad", "column j.no_such_column does not exist")}
