"""The HTTP login sends exactly one statement per request."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.pooled import one_process

from .conftest import Api, over_the_database

pytestmark = one_process("counts the statements of one session, and those that it has prepared")


@over_the_database
def test_1000_polls_run_exactly_1000_calls_of_one_statement(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    tenant = api.tenant()
    job_id = api.create(tenant)
    with api.sql() as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute("select pg_stat_statements_reset()")
        for _ in range(1000):
            assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
        rows = connection.execute(
            "select s.calls, s.toplevel, s.query from pg_stat_statements as s"
            " join pg_roles as r on r.oid = s.userid"
            " join pg_database as d on d.oid = s.dbid and d.datname = current_database()"
            " where r.rolname = 'index_jobs_api'"
        ).fetchall()
    assert [(calls, toplevel) for calls, toplevel, _ in rows] == [(1000, True)]
    assert "api_get_job_status" in rows[0][2]


def statements_prepared(api: Api) -> list[str]:
    """Returns the memory of sessions after 20 requests."""
    with api.sql() as connection:
        connection.execute(
            "create or replace function public.api_schema_version()"
            " returns table (version text, serves text, is_writable boolean) language sql as"
            " $$ select 'prepared: ' || count(*), null, true from pg_prepared_statements $$"
        )
    answers = [api.client.get("/ready").json()["error"] for _ in range(20)]
    return [answer.partition("prepared: ")[2].partition(",")[0] for answer in answers]


@over_the_database
def test_each_statement_is_prepared_once_per_session(own_api: Callable[..., Api]) -> None:
    assert set(statements_prepared(own_api(database_pool_size=1))) == {"1"}


@over_the_database
def test_no_statement_is_prepared_behind_a_pooler(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(database_pool_size=1, database_prepared_statements=False)
    assert set(statements_prepared(api)) == {"0"}


@over_the_database
def test_session_settings_cost_no_statement(own_api: Callable[..., Api]) -> None:
    api = own_api(statement_timeout_seconds=3.5)
    assert api.client.get("/ready").status_code == 200
    with api.sql() as connection:
        names = connection.execute(
            "select distinct application_name from pg_stat_activity"
            " where usename = 'index_jobs_api' and datname = current_database()"
        ).fetchall()
        assert names == [("index-jobs-api",)]
        connection.execute(
            "create or replace function public.api_schema_version()"
            " returns table (version text, serves text, is_writable boolean) language sql as"
            " $$ select concat_ws(' ', current_setting('statement_timeout'),"
            "   current_setting('TimeZone')), null, true $$"
        )
    assert "3500ms UTC" in api.client.get("/ready").json()["error"]
