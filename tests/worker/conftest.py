"""The real API with its runner in front of a real database, and real repositories to index."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow
from starlette.applications import Starlette

from api.app import create_app
from cli.client import Client
from cli.dev.serve import in_background
from cli.dev.settings import StackSettings
from cli.users import create_api_key
from db.local.postgres import Server
from tests.support.githost import Host
from tests.support.processes import working_in
from tests.support.repositories import commit, modules
from tests.support.waiting import PATIENCE
from worker.runner import Runner
from worker.timings import Timings

USUAL = Timings()


class Database(Protocol):
    name: str
    server: Server

    @property
    def url(self) -> str: ...
    @property
    def api_url(self) -> str: ...
    @property
    def worker_url(self) -> str: ...


@dataclass
class Api:
    """A running API with a runner, and one tenant's client of it."""

    url: str
    run_dir: Path
    database: Database
    client: Client

    @contextmanager
    def sql(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Yields a superuser's connection."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            yield connection

    def value(self, query: str, *arguments: Any) -> Any:
        with self.sql() as connection:
            row = connection.execute(query.encode(), arguments).fetchone()
            return row[0] if row else None

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Terminates all sessions and refuses new ones."""
        door = f'alter database "{self.database.name}" allow_connections'
        with psycopg.connect(self.database.server.url(), autocommit=True) as connection:
            connection.execute(f"{door} false")
            try:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                    (self.database.name,),
                )
                yield
            finally:
                connection.execute(f"{door} true")

    def index(self, folder: Path, **request: str) -> str:
        """Creates a job for the repository in this folder. Returns its id."""
        body = {"repository": f"local/{folder.name}", "localPath": str(folder)} | request
        return self.client.create_index_job(body).answer["jobId"]

    def index_held(self, site: Host) -> str:
        """Creates a job whose clone hangs until the site is released. Returns its id."""
        job_id = self.client.create_index_job({"repository": "held/app"}).answer["jobId"]
        assert site.stalled.wait(PATIENCE)
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        return dict(self.client.get_job_status(job_id))

    def ended(self, job_id: str) -> dict[str, Any]:
        """Waits for the end of the job and returns it."""
        *_, job = self.client.follow(job_id, every=0.1)
        print(job["status"], job["error_message"])  # shown when the test fails
        return dict(job)

    def ask_to_cancel(self, job_id: str) -> None:
        """Requests a job as a user, without the API."""
        with self.sql() as connection:
            connection.execute(
                "update public.index_jobs set cancel_requested_at = clock_timestamp()"
                " where id = %s",
                (job_id,),
            )

    def stop_clock(self) -> None:
        """Stops the clock: only tests.advance_clock moves it, so no retry starts by itself."""
        with self.sql() as connection:
            connection.execute("select tests.set_clock(clock_timestamp())")

    def rows(self, job: Mapping[str, Any]) -> tuple[int, int]:
        """Returns how many files and symbols of the job's repository are stored."""
        with self.sql() as connection:
            row = connection.execute(
                "select (select count(*) from public.indexed_files where repository_id = %(id)s),"
                " (select count(*) from public.symbols where repository_id = %(id)s)",
                {"id": job["repository_id"]},
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    def processes(self) -> list[int]:
        """Returns the indexers in this API's scratch folder, and their children."""
        return list(working_in(self.run_dir / "scratch"))

    def scratch(self) -> list[Path]:
        """Returns the contents of the scratch folder."""
        return [path for path in self.run_dir.glob("scratch/*/*") if path.name != "lock"]


Start = Callable[..., Any]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Host]:
    """A git host with app.git, which has one file. `from_site` lets an API clone from it."""
    commit(tmp_path / "repositories/app.git", {"a.py": "class A:\n    def f(self): ...\n"})
    host = Host(tmp_path / "repositories")
    yield host
    host.close()


def from_site(site: Host) -> dict[str, Any]:
    """Returns settings to clone owner/name from the site."""
    return {
        "git_base_url": f"{site.url}/",
        "git_trusted_hosts": (f"127.0.0.1:{site.port}",),
    }


@dataclass(frozen=True)
class Storing:
    """Blocks the storing of symbols: rows are inserted but not committed."""

    connection: psycopg.Connection[TupleRow]

    def _any(self, condition: str) -> bool:
        row = self.connection.execute(
            "select exists (select from pg_stat_activity where datname = current_database()"
            f" and application_name = 'index_jobs runner' and {condition})".encode()
        ).fetchone()
        return row == (True,)

    def stands_still(self) -> bool:
        return self._any("wait_event = 'advisory'")

    def is_over(self) -> bool:
        """Whether no runner has uncommitted rows."""
        return not self._any("backend_xid is not null")

    def release(self) -> None:
        """Unblocks current and later inserts."""
        self.connection.execute("select pg_advisory_unlock(1)")


@pytest.fixture
def storing(database: Database) -> Iterator[Storing]:
    """Keeps every job from completing until it is released."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("""
            create function tests.stand_still() returns trigger language plpgsql as $$
            begin
              perform pg_advisory_xact_lock_shared(1);
              return null;
            end;
            $$;
            create trigger stand_still after insert on public.symbols
              for each statement execute function tests.stand_still();
            select pg_advisory_lock(1);
        """)
        yield Storing(connection)


@pytest.fixture(scope="session")
def stalling_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1217 files. The last is parsed alone for seconds and has no symbol."""
    folder = tmp_path_factory.mktemp("stalling") / "stalling"
    commit(folder, modules(1216, lines=150) | {"stall.py": "a=>" * 300_000})
    return folder


@pytest.fixture
def tenant_key(database: Database) -> str:
    """An API key of a new user with a large quota."""
    user = str(uuid4())
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        connection.execute("insert into private.tiers values ('unlimited', 10000000)")
        connection.execute("insert into private.accounts values (%s, 'unlimited')", (user,))
        return str(create_api_key(connection, user, "test")["api_key"])


def api_with_runner(settings: StackSettings, timings: Timings) -> Starlette:
    if settings.runner_concurrency == 0:
        return create_app(settings)
    runner = Runner(settings, timings)
    return create_app(settings, background=[lambda: runner], kick=runner.kick)


@pytest.fixture
def start(database: Database, tenant_key: str, tmp_path: Path) -> Start:
    """Runs an API with these settings for the length of a with block.

    Any warning or error in its log fails the test, except those that `expected` names.
    """

    @contextmanager
    def running(
        run_dir: str = "run",
        *expected: str,
        timings: Timings = USUAL,
        **changes: Any,
    ) -> Iterator[Api]:
        settings = StackSettings(
            **{
                "api_database_url": database.api_url,
                "worker_database_url": database.worker_url,
                "jwt_secret": "a secret of the tests that is more than 32 bytes long",
                "local_repository_roots": (Path("/"),),
                "runner_lease_seconds": 600,
                "runner_grace_seconds": 0,
                "run_dir": tmp_path / run_dir,
            }
            | changes
        )
        records: list[logging.LogRecord] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = records.append  # type: ignore[method-assign]
        logging.getLogger().addHandler(handler)
        try:
            with (
                socket.create_server(("127.0.0.1", 0), backlog=256) as listener,
                in_background(api_with_runner(settings, timings), listener) as url,
                Client(url, tenant_key) as client,
            ):
                yield Api(url, settings.run_dir, database, client)
        finally:
            logging.getLogger().removeHandler(handler)
        # processes do not show the pool's own records either: users of pools log these
        said = [record.getMessage() for record in records if record.name != "psycopg.pool"]
        assert [line for line in said if not any(part in line for part in expected)] == []

    return running
