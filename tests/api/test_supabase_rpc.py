"""The Supabase transport: outages, gateways in between, refused keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import psycopg
import pytest

from api.rpc.supabase import require_service_key
from api.settings import ApiSettings
from db.tools.settings import SettingError
from tests.support import postgrest
from tests.support.pooled import one_process
from tests.support.ports import kept_port
from tests.support.waiting import until

from .conftest import (
    JWT_SECRET,
    SERVICE_KEY,
    Machine,
    Place,
    assert_503,
    avoid_end_of_hour,
    serve,
    text_of,
)
from .test_app import spoil

pytestmark = one_process("is about an API over PostgREST")


def serve_by(url: str, place: Place, **changes: Any) -> Any:
    """Runs the API on `place`, with only this address."""
    return serve(place, **{"api_database_url": None, "supabase_url": url} | changes)


def test_supabase_outage_is_503_and_the_api_recovers_with_it(
    database: Place,
) -> None:
    with ExitStack() as at_exit:
        port = at_exit.enter_context(kept_port())
        api = at_exit.enter_context(serve_by(f"http://127.0.0.1:{port}", database))
        tenant = api.tenant()

        def all_is_503() -> None:
            start = time.monotonic()
            for path in ("/jobs/x", "/admin/jobs/x", "/ready"):
                assert_503(api.get(path, tenant))
            body = {"repository": "a/b"}
            assert_503(api.client.post("/index", json=body, headers=tenant.headers))
            assert time.monotonic() - start < 15
            assert api.client.get("/health").status_code == 200
            assert api.client.get("/jobs/x").status_code == 401

        def supabase() -> Any:
            return postgrest.run(database.server, database.name, JWT_SECRET, port=port)

        all_is_503()
        with supabase():
            job_id = api.create(tenant)
            assert api.client.get("/ready").status_code == 200
        all_is_503()
        with supabase():
            assert {api.get(f"/jobs/{job_id}", tenant).status_code for _ in range(20)} == {200}
        with supabase():  # an interruption without any requests
            assert api.get(f"/jobs/{job_id}", tenant).status_code == 200


def test_database_outage_behind_supabase_is_503_until_it_is_back(machine: Machine) -> None:
    with ExitStack() as before, ExitStack() as at_exit:
        server = before.enter_context(machine.running())
        url = at_exit.enter_context(postgrest.run(server, machine.place.name, JWT_SECRET))
        api = at_exit.enter_context(serve_by(url, machine.place))
        tenant = api.tenant()
        job_id = api.create(tenant)
        before.close()
        for path in (f"/jobs/{job_id}", "/jobs/x", "/admin/jobs/x", "/ready"):
            assert_503(api.get(path, tenant))
        with machine.running():
            until(lambda: api.get(f"/jobs/{job_id}", tenant).status_code == 200)


KONG = '{"message":"Invalid API key","hint":"Double check your Supabase API key."}'


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, "<html>Bad gateway</html>"),
        (503, '{"message":"name resolution failed"}'),
        (520, ""),
        (504, '{"code":"PGRST003","message":"Timed out acquiring connection"}'),
        (401, KONG),
        (401, '{"code":"PGRST301","message":"JWSError JWSInvalidSignature"}'),
        (403, '{"code":"42501","message":"permission denied for function api_get_job_status"}'),
        (404, '{"message":"no Route matched with those values"}'),
        (404, '{"code":"PGRST202","message":"Could not find the function"}'),
        (406, '{"code":"PGRST106","message":"The schema must be one of the following"}'),
        (429, '{"message":"API rate limit exceeded"}'),
        (301, ""),
        (200, "<html>Welcome to the hotel's network</html>"),
        (200, "[]"),
        (200, "null"),
    ],
)
def test_gateway_response_is_503_and_never_taken_for_a_result(
    database: Place, status: int, body: str
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            if status == 301:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with serve_by(f"http://127.0.0.1:{server.server_port}", database) as api:
                tenant = api.tenant()
                code = "DATABASE_REFUSED" if status in (401, 403) else "DATABASE_UNAVAILABLE"
                assert_503(api.get("/jobs/x", tenant), code)
                assert_503(api.client.get("/ready"), code)
                assert all(tenant.key not in text_of(record) for record in api.log)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def supabase(database: Place) -> Iterator[str]:
    with postgrest.run(database.server, database.name, JWT_SECRET) as url:
        yield url


@pytest.mark.parametrize(
    ("claims", "secret", "reason"),
    [
        ({"role": "anon"}, JWT_SECRET, "permission denied"),
        ({"role": "service_role"}, "x" * 40, "JWSInvalidSignature"),
        ({"role": "service_role", "exp": 1}, JWT_SECRET, "JWT expired"),
    ],
)
def test_key_refused_by_supabase_is_503_and_the_reason_is_logged(
    database: Place, supabase: str, claims: dict[str, Any], secret: str, reason: str
) -> None:
    key = jwt.encode(claims, secret, "HS256")
    with serve_by(supabase, database, service_key=key) as api:
        assert_503(api.get("/jobs/x", api.tenant()), "DATABASE_REFUSED")
        (line,) = [text_of(record) for record in api.log if record.levelname == "WARNING"]
        assert reason in line
        assert key not in line
    with pytest.raises(SettingError, match=r"SUPABASE_SERVICE_ROLE_KEY: .* refused it"):
        require_service_key(ApiSettings(supabase_url=supabase, service_key=key))


def test_valid_or_unverifiable_key_does_not_prevent_the_start(
    supabase: str,
) -> None:
    for url in (supabase, "http://127.0.0.1:1"):
        require_service_key(ApiSettings(supabase_url=url, service_key=SERVICE_KEY))


def test_statement_timeout_of_supabase_is_503_and_costs_nothing(database: Place) -> None:
    limited = postgrest.run(
        database.server, database.name, JWT_SECRET, options="-c statement_timeout=2s"
    )
    avoid_end_of_hour(database)
    with limited as supabase, serve_by(supabase, database) as api:
        tenant = api.tenant()
        job_id = api.create(tenant)
        with psycopg.connect(database.url) as locker:
            locker.execute(
                "select from private.rate_limit_counters where user_id = %s for update",
                (tenant.id,),
            )
            assert_503(api.get(f"/jobs/{job_id}", tenant))
            body = {"repository": "a/b"}
            assert_503(api.client.post("/index", json=body, headers=tenant.headers))
        assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
        assert api.requests_of(tenant) == 2


def test_missing_response_is_503_at_the_deadline(database: Place, supabase: str) -> None:
    with serve_by(supabase, database, statement_timeout_seconds=0.1) as api:
        tenant = api.tenant()
        spoil(api, "40001")  # PostgREST retries the call forever
        start = time.monotonic()
        assert_503(api.get("/jobs/x", tenant))
        assert time.monotonic() - start < 15
        assert api.client.get("/ready").status_code == 200


def test_100_polls_make_100_calls(database: Place, supabase: str) -> None:
    with serve_by(supabase, database) as api, api.sql() as connection:
        tenant = api.tenant()
        job_id = api.create(tenant)
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute("select pg_stat_statements_reset()")
        for _ in range(100):
            assert api.get(f"/jobs/{job_id}", tenant).status_code == 200
        rows = connection.execute(
            "select s.calls from pg_stat_statements as s"
            " join pg_database as d on d.oid = s.dbid and d.datname = current_database()"
            " where s.toplevel and s.query like %s",
            ("%pgrst%api_get_job_status%",),
        ).fetchall()
    assert rows == [(100,)]


def test_rest_v1_is_left_to_supabase(database: Place, supabase: str) -> None:
    with serve_by(supabase, database) as api:
        answer = api.client.post("/rest/v1/rpc/get_job_status", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST205")
        assert "the project's own URL" in answer.json()["hint"]
