"""Real servers and databases for the tests: Postgres 18, and 15 when a test asks for it.

They are the tests' own, on temporary directories; DATABASE_URL is never looked at.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

import db.tools.migrate
from db.local.postgres import Server, temporary
from tests.support.fetch import pgtap_sql, postgres_binaries
from tests.support.repositories import commit, modules

Owner = Literal["superuser", "ordinary", "supabase"]
VARIANTS: list[tuple[int, Owner]] = [
    (18, "superuser"), (18, "ordinary"), (15, "ordinary"), (17, "supabase")
]  # fmt: skip
"""What row-level security and privileges are promised for: majors, and owners of the tables."""

ROOT = Path(__file__).parent.parent
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
MEMBERS = {  # login -> the one role that it is a member of
    "index_jobs_api": "job_http",
    "index_jobs_worker": "service_role",
    "test_authenticated": "authenticated",
    "test_anon": "anon",
    "test_service_role": "service_role",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="the long forms of the tests")


@pytest.hookimpl(tryfirst=True)  # before the plugin looks at its option
def pytest_configure(config: pytest.Config) -> None:
    proving = config.option.prove
    if proving and config.option.timeout is None:
        config.option.timeout = 3600.0
    settings.register_profile(
        "tests",
        max_examples=1000 if proving else 100,
        derandomize=not proving,
        database=None,
        deadline=None,  # no example fails for the machine's speed, nor does the making of many
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("tests")
    config.option.pgtap_uri = None  # pytest-pgtap takes DATABASE_URL and shows it
    # whoever starts us in the background may ignore it, and what tests start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.startswith("PG") or name.endswith("DATABASE_URL"):
            del os.environ[name]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that did not run, or that may fail, is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reports = [report for kind in reporter.stats.values() for report in kind] if reporter else []
    if any(getattr(r, "skipped", False) or hasattr(r, "wasxfail") for r in reports):
        reporter.write_line("tests were skipped or expected to fail: that fails the run", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@dataclass(frozen=True)
class Database:
    """A database with the migrations, pgTAP (schema pgtap) and the helpers of schema tests.

    `owner` says who owns the tables: a superuser, the ordinary role `migrator`, or, on a server
    prepared as Supabase prepares its own, `postgres`, who is no superuser there.
    """

    server: Server
    name: str
    owner: Owner

    def url_of(self, login: str) -> str:
        return self.server.url(self.name, login)

    @property
    def url(self) -> str:
        """The superuser's."""
        return self.url_of("supabase_admin" if self.owner == "supabase" else "postgres")

    @property
    def migrator_url(self) -> str:
        """The owner's."""
        return self.url_of("migrator" if self.owner == "ordinary" else "postgres")

    @property
    def api_url(self) -> str:
        return self.url_of("index_jobs_api")

    @property
    def worker_url(self) -> str:
        return self.url_of("index_jobs_worker")

    @property
    def authenticated_url(self) -> str:
        return self.url_of("test_authenticated")

    @property
    def anon_url(self) -> str:
        return self.url_of("test_anon")

    @property
    def service_role_url(self) -> str:
        return self.url_of("test_service_role")


