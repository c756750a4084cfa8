"""Starts the API on a free loopback port with a real database, and tenants to call it."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4

import httpx2
import jwt
import psycopg
import pytest
from psycopg.rows import TupleRow
from starlette.applications import Starlette

from api import main
from api.app import Background, create_app
from api.main import address, listen
from api.pages.routes import Demo
from api.settings import ApiSettings
from cli.dev.logins import ensure_login
from cli.users import create_api_key
from db.local.postgres import Server, run
from tests.support import loopback, pooled, postgrest
from tests.support.kept import Kept, open_folder
from tests.support.ports import kept_port
from tests.support.waiting import PATIENCE

WORKER = "00000000-0000-4000-8000-00000000f001"
JWT_SECRET = "a secret of the tests that is more than 32 bytes long"
SERVICE_KEY = jwt.encode(
    {"role": "service_role", "iss": "tests", "exp": 9_999_999_999}, JWT_SECRET, "HS256"
)

Transport = Literal["database", "supabase"]


class Place(Protocol):
    """A database, from a fixture or created by the test."""

    @property
    def server(self) -> Server: ...
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def api_url(self) -> str: ...


@dataclass(frozen=True)
class Tenant:
    """A user with an API key."""

    id: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass
class Api:
    """A running API. Any error in its log fails the test at its end.

    With --pooled it is several processes, without app, server, thread, log and kicks.
    """

    urls: Iterator[str]
    place: Place
    client: httpx2.Client
    app: Starlette
    server: main.Server
    kicks: list[None]
    thread: threading.Thread
    everything_logged: list[logging.LogRecord]
    expected_errors: list[str] = field(default_factory=list)
    _kept: psycopg.Connection[TupleRow] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address. With several processes, the address of the next one."""
        return next(self.urls)

    @property
    def log(self) -> list[logging.LogRecord]:
        """The log records of this API, which runs in its own thread."""
        return [r for r in self.everything_logged if r.thread == self.thread.ident]

    def stop(self) -> None:
        """Stops the API as SIGTERM does."""
        self.server.should_exit = True

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Yields a superuser's connection to its database."""
        with psycopg.connect(self.place.url, autocommit=True) as connection:
            yield connection

    @contextmanager
    def kept_sql(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Yields a shared connection for a call or two that set nothing. Reopens it if it broke.

        With a separate connection, such a call would cost ten times as much.
        """
        with self._lock:
            try:
                if self._kept:
                    self._kept.execute("select")
            except psycopg.Error:
                self.close()
            if self._kept is None:
                self._kept = psycopg.connect(
                    self.place.url, autocommit=True, prepare_threshold=None
                )
            yield self._kept

    def close(self) -> None:
        """Closes the shared connection."""
        if self._kept:
            self._kept.close()
            self._kept = None

    def tenant(self, tier: str = "team", limit: int | None = None) -> Tenant:
        """Creates a user. With `limit`, on a new tier with this many requests per hour."""
        user = str(uuid4())
        with self.kept_sql() as connection:
            if limit is not None:
                tier = f"tier of {user}"
                connection.execute("insert into private.tiers values (%s, %s)", (tier, limit))
            connection.execute("insert into auth.users (id) values (%s)", (user,))
            connection.execute("insert into private.accounts values (%s, %s)", (user, tier))
        return Tenant(user, self.new_key(user))

    def new_key(self, user: str) -> str:
        with self.kept_sql() as connection:
            return str(create_api_key(connection, user, "test")["api_key"])

    def organization(self, *members: Tenant) -> str:
        """Creates an organization with these members. Returns its slug."""
        slug = f"org-{uuid4()}"
        with self.kept_sql() as connection:
            connection.execute(
                "with o as ("
                "   insert into public.organizations (slug, name) values (%s, 'x') returning id)"
                " insert into public.organization_members (organization_id, user_id)"
                " select o.id, u::uuid from o, unnest(%s::text[]) as u",
                (slug, [member.id for member in members]),
            )
        return slug

    def create(self, tenant: Tenant, **body: Any) -> str:
        """Creates a job for the tenant. Returns its id."""
        body = {"repository": f"owner/{uuid4()}"} | body
        answer = self.client.post("/index", json=body, headers=tenant.headers)
        assert answer.status_code == 202, answer.text
        return str(UUID(answer.json()["jobId"]))

    def get(self, path: str, tenant: Tenant, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=tenant.headers | headers)

    def requests_of(self, tenant: Tenant) -> int:
        """Returns the number of requests that the quota has counted."""
        with self.kept_sql() as connection:
            row = connection.execute(
                "select requests from private.rate_limit_counters where user_id = %s", (tenant.id,)
            ).fetchone()
        return row[0] if row else 0


class Job:
    """A job, and the calls of its worker."""

    def __init__(self, api: Api, tenant: Tenant, **body: str) -> None:
        self.api = api
        self.id = api.create(tenant, **body)
        self.path = f"/jobs/{self.id}"

    def run(self, call: str, *values: object) -> None:
        with self.api.kept_sql() as connection, connection.transaction():
            connection.execute("set local role service_role")
            connection.execute(f"select public.{call}".encode(), values)

    def begin(self) -> None:
        self.run("update_job_status(%s, 'processing', '{}', null, %s)", self.id, WORKER)

    def progress(self, done: int) -> None:
        self.run("report_job_progress(%s, 1, 'parsing', %s, 100)", self.id, done)

    def complete(self) -> None:
        self.run("update_job_status(%s, 'completed', '{}', 1)", self.id)


def text_of(record: logging.LogRecord) -> str:
    """Returns the message and all fields of a log record."""
    return f"{record.getMessage()} {vars(record)}"


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def serve(
    place: Place,
    background: Sequence[Background] = (),
    demo: Demo | None = None,
    **changes: Any,
) -> Iterator[Api]:
    """Runs the API with these settings on its own server, in a thread.

    With --pooled, runs several processes behind a pooler.
    """
    given: dict[str, Any] = {
        "api_database_url": place.api_url,
        "jwt_secret": JWT_SECRET,
        "jwks_url": None,
        "jwt_audience": "authenticated",
        "service_key": SERVICE_KEY,
        "git_base_url": "https://github.com/",
        "local_repository_roots": (),
        "cors_origins": "*",
    } | changes
    if getattr(place, "pooler", None):
        assert not background
        assert demo is None
        with _serve_pooled(place, given) as api:
            yield api
        return
    settings = ApiSettings(**given)
    kicks: list[None] = []
    app = create_app(settings, background=background, kick=lambda: kicks.append(None), demo=demo)
    collector = _Collector()
    listener = listen("127.0.0.1", changes.get("port", 0))
    ready = threading.Event()
    server = main.Server(app, settings, on_ready=ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    logging.getLogger().addHandler(collector)
    try:
        thread.start()
        assert ready.wait(PATIENCE)
        url = address(listener)
        with loopback.Client(base_url=url, timeout=PATIENCE) as client:
            urls = itertools.repeat(url)
            api = Api(urls, place, client, app, server, kicks, thread, collector.records)
            with closing(api):
                yield api
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        logging.getLogger().removeHandler(collector)
    assert not thread.is_alive()
    errors = [text_of(record) for record in api.log if record.levelno >= logging.ERROR]
    unexpected = itertools.filterfalse(
        lambda message: any(part in message for part in api.expected_errors), errors
    )
    assert list(unexpected) == []


@contextmanager
def _serve_pooled(place: Place, given: dict[str, Any]) -> Iterator[Api]:
    none: Any = None
    expected: list[str] = []
    plain = {
        "database_prepared_statements": False
    }  # PgBouncer before 1.21 keeps no prepared statements
    with (
        pooled.processes(given | plain, expected) as urls,
        httpx2.Client(base_url=urls[0], transport=pooled.InTurn(urls), timeout=PATIENCE) as client,
    ):
        api = Api(itertools.cycle(urls), place, client, none, none, none, none, none, expected)
        with closing(api):
            yield api


def assert_503(answer: httpx2.Response, code: str = "DATABASE_UNAVAILABLE") -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert "x-ratelimit-limit" not in answer.headers


@dataclass(frozen=True)
class OwnServer:
    """A database on a server that the test may stop."""

    server: Server
    name: str
    url: str
    api_url: str


@dataclass
class Machine:
    """A server on a data directory and a port that stay the same."""

    folder: Path
    place: OwnServer
    port: int

    @contextmanager
    def running(self) -> Iterator[Server]:
        with run(self.folder / "pgdata", port=self.port) as server:
            assert server.port == self.port
            yield server


@pytest.fixture(scope="module")
def machine(kept: Kept) -> Iterator[Machine]:
    with open_folder() as folder, kept_port() as port:
        kept.stack(folder / "pgdata")
        with run(folder / "pgdata", port=port) as server:
            assert server.port == port
            with psycopg.connect(server.url(), autocommit=True) as connection:
                api_url = ensure_login(
                    connection, server.url(), "index_jobs_api", "job_http", "a password"
                )
            place = OwnServer(server, "postgres", server.url(), api_url)
        yield Machine(folder, place, port)


@contextmanager
def serve_over(transport: Transport, place: Place, **changes: Any) -> Iterator[Api]:
    """Runs the API with a database login, or with only the URL and key of a Supabase project."""
    with ExitStack() as at_exit:
        if transport == "supabase":
            url = at_exit.enter_context(postgrest.run(place.server, place.name, JWT_SECRET))
            changes = {"api_database_url": None, "supabase_url": url} | changes
        yield at_exit.enter_context(serve(place, **changes))


@pytest.fixture(scope="module", params=["database", "supabase"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Runs each test of the API over both transports."""
    chosen: Transport = request.param
    return chosen


over_the_database = pytest.mark.parametrize("transport", ["database"], indirect=True)
"""Marks tests of features that only a database login has."""


def avoid_end_of_hour(place: Place) -> None:
    """Moves the clock so that half an hour is left: quotas count per clock hour."""
    with psycopg.connect(place.url) as connection:
        connection.execute(
            "select tests.advance_clock('30 minutes') where extract(minute from now()) >= 30"
        )


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any], transport: Transport) -> Iterator[Api]:
    """One API and one database for all tests of a module. Each test creates its own tenants."""
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        serve_over(transport, place) as api,
    ):
        avoid_end_of_hour(place)
        yield api


@pytest.fixture
def own_api(
    new_database: Callable[[], Place], transport: Transport
) -> Iterator[Callable[..., Api]]:
    """Starts an API with other settings, or with a database that the test breaks."""
    with ExitStack() as at_exit:

        def start(place: Place | None = None, **arguments: Any) -> Api:
            if place is None:
                place = new_database()
                avoid_end_of_hour(place)
            return at_exit.enter_context(serve_over(transport, place, **arguments))

        yield start


@pytest.fixture
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture
def job(api: Api, alice: Tenant) -> Job:
    return Job(api, alice)
