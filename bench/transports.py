"""Measures the cost of a poll in the HTTP layer, over each transport of api/rpc.

Uses Postgres and a real PostgREST on loopback, and the calls of GET /jobs/{id}. No network is
included: a Supabase project adds a network round trip.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import httpx
import jwt
import psycopg

from api.rpc.contract import Rpc
from api.rpc.database import DatabaseRpc
from api.rpc.supabase import SupabaseRpc
from api.settings import ApiSettings
from cli.dev import stack
from cli.dev.logins import ensure_login
from db.local.postgres import temporary
from tests.support import postgrest

POLLS = 1_000
WARM_UP = 100
CLIENTS = (1, 8)
JWT_SECRET = "a secret of the bench that is more than 32 bytes long"  # noqa: S105


@contextmanager
def places() -> Iterator[tuple[str, str, str, str]]:
    """Yields the HTTP layer's database URL, PostgREST's address, a user and a job of the user."""
    with ExitStack() as at_exit:
        server = at_exit.enter_context(temporary())
        stack.prepare(stack.Database(server.url(), server))
        user = str(uuid4())
        with psycopg.connect(server.url(), autocommit=True) as connection:
            login = ensure_login(
                connection, server.url(), "index_jobs_api", "job_http", "a password"
            )
            connection.execute("insert into auth.users (id) values (%s)", (user,))
            connection.execute("insert into private.tiers values ('bench', 1000000000)")
            connection.execute("insert into private.accounts values (%s, 'bench')", (user,))
            rows = connection.execute(
                "select jsonb(a.body) ->> 'jobId' from public.api_create_index_job("
                "null, %s, 'a/b') as a",
                (claims(user),),
            ).fetchall()
        address = at_exit.enter_context(postgrest.run_bare(server, "postgres", JWT_SECRET))
        yield login, address, user, rows[0][0]


def claims(user: str) -> str:
    return json.dumps({"sub": user, "role": "authenticated"})


async def without_prefix(request: httpx.Request) -> None:
    """Does the same as Supabase's gateway, at no cost."""
    path = request.url.raw_path.removeprefix(b"/rest/v1")
    request.url = request.url.copy_with(raw_path=path)


async def measure(rpc: Rpc, user: str, job_id: str, clients: int) -> tuple[float, float, float]:
    """Returns a poll's median milliseconds, polls per second, and CPU milliseconds per poll."""
    taken: list[float] = []

    async def poll(times: int) -> None:
        for _ in range(times):
            start = time.perf_counter()
            answer = await rpc.call(
                "api_get_job_status", p_api_key=None, p_claims=claims(user), p_job_id=job_id
            )
            taken.append(time.perf_counter() - start)
            if answer.verdict != "ok":
                raise SystemExit(f"a poll was answered {answer.verdict}")

    await poll(WARM_UP)
    taken.clear()
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(poll(POLLS // clients) for _ in range(clients)))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return statistics.median(taken) * 1e3, len(taken) / seconds, cpu / len(taken) * 1e3


async def compare(login: str, address: str, user: str, job_id: str) -> None:
    key = jwt.encode({"role": "service_role", "exp": 9_999_999_999}, JWT_SECRET, "HS256")
    settings = ApiSettings(supabase_url=address, service_key=key)  # type: ignore[arg-type]
    supabase = SupabaseRpc(settings)
    supabase._http.event_hooks = {"request": [without_prefix]}
    print(f"{'transport':<12}{'clients':>8}{'median ms':>11}{'polls/s':>9}{'CPU ms':>8}")
    for name, rpc in (("psycopg", DatabaseRpc(login, settings)), ("supabase-py", supabase)):
        async with rpc:
            for clients in CLIENTS:
                median, rate, cpu = await measure(rpc, user, job_id, clients)
                print(f"{name:<12}{clients:>8}{median:>11.2f}{rate:>9.0f}{cpu:>8.2f}")


def main() -> None:
    with places() as (login, address, user, job_id):
        asyncio.run(compare(login, address, user, job_id))


if __name__ == "__main__":
    main()