class Cluster:
    """A server of the tests: makes databases of its owners, by copying a template of each."""

    def __init__(self, server: Server, *, hosted: bool) -> None:
        self.server = server
        self._superuser = "supabase_admin" if hosted else "postgres"
        self._templates: dict[Owner, Database | Exception] = {}
        self._numbers = count(1)
        if hosted:
            self._prepare_as_supabase()
        # all logins have the superuser's password, so that Server.url serves them all
        with self._connect() as connection:
            for login in ("migrator", *MEMBERS):
                connection.execute(
                    sql.SQL("create role {} login nosuperuser nobypassrls password {}").format(
                        sql.Identifier(login), server.password
                    )
                )
            connection.execute("alter role migrator createrole")

    def _prepare_as_supabase(self) -> None:
        """Renames the superuser, whom nobody can rename himself, and makes Supabase's roles."""
        password = sql.Literal(self.server.password)
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("create role renamer superuser login password {}").format(password)
            )
        with psycopg.connect(self.server.url(user="renamer"), autocommit=True) as connection:
            connection.execute("alter role postgres rename to supabase_admin")
        with self._connect() as connection:
            connection.execute("drop role renamer")
            connection.execute((ROOT / "tests/supabase/roles.sql").read_text())
            for login in ("postgres", "authenticator", "supabase_auth_admin"):
                connection.execute(
                    sql.SQL("alter role {} password {}").format(sql.Identifier(login), password)
                )

    @contextmanager
    def database(self, owner: Owner, *, migrated: bool) -> Iterator[Database]:
        """A new database, dropped at the end; without `migrated`, only what Supabase would have."""
        name = f"test_{next(self._numbers)}"
        if migrated:
            database = self._create(name, owner, self._template(owner).name)
        else:
            database = self._bootstrapped(name, owner)
        try:
            yield database
        finally:
            self._execute("drop database {} with (force)", name)

    def _template(self, owner: Owner) -> Database:
        if owner not in self._templates:
            if owner == "superuser":
                # a superuser may use roles that an ordinary role made; not the other way round
                self._template("ordinary")
            try:
                self._templates[owner] = self._migrated(f"template_{owner}", owner)
            except Exception as error:  # remembered, so that it is met once and not in every test
                self._templates[owner] = error
        template = self._templates[owner]
        if isinstance(template, Exception):
            raise RuntimeError(f"no database could be made for the tests: {template}") from template
        return template

    def _migrated(self, name: str, owner: Owner) -> Database:
        database = self._bootstrapped(name, owner)
        if owner == "supabase":
            for file in sorted((ROOT / "supabase/migrations").iterdir()):
                with psycopg.connect(database.migrator_url) as connection:
                    connection.execute(file.read_text())
        else:
            db.tools.migrate.apply(database.migrator_url)
        with psycopg.connect(database.url) as connection:
            for login, role in MEMBERS.items():
                connection.execute(f"grant {role} to {login}")
            connection.execute("create schema pgtap; grant usage on schema pgtap to public")
            connection.execute("set local search_path = pgtap")
            connection.execute(pgtap_sql())
            connection.execute("set local search_path to default")
            connection.execute((ROOT / "tests/sql/bootstrap.sql").read_text())
        return database

    def _bootstrapped(self, name: str, owner: Owner) -> Database:
        database = self._create(name, owner, "template1")
        if owner == "supabase":
            with psycopg.connect(database.url) as connection:
                connection.execute((ROOT / "tests/supabase/database.sql").read_text())
            return database
        with psycopg.connect(database.migrator_url) as connection:
            connection.execute((ROOT / "db/local/bootstrap.sql").read_text())
        with psycopg.connect(database.url) as connection:
            connection.execute(
                "grant anon, authenticated, service_role to migrator with admin option"
            )
        return database

    def _create(self, name: str, owner: Owner, template: str) -> Database:
        role = "migrator" if owner == "ordinary" else "postgres"
        self._execute("create database {} template {} owner {}", name, template, role)
        return Database(self.server, name, owner)

    def _execute(self, command: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.server.url(user=self._superuser), autocommit=True)


NewDatabase = Callable[..., Database]


@pytest.fixture(scope="session")
def clusters() -> Iterator[Callable[..., Cluster]]:
    """The cluster of a major version and an owner, started when first asked for."""
    started: dict[tuple[int, bool], Cluster] = {}
    with ExitStack() as at_exit:

        def cluster(major: int, owner: Owner = "ordinary") -> Cluster:
            key = (major, owner == "supabase")
            if key not in started:
                settings = dict(SETTINGS)
                if major == 18:
                    settings["shared_preload_libraries"] = "pg_stat_statements"
                server = at_exit.enter_context(
                    temporary(settings=settings, binaries=postgres_binaries(major))
                )
                started[key] = Cluster(server, hosted=owner == "supabase")
            return started[key]

        yield cluster


@pytest.fixture(scope="session")
def postgres18(clusters: Callable[..., Cluster]) -> Server:
    return clusters(18).server


@pytest.fixture(scope="session")
def postgres15(clusters: Callable[..., Cluster]) -> Server:
    return clusters(15).server


@pytest.fixture
def new_database(clusters: Callable[..., Cluster]) -> Iterator[NewDatabase]:
    """Makes databases that last until the end of the test."""
    with ExitStack() as at_exit:

        def new(major: int = 18, owner: Owner = "ordinary", *, migrated: bool = True) -> Database:
            return at_exit.enter_context(clusters(major, owner).database(owner, migrated=migrated))

        yield new


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    """A fresh database on Postgres 18, its tables owned by an ordinary role."""
    return new_database()


@pytest.fixture(scope="session")
def pgtap_databases(
    clusters: Callable[..., Cluster],
) -> Iterator[Callable[[int, Owner], Database]]:
    """The database that all pgTAP files of a server and an owner use; each of them rolls back."""
    made: dict[tuple[int, Owner], Database] = {}
    with ExitStack() as at_exit:

        def database(major: int, owner: Owner) -> Database:
            if (major, owner) not in made:
                made[major, owner] = at_exit.enter_context(
                    clusters(major, owner).database(owner, migrated=True)
                )
            return made[major, owner]

        yield database


@pytest.fixture(scope="session")
def pgtap_connection(
    pgtap_databases: Callable[[int, Owner], Database],
) -> Iterator[psycopg.Connection]:
    """For Python tests marked pgtap; takes the place of the plugin's own, which may skip them."""
    with psycopg.connect(pgtap_databases(18, "ordinary").url) as connection:
        yield connection


@pytest.fixture(scope="session")
def slow_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes a few seconds to index, in each of which its progress moves."""
    folder = tmp_path_factory.mktemp("slow") / "slow"
    commit(folder, modules(1200, lines=150))
    return folder
