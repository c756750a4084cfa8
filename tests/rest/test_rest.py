"""Behavior on /rest/v1 that no comparison with PostgREST shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.api.conftest import Api, serve
from tests.rest.conftest import token
from tests.support.pooled import one_process
from tests.support.waiting import until


@pytest.fixture(scope="module")
def rest(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        yield api


@pytest.fixture
def own_rest(new_database: Callable[[], Any]) -> Iterator[Callable[..., Api]]:
    """Starts an API with other settings, or with a database that the test breaks."""
    with ExitStack() as at_exit:

        def start(**changes: Any) -> Api:
            return at_exit.enter_context(serve(new_database(), **changes))

        yield start


def call(
    api: Api, path: str, arguments: dict[str, Any] | None = None, **claims: Any
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token(**claims)}"}
    return api.client.post(f"/rest/v1/rpc/{path}", json=arguments or {}, headers=headers)


def strings(answer: httpx2.Response) -> dict[str, str | None]:
    """Returns the body of an error: four members, each a string or null."""
    body: dict[str, str | None] = answer.json()
    assert list(body) == ["code", "details", "hint", "message"]
    assert all(isinstance(value, str | None) for value in body.values())
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return body


def test_function_is_served_exactly_while_users_may_execute_it(rest: Api) -> None:
    with rest.sql() as connection:
        assert call(rest, "newcomer").status_code == 404
        connection.execute(
            "create function public.newcomer() returns integer language sql stable"
            " as $$ select 1 $$;"
            " revoke all on function public.newcomer() from public, anon, authenticated;"
        )
        assert strings(call(rest, "newcomer"))["code"] == "42501"
        connection.execute("grant execute on function public.newcomer() to authenticated")
        assert call(rest, "newcomer").text == "1"
        connection.execute("drop function public.newcomer()")
        assert call(rest, "newcomer").status_code == 404


def test_rpc_call_costs_no_quota(rest: Api) -> None:
    tenant = rest.tenant(limit=1)
    for _ in range(3):
        assert call(rest, "list_api_keys", sub=tenant.id).status_code == 200
    assert rest.requests_of(tenant) == 0


@one_process("counts the statements of one session, and those that it has prepared")
def test_rpc_call_is_one_statement(rest: Api) -> None:
    with rest.sql() as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute("select pg_stat_statements_reset()")
        for _ in range(20):
            assert call(rest, "list_api_keys").status_code == 200
        rows = connection.execute(
            "select s.calls, s.query from pg_stat_statements as s"
            " join pg_roles as r on r.oid = s.userid"
            " join pg_database as d on d.oid = s.dbid and d.datname = current_database()"
            " where r.rolname = 'index_jobs_api' and s.toplevel"
        ).fetchall()
    assert [calls for calls, _ in rows] == [20]
    assert "api_call_function" in rows[0][1]


def test_function_runs_with_only_the_rights_of_users(rest: Api) -> None:
    with rest.sql() as connection:
        connection.execute(
            "create function public.who() returns text language sql stable"
            " as $$ select current_user::text $$;"
            "create function public.every_key() returns bigint language sql stable"
            " as $$ select count(*) from private.api_keys $$;"
            "create function public.become() returns void language plpgsql volatile"
            " as $$ begin set local role service_role; end $$;"
            "create function public.every_job() returns bigint language sql stable"
            " as $$ select count(*) from public.index_jobs $$;"
            "grant execute on function public.who(), public.every_key(), public.become(),"
            " public.every_job() to authenticated"
        )
        rest.create(rest.tenant())
        assert call(rest, "who").json() == "job_tenant"
        assert strings(call(rest, "every_key"))["message"] == "permission denied for table api_keys"
        assert strings(call(rest, "become"))["code"] == "42501"
        assert call(rest, "every_job").json() == 0


def test_only_the_http_login_may_execute_api_call_function(rest: Api) -> None:
    with rest.sql() as connection:
        rows = connection.execute(
            "select r.rolname from pg_roles as r"
            " where r.rolname in ('anon', 'authenticated', 'service_role', 'index_jobs_api')"
            " and has_function_privilege(r.rolname,"
            " 'public.api_call_function(jsonb, text, text, boolean, jsonb)', 'execute')"
        ).fetchall()
    assert rows == [("index_jobs_api",)]


@pytest.mark.parametrize(
    "hostile",
    ['"', "'", "\\", ";", "--", "/*", "$$", "%", "%I", "x; drop table public.index_jobs",
     'x" from pg_shadow --', "x' or true --", "\u2019", "\N{PILE OF POO}", "\t", "x" * 60],
)  # fmt: skip
def test_caller_text_is_never_run_as_sql(rest: Api, hostile: str) -> None:
    with rest.sql() as connection:
        connection.execute(
            'create or replace function public.echo(p_text text, "a\'b""c" text default null)'
            ' returns table (text text, "x\'y""z" text) language sql stable'
            " as $$ select p_text, 'z' $$;"
            "grant execute on function public.echo(text, text) to authenticated"
        )
    q = quote(hostile, safe="")
    assert call(rest, "echo", {"p_text": hostile, "a'b\"c": hostile}).json()[0]["text"] == hostile
    assert call(rest, f"echo?text=eq.{q}", {"p_text": hostile}).json()[0]["text"] == hostile
    assert call(rest, f"echo?text=neq.{q}", {"p_text": hostile}).json() == []
    escaped = hostile.replace("\\", "\\\\").replace('"', '\\"')
    listed = quote(f'"{escaped}"', safe="")
    assert len(call(rest, f"echo?text=in.({listed})", {"p_text": hostile}).json()) == 1
    for path in (
        f"{q}",
        f"echo?select={q}",
        f"echo?select={q}:text",
        f"echo?order={q}",
        f"echo?{q}=eq.1",
        f"echo?text={q}.1",
        f"echo?text=is.{q}",
        f"echo?limit={q}",
        f"echo?offset={q}",
        f"echo?or=({q})",
    ):
        answer = call(rest, path, {"p_text": "a"})
        if answer.status_code == 200:  # a word that renames a column
            assert path.startswith("echo?select=x") and answer.json() == [{hostile: "a"}]
            continue
        assert answer.status_code in {400, 404}, (path, answer.text)
        known = {"PGRST100", "PGRST202", "PGRST205", "42703"}
        assert strings(answer)["code"] in known, (path, answer.text)
    assert call(rest, "echo", {hostile: "a"}).status_code == 404


def test_nul_is_rejected_everywhere(rest: Api) -> None:
    for path in ("a%00b", "list_api_keys?name=eq.a%00", "list_api_keys?select=a%00"):
        answer = call(rest, path)
        assert answer.status_code in {400, 404}, answer.text
        assert strings(answer)["code"] in {"PGRST100", "PGRST202"}
    assert strings(call(rest, "create_api_key", {"p_name": "\0"}))["code"] == "22P05"


def test_incomplete_token_is_rejected_with_a_hint(rest: Api) -> None:
    for claims in ({"exp": None}, {"sub": "x"}, {"role": "nobody"}):
        answer = call(rest, "list_api_keys", **claims)
        assert answer.status_code == 401
        assert "needs exp" in (strings(answer)["hint"] or "")


def test_raised_response_cannot_break_the_protocol(rest: Api) -> None:
    with rest.sql() as connection:
        connection.execute(
            "create function public.answer_all(p_message text, p_detail text) returns void"
            " language plpgsql volatile as $$ begin raise exception '%', p_message"
            " using errcode = 'PGRST', detail = p_detail; end $$;"
            "grant execute on function public.answer_all(text, text) to authenticated"
        )
    message = '{"code": "PGRST202", "message": "m"}'
    headers = '{"Content-Length": "9999", "X-Note": "fine", "X-Bad": "a\\r\\nb", "a b": "c"}'
    detail = f'{{"status": 402, "headers": {headers}}}'
    answer = call(rest, "answer_all", {"p_message": message, "p_detail": detail})
    assert answer.status_code == 402
    assert strings(answer)["code"] == "PGRST202"
    assert answer.headers["x-note"] == "fine"
    assert {"x-bad", "a b"}.isdisjoint(answer.headers)
    for detail in ("[]", "{}", '{"status": "x"}', '{"status": 402, "headers": [1]}', "x"):
        answer = call(rest, "answer_all", {"p_message": message, "p_detail": detail})
        assert (answer.status_code, strings(answer)["code"]) == (500, "PGRST121")
    for status in (99, 101, 1000, -1):
        detail = f'{{"status": {status}, "headers": {{}}}}'
        answer = call(rest, "answer_all", {"p_message": message, "p_detail": detail})
        assert answer.status_code == 500


def test_hints_name_only_functions_that_users_may_execute(rest: Api) -> None:
    assert strings(call(rest, "get_job_statu"))["hint"] == (
        "Perhaps you meant to call the function public.get_job_status"
    )
    hint = strings(call(rest, "claim_index_jobs", {"p_worker_id": "x"}))["hint"]
    assert "claim_index_job" not in (hint or "")


def test_table_request_gets_404_with_a_hint(rest: Api) -> None:
    answer = rest.client.get("/rest/v1/index_jobs?select=*")
    assert answer.status_code == 404
    assert "functions only" in (strings(answer)["hint"] or "")


def test_cors_allows_the_headers_of_supabase_js(rest: Api) -> None:
    wanted = "apikey,authorization,x-client-info,prefer,accept-profile,content-profile,content-type"
    preflight = rest.client.options(
        "/rest/v1/rpc/list_api_keys",
        headers={
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": wanted,
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert set(preflight.headers["access-control-allow-headers"].split(",")) >= {*wanted.split(",")}
    answer = rest.client.post(
        "/rest/v1/rpc/list_api_keys", json={}, headers={"Origin": "https://app.example.com"}
    )
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_database_outage_is_503_in_the_error_format(own_rest: Callable[..., Api]) -> None:
    api = own_rest(api_database_url="postgresql://nobody@127.0.0.1:1/none")
    answer = call(api, "list_api_keys")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert strings(answer)["code"] == "PGRST001"


def test_unmigrated_database_is_503_in_the_error_format(
    own_rest: Callable[..., Api],
) -> None:
    api = own_rest()
    with api.sql() as connection:
        connection.execute(
            "drop function public.api_call_function(jsonb, text, text, boolean, jsonb)"
        )
    answer = call(api, "list_api_keys")
    assert answer.status_code == 503
    assert "not been migrated" in (strings(answer)["message"] or "")


def test_bug_is_500_in_the_error_format(own_rest: Callable[..., Api]) -> None:
    api = own_rest()
    api.expected_errors.append("/rest/v1/rpc/{function}")
    with api.sql() as connection:
        connection.execute(
            "drop function public.api_call_function(jsonb, text, text, boolean, jsonb);"
            "create function public.api_call_function(p_claims jsonb, p_function text,"
            " p_arguments text, p_read_only boolean, p_query jsonb) returns table (body text)"
            " language sql as $$ select 'x' $$"
        )
    answer = call(api, "list_api_keys")
    assert answer.status_code == 500
    assert strings(answer) == {
        "code": "XX000",
        "details": None,
        "hint": None,
        "message": "Something went wrong on our side.",
    }


def test_slow_statement_is_cancelled(own_rest: Callable[..., Api]) -> None:
    api = own_rest(statement_timeout_seconds=2)
    with api.sql() as connection:
        connection.execute(
            "create function public.sleeper() returns void language sql volatile"
            " as $$ select pg_sleep(60) $$;"
            "grant execute on function public.sleeper() to authenticated"
        )
    answer = call(api, "sleeper")
    assert (answer.status_code, strings(answer)["code"]) == (500, "57014")


WAITER = """
    create function public.waiter() returns integer language plpgsql volatile
      as $$ begin perform pg_advisory_xact_lock_shared(7); return 1; end $$;
    grant execute on function public.waiter() to authenticated"""


@one_process("is about the limit of one process")
def test_one_user_cannot_occupy_the_whole_pool(own_rest: Callable[..., Api]) -> None:
    api = own_rest(statement_timeout_seconds=60)
    mallory = str(uuid4())
    with (
        api.sql() as connection,
        psycopg.connect(api.place.url) as locker,
        ThreadPoolExecutor(20) as threads,
    ):
        connection.execute(WAITER)
        locker.execute("select pg_advisory_xact_lock(7)")
        waiting = [threads.submit(call, api, "waiter", sub=mallory) for _ in range(20)]
        until(lambda: waiters(connection) == 1)
        for _ in range(8):  # twice the size of the pool
            assert call(api, "list_api_keys").status_code == 200
            assert api.client.get("/ready").status_code == 200
        assert waiters(connection) == 1
        locker.rollback()
        assert {answer.result().text for answer in waiting} == {"1"}


def waiters(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where usename = 'index_jobs_api'"
        " and datname = current_database() and wait_event = 'advisory'"
    ).fetchone()
    assert row
    return int(row[0])


@one_process("is about the limit of one process")
def test_call_that_waits_too_long_gets_503(own_rest: Callable[..., Api]) -> None:
    api = own_rest(statement_timeout_seconds=2, database_pool_size=2)
    with (
        api.sql() as connection,
        psycopg.connect(api.place.url) as locker,
        ThreadPoolExecutor(6) as threads,
    ):
        connection.execute(WAITER)
        locker.execute("select pg_advisory_xact_lock(7)")
        calls = [threads.submit(call, api, "waiter", sub=str(uuid4())) for _ in range(6)]
        ended = {answer.status_code: answer for answer in (each.result() for each in calls)}
    assert set(ended) == {500, 503}  # both those that were cancelled and those that never ran
    assert ended[503].headers["retry-after"] == "1"
    assert strings(ended[503])["message"] == "The database was too busy to answer in time."
    assert call(api, "list_api_keys").status_code == 200


def test_misspelled_call_gets_a_suggestion(rest: Api) -> None:
    near = strings(call(rest, "list_index_jobz"))
    assert near["hint"] == "Perhaps you meant to call the function public.list_index_jobs"
    wrong = strings(call(rest, "list_index_jobs", {"p_statu": "x", "p_limit": 1}))
    assert (wrong["hint"] or "").startswith("Perhaps you meant to call the function public.list_")


@pytest.mark.parametrize("name", ["p_" * 128, "p_" * 30_000], ids=["256", "60,000"])
def test_long_names_get_no_suggestion(rest: Api, name: str) -> None:
    """The time grows with the square of the length and blocks the event loop."""
    answer = call(rest, "list_index_jobs", {name: 1})
    assert (answer.status_code, strings(answer)["hint"]) == (404, None)
    many = {f"p_{number:06}": 1 for number in range(500)}
    assert strings(call(rest, "list_index_jobs", many))["hint"] is None
    assert strings(call(rest, "list_index_jobs" * 20))["hint"] is None


def test_unauthenticated_caller_gets_no_function_names(rest: Api) -> None:
    answer = rest.client.post("/rest/v1/rpc/list_index_jobz", json={})
    assert (answer.status_code, strings(answer)["hint"]) == (404, None)


@pytest.mark.parametrize(
    "query",
    [
        "id=in.(" + ",".join(["a"] * 1_001) + ")",
        "select=" + ",".join(["a"] * 101),
        "order=" + ",".join(["a"] * 101),
    ],
    ids=["values", "columns", "orders"],
)
def test_lists_in_a_query_are_limited(rest: Api, query: str) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    path = "/rest/v1/rpc/list_index_jobs"
    over = rest.client.post(f"{path}?{query}", json={}, headers=headers)
    assert (over.status_code, strings(over)["code"]) == (400, "PGRST100")
    assert "at most" in (strings(over)["details"] or "")
    allowed = rest.client.post(f"{path}?{query.replace(',a', '', 1)}", json={}, headers=headers)
    assert "at most" not in allowed.text


@pytest.mark.parametrize("header", ["Authorization", "apikey"])
def test_two_authorization_or_apikey_headers_get_400(rest: Api, header: str) -> None:
    value = f"Bearer {token()}" if header == "Authorization" else token()
    answer = rest.client.post(
        "/rest/v1/rpc/list_index_jobs", json={}, headers=[(header, value), (header, "x")]
    )
    assert answer.status_code == 400
    assert strings(answer)["message"] == f"There are two {header.lower()} headers"
