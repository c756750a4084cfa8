"""The fast path of GET /jobs/{id} compared with the route and the plain functions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow
from starlette.applications import Starlette
from starlette.types import ASGIApp

from api.app import create_app
from api.poll import Polls
from api.settings import ApiSettings

from .conftest import JWT_SECRET, SERVICE_KEY, Api, Place, over_the_database

Connection = psycopg.Connection[TupleRow]

# The equivalent of api_get_job_status with the functions of other routes and users.
PLAIN = """
create or replace function public.plain_poll(p_api_key text, p_claims jsonb, p_job_id text)
returns private.api_answer language plpgsql security definer set timezone = 'UTC' as $$
declare
  v_caller private.api_caller := private.begin_request(p_api_key, p_claims);
  v_answer private.api_answer;
  v_job public.index_jobs;
begin
  begin
    select j.* into v_job
    from public.get_job_status(private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT404' then
    null;
  end;
  v_answer := private.count_request(v_caller);
  if v_answer.verdict = 'ok' and v_job.id is null then
    v_answer.verdict := 'PT404';
  elsif v_answer.verdict = 'ok' then
    v_answer.body := row_to_json(v_job)::text;
    v_answer.job_id := v_job.id;
    v_answer.job_status := v_job.status;
    v_answer.job_version := v_job.version;
    v_answer.job_age := case when not private.is_final(v_job.status)
      then extract(epoch from private.clock() - coalesce(v_job.started_at, v_job.created_at)) end;
  end if;
  return v_answer;
end;
$$;
alter function public.plain_poll(text, jsonb, text) owner to job_gateway;
"""
Poll = tuple[str | None, str | None, str]
"""API key, claims and job id."""
KEYS = ("used", "unused", "used long ago", "revoked", "expired", "expires later")
JOBS = ("own", "organization's", "another's", "missing", "", "no id", "' or 1=1", "\t")
LIMIT = 5


@dataclass(frozen=True)
class World:
    """Two members of an organization. One has keys of all kinds, and a job of each kind."""

    connection: Connection
    user: str
    keys: dict[str, str]
    jobs: dict[str, str]

    def arrange(self, requests: int | None, hour: int, tier: str | None, status: str) -> None:
        """A request count in the hour that is `hour` from now, and the user's state."""
        run = self.connection.execute
        run("delete from private.rate_limit_counters where user_id = %s", (self.user,))
        run("delete from private.accounts where user_id = %s", (self.user,))
        if requests is not None:
            run(
                "insert into private.rate_limit_counters values (%s,"
                " date_trunc('hour', private.clock()) + %s * interval '1 hour', %s)",
                (self.user, hour, requests),
            )
        if tier:
            run("insert into private.accounts values (%s, %s)", (self.user, tier))
        for name, key in self.keys.items():
            run(
                "update private.api_keys set enabled = %s, last_used_at = private.clock() - %s"
                " * interval '1 minute', expires_at = private.clock() + %s * interval '1 minute'"
                " where id = %s",
                (
                    name != "revoked",
                    {"unused": None, "used long ago": 61}.get(name, 59),
                    {"expired": 0, "expires later": 60}.get(name),
                    key.split("_")[1],
                ),
            )
        run("update public.index_jobs set version = version + 1 where status::text = %s", (status,))

    def written(self) -> list[TupleRow]:
        """The tables that a poll may write to."""
        return [
            *self.connection.execute(
                "select requests, window_start from private.rate_limit_counters where user_id = %s",
                (self.user,),
            ),
            *self.connection.execute(
                "select id, last_used_at from private.api_keys where user_id = %s order by id",
                (self.user,),
            ),
        ]

    def poll(self, function: str, *arguments: str | None) -> tuple[TupleRow | None, list[TupleRow]]:
        """Returns the function's result and what it wrote, and rolls back."""
        with self.connection.transaction(force_rollback=True):
            row = self.connection.execute(
                f"select a.* from public.{function}(%s, %s, %s) as a".encode(), arguments
            ).fetchone()
            return row, self.written()

    def group(self, polls: Sequence[Poll]) -> tuple[list[int], list[TupleRow | None], Any]:
        """Calls api_get_job_statuses, and api_get_job_status for the rows of nulls.

        Returns the order in which the polls were answered, their rows in this order, and what was
        written, which is rolled back.
        """
        with self.connection.transaction(force_rollback=True):
            rows = self.connection.execute(
                "select a.* from public.api_get_job_statuses(%s, %s::jsonb[], %s, %s::bigint[])"
                " as a",
                [[*values] for values in zip(*polls, strict=True)] + [[None for _ in polls]],
            ).fetchall()
            order = sorted(range(len(polls)), key=lambda number: rows[number][0] is None)
            answers = [
                self._answer("api_get_job_status", polls[number])
                if rows[number][0] is None
                else rows[number]
                for number in order
            ]
            return order, answers, self.written()

    def one_by_one(self, polls: Sequence[Poll]) -> tuple[list[TupleRow | None], Any]:
        """Returns the rows of plain_poll, and what was written, which is rolled back."""
        with self.connection.transaction(force_rollback=True):
            return [self._answer("plain_poll", poll) for poll in polls], self.written()

    def _answer(self, function: str, poll: Poll) -> TupleRow | None:
        return self.connection.execute(
            f"select a.* from public.{function}(%s, %s, %s) as a".encode(), poll
        ).fetchone()


@pytest.fixture
def world(own_api: Callable[..., Api]) -> Iterator[World]:
    api = own_api()
    mine, other, stranger = api.tenant(), api.tenant(), api.tenant()
    slug = api.organization(mine, other)
    jobs = {
        "own": api.create(mine),
        "organization's": api.create(other, organization=slug),
        "another's": api.create(stranger),
        "missing": str(uuid4()),
    }
    with api.sql() as connection:
        connection.execute("insert into private.tiers values ('five', %s)", (LIMIT,))
        connection.execute("select tests.set_clock(date_trunc('hour', now()) + interval '9 min')")
        connection.execute(PLAIN.encode())
        keys = {name: api.new_key(mine.id) for name in KEYS}
        yield World(connection, mine.id, keys, jobs)


def claims_of(user: str, role: str) -> str:
    return f'{{"sub": "{user}", "role": "{role}"}}'


@st.composite
def callers(draw: st.DrawFn, world: World) -> tuple[str | None, str | None]:
    """A key or claims, or both."""
    key, claims = None, None
    if draw(st.sampled_from([True, True, False])):
        key = world.keys[draw(st.sampled_from(KEYS))]
        if draw(st.sampled_from([False, False, True])):
            key = draw(
                st.sampled_from(["ij_", "", "_", "x", key[:-1], key.upper(), key + "_", " " + key])
                | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
            )
    if key is None or draw(st.booleans()):
        user = draw(st.sampled_from([world.user, str(uuid4()), "nobody", ""]))
        claims = claims_of(user, draw(st.sampled_from(["authenticated", "service_role", ""])))
    return key, claims


@st.composite
def job_ids(draw: st.DrawFn, world: World) -> str:
    name = draw(st.sampled_from(JOBS))
    job_id = world.jobs.get(name, name)
    return job_id.upper() if draw(st.booleans()) else job_id


def arrange(world: World, draw: st.DataObject) -> None:
    world.arrange(
        draw.draw(st.none() | st.sampled_from([0, 1, LIMIT - 1, LIMIT, LIMIT + 1])),
        draw.draw(st.sampled_from([0, 0, 0, -1, 1])),
        draw.draw(st.sampled_from(["five", "five", None, "team"])),
        draw.draw(st.sampled_from(["pending", "completed"])),
    )


EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@over_the_database
@EXAMPLES
@given(data=st.data())
def test_fast_poll_returns_and_writes_the_same_as_the_plain_functions(
    world: World, data: st.DataObject
) -> None:
    arrange(world, data)
    poll = (*data.draw(callers(world)), data.draw(job_ids(world)))
    assert world.poll("api_get_job_status", *poll) == world.poll("plain_poll", *poll)


@over_the_database
@EXAMPLES
@given(data=st.data())
def test_grouped_polls_return_and_write_the_same_as_the_plain_functions(
    world: World, data: st.DataObject
) -> None:
    arrange(world, data)
    polls = [
        (key, None if key else claims, data.draw(job_ids(world)))
        for key, claims in data.draw(st.lists(callers(world), min_size=1, max_size=8))
    ]
    order, answers, written = world.group(polls)
    assert (answers, written) == world.one_by_one([polls[number] for number in order])


@over_the_database
@pytest.mark.parametrize("requests", [0, LIMIT - 2, LIMIT])
def test_concurrent_polls_are_counted_exactly_up_to_the_limit(
    own_api: Callable[..., Api], requests: int
) -> None:
    api = own_api()
    tenant = api.tenant(limit=LIMIT)
    job_id = api.create(api.tenant())
    for _ in range(requests):
        assert api.get(f"/jobs/{job_id}", tenant).status_code == 404
    answers = asyncio.run(burst(api, f"/jobs/{job_id}", tenant.headers, 40))
    assert sorted(answers) == [404] * (LIMIT - requests) + [429] * (40 - LIMIT + requests)
    assert api.requests_of(tenant) == LIMIT


async def burst(api: Api, path: str, headers: dict[str, str], count: int) -> list[int]:
    async def one() -> int:
        host, port = api.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    return await asyncio.gather(*(one() for _ in range(count)))


# --- the route -----------------------------------------------------------------------------------

Sent = tuple[int, list[tuple[bytes, bytes]], bytes]


async def ask(app: ASGIApp, method: str, path: str, **more: Any) -> Sent:
    """Returns status, headers and body, without the state of the quota."""
    messages = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "root_path": ""}
    await app(scope | more, receive, send)
    headers = [
        (name, b"" if name in {b"x-ratelimit-remaining", b"ratelimit"} else value)
        for name, value in messages[0]["headers"]
    ]
    return messages[0]["status"], headers, messages[1]["body"]


