"""A durable database with any number of jobs, users with keys, and logins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import LiteralString
from uuid import UUID

import jwt
import psycopg

from bench.load import Call
from cli.dev import stack
from cli.dev.logins import ensure_login
from db.local import postgres

JWT_SECRET = "a secret of the bench that is more than 32 bytes long"  # noqa: S105
USERS = 2_000
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = 3
"""The events of each existing job: created, claimed, completed."""

_PEOPLE: LiteralString = """
insert into private.tiers values ('bench', 1000000000);
insert into auth.users (id)
select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
from generate_series(1, %(users)s) as n;
insert into private.accounts (user_id, tier) select u.id, 'bench' from auth.users as u;
insert into private.api_keys (id, user_id, name, secret_hash, created_at, last_used_at)
select right(u.id::text, 12) || '0000', u.id, 'bench',
  sha256(convert_to(repeat('0', 52) || right(u.id::text, 12), 'UTF8')), now(), now()
from auth.users as u;
insert into private.rate_limit_counters (user_id, window_start, requests)
select u.id, date_trunc('hour', now(), 'UTC'), 1 from auth.users as u;
insert into public.repositories (id, full_name, git_url, owner_user_id)
select u.id, 'bench/repository', 'https://github.com/bench/repository.git', u.id
from auth.users as u;
"""
# ids are version 7 UUIDs like the product's: the milliseconds, then the number
_JOBS: LiteralString = """
insert into public.index_jobs (
  id, repository_id, repository, owner_user_id, ref, commit_sha, status, attempt, created_at,
  started_at, completed_at, updated_at, stats, version)
select
  (lpad(to_hex((extract(epoch from t.at) * 1000)::bigint), 12, '0') || '7000'
    || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
  u.id, 'bench/repository', u.id, 'main', repeat('a', 40), 'completed', 1, t.at, t.at, t.at, t.at,
  '{"files_indexed": 120, "symbols_extracted": 1234}', 3
from generate_series(%(first)s::bigint, %(last)s) as n
cross join lateral (select '2026-01-01Z'::timestamptz + n * interval '1 second') as t (at)
cross join lateral (
  select ('00000000-0000-4000-8000-' || lpad(to_hex(n %% %(users)s + 1), 12, '0'))::uuid) as u (id)
"""


@dataclass(frozen=True)
class World:
    """A database and its logins."""

    server: postgres.Server
    database: str
    api_url: str
    worker_url: str
    users: int
    rows: int

    @property
    def owner_url(self) -> str:
        """Returns a superuser's URL of the database."""
        return self.server.url(self.database)

    def key(self, number: int) -> str:
        """Returns the API key of a user, from 1 to `users`."""
        return f"ij_{number:012x}0000_{number:064x}"

    def token(self, number: int) -> str:
        """Returns a JWT of the same user, for PostgREST."""
        claims = {"sub": user_id(number), "role": "authenticated", "aud": "authenticated"}
        return jwt.encode(claims | {"exp": int(time.time()) + 36_000}, JWT_SECRET, "HS256")

    def jobs(self, count: int, user: int | None = None) -> list[tuple[str, int]]:
        """Returns (job, user) of `count` jobs spread over the table, or of one user."""
        step = max(1, self.rows // count)
        first = 1
        if user is not None:
            step = self.users * max(1, self.rows // self.users // count)
            first = user - 1 or self.users
        numbers = islice(range(first, self.rows + 1, step), count)
        return [(job_id(number), number % self.users + 1) for number in numbers]

    def polls(self, count: int, user: int | None = None, *headers: str) -> list[Call]:
        """Returns GET /jobs/{id} calls for this many jobs, each with its owner's key."""
        return [
            Call(f"/jobs/{job}", (f"Authorization: Bearer {self.key(owner)}", *headers))
            for job, owner in self.jobs(count, user)
        ]


def job_id(number: int) -> str:
    """Returns the id of a job by number, from 1."""
    milliseconds = round((_FIRST + timedelta(seconds=number)).timestamp() * 1000)
    return str(UUID(f"{milliseconds:012x}70008000{number:012x}"))


def user_id(number: int) -> str:
    """Returns the id of a user by number, from 1."""
    return f"00000000-0000-4000-8000-{number:012x}"


@contextmanager
def world(rows: int, *, users: int = USERS) -> Iterator[World]:
    """Runs a new server with `rows` finished jobs of `users` users, vacuumed and analyzed."""
    with postgres.temporary() as server:
        yield fill(server, "postgres", rows, users=users)


def fill(server: postgres.Server, database: str, rows: int, *, users: int = USERS) -> World:
    """Migrates a database of the server, creates the logins and fills it."""
    url = server.url(database)
    stack.prepare(stack.Database(url, server))
    with psycopg.connect(url, autocommit=True) as connection:
        api_url = ensure_login(connection, url, "bench_api", "job_http", "bench")
        worker_url = ensure_login(connection, url, "bench_worker", "job_worker", "bench")
        connection.execute("set session_replication_role = replica")
        connection.execute("set synchronous_commit = off")
        with connection.cursor() as cursor:
            cursor.execute(_bound(_PEOPLE, users=users))
        for first in range(1, rows + 1, 250_000):
            last = min(rows, first + 249_999)
            connection.execute(_JOBS, {"first": first, "last": last, "users": users})
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
    return World(server, database, api_url, worker_url, users, rows)


def _bound(text: LiteralString, **values: int) -> bytes:
    return (text % {name: str(value) for name, value in values.items()}).encode()