def both(app: Starlette) -> tuple[ASGIApp, ASGIApp]:
    """The application, with and without the fast path."""
    fast = app.build_middleware_stack()
    app.user_middleware = [each for each in app.user_middleware if each.cls is not Polls]
    return fast, app.build_middleware_stack()


@over_the_database
@pytest.mark.parametrize("origins", ["*", "https://a.example"])
def test_fast_path_and_route_return_the_same_bytes(
    own_api: Callable[..., Api],
    new_database: Callable[[], Place],
    monkeypatch: pytest.MonkeyPatch,
    origins: str,
) -> None:
    api = own_api()
    tenant, other, poor = api.tenant(), api.tenant(), api.tenant(limit=1)
    job_id = api.create(tenant)
    assert api.get("/jobs/x", poor).status_code == 404
    token = jwt.encode(
        {"sub": tenant.id, "role": "authenticated", "aud": "authenticated", "exp": 9_999_999_999},
        JWT_SECRET,
        "HS256",
    )
    short = jwt.decode(token, options={"verify_signature": False}) | {"exp": 4_000_000_000}
    callers = {
        "key": [tenant.key],
        "another's key": [other.key],
        "no quota left": [poor.key],
        "unknown key": [f"ij_{'0' * 16}_{'0' * 64}"],
        "half a key": ["ij_"],
        "token for too long": [token],
        "token for long": [jwt.encode(short, JWT_SECRET, "HS256")],
        "service": [SERVICE_KEY],
        "garbage": ["a b"],
        "nobody": [],
        "two": [tenant.key, other.key],
    }
    tags = ['W/"1"', '"1"', '"2", W/"1"', "*", "", '"9"']
    now = time.time()  # Retry-After is in seconds, so both clocks stop
    monkeypatch.setattr(time, "time", lambda: now)
    with api.sql() as connection:
        connection.execute("select tests.set_clock(private.clock())")
    settings = ApiSettings(
        api_database_url=api.place.api_url,
        jwt_secret=JWT_SECRET,
        service_key=SERVICE_KEY,
        cors_origins=origins,
    )

    async def compare() -> set[int]:
        app = create_app(settings)
        statuses = set()
        async with app.router.lifespan_context(app) as state:
            fast, routed = both(app)
            for name, keys in callers.items():
                for tag in tags if name == "key" else [""]:
                    headers = [(b"authorization", f"Bearer {key}".encode()) for key in keys]
                    headers += [(b"x-request-id", b"1"), (b"origin", b"https://a.example")]
                    headers += [(b"if-none-match", tag.encode())] if tag else []
                    for path in (f"/jobs/{job_id}", f"/jobs/{job_id.upper()}", f"/jobs/{uuid4()}"):
                        more = {"headers": headers, "state": dict(state)}
                        one = await ask(fast, "GET", path, **more)
                        assert one == await ask(routed, "GET", path, **more)
                        head = await ask(fast, "HEAD", path, **more)
                        assert head[:2] == one[:2]
                        statuses.add(one[0])
        return statuses

    assert asyncio.run(compare()) == {200, 304, 400, 401, 403, 404, 429}


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/jobs/0", ""),
        ("/jobs/00000000-0000-4000-8000-00000000000g", ""),
        ("/jobs/00000000-0000-4000-8000-000000000000/", ""),
        ("/jobs/00000000-0000-4000-8000-000000000000\n", ""),
        ("/jobs//00000000-0000-4000-8000-000000000000", ""),
        ("/x/jobs/00000000-0000-4000-8000-000000000000", ""),
        ("/x/jobs/00000000-0000-4000-8000-000000000000/events", "/x"),
    ],
)
def test_unusual_paths_go_through_routing(path: str, root_path: str) -> None:
    assert not takes(path, root_path)


def test_fast_path_handles_a_root_path() -> None:
    assert takes("/jobs/00000000-0000-4000-8000-000000000000", "")
    assert takes("/x/jobs/00000000-0000-4000-8000-000000000000", "/x")


def takes(path: str, root_path: str) -> bool:
    """Whether the fast path handles it. It then misses the lifespan's state."""
    went_on = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal went_on
        went_on = True

    try:
        asyncio.run(ask_nothing(Polls(app), path, root_path))
    except KeyError:
        assert not went_on
    return not went_on


async def ask_nothing(app: ASGIApp, path: str, root_path: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": root_path, "headers": []}

    async def receive() -> Any:
        raise AssertionError

    async def send(_: Any) -> None:
        raise AssertionError

    await app(scope, receive, send)
