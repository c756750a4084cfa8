"""Test databases: migrated or empty, on several major versions, with several kinds of owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, get_args

import psycopg
from psycopg import sql

import db.tools.migrate
from db.local.bootstrap import bootstrap, scaffold
from db.local.postgres import Server
from tests.support.fetch import pgtap_sql

Owner = Literal["superuser", "ordinary", "supabase"]
VARIANTS: list[tuple[int, Owner]] = [
    (18, "superuser"), (18, "ordinary"), (15, "ordinary"), (17, "supabase")
]  # fmt: skip
"""The supported variants for row-level security: major versions and owners of the tables."""

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    # it would run at any moment of a test, keep dead rows and change plans
    "autovacuum": "off",
    # this memory is touched at each start
    "shared_buffers": "32MB",
    "wal_buffers": "1MB",
}


def settings_of(major: int) -> dict[str, str]:
    """Returns settings for a server with many databases that make connections and copies cheap."""
    settings = dict(SETTINGS)
    if major >= 16:
        settings["scram_iterations"] = "1"
    if major >= 18:
        settings |= {"file_copy_method": "clone", "shared_preload_libraries": "pg_stat_statements"}
    return settings


MEMBERS = {  # login -> the one role that it is a member of
    "index_jobs_api": "job_http",
    "index_jobs_worker": "job_worker",
    "test_authenticated": "authenticated",
    "test_anon": "anon",
    "test_service_role": "service_role",
}


@dataclass(frozen=True)
class Database:
    """A database with the migrations, pgTAP (schema pgtap) and the helpers of the schema tests.

    `owner` owns the tables: a superuser, the ordinary role `migrator` or, on a server
    prepared like Supabase's, `postgres`, which is not a superuser there.
    """

    server: Server
    name: str
    owner: Owner
    pooler: int | None = None
    """The port of a pooler in front of it for all logins but the owners."""

    def url_of(self, login: str) -> str:
        url = self.server.url(self.name, login)
        if self.pooler and login in MEMBERS:
            return url.replace(f":{self.server.port}/", f":{self.pooler}/")
        return url

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


def add_pgtap(connection: psycopg.Connection) -> None:
    """Loads pgTAP into its own schema, which all roles may use."""
    connection.execute("create schema pgtap; grant usage on schema pgtap to public")
    # pgTAP stores the compared rows in temporary tables of the comparing role
    connection.execute(f"grant temporary on database {connection.info.dbname} to public")
    connection.execute("set local search_path = pgtap")
    connection.execute(pgtap_sql())
    connection.execute("set local search_path to default")


def add_helpers(connection: psycopg.Connection) -> None:
    """Grants the logins their roles and loads the helpers on top of the migrations."""
    for login, role in MEMBERS.items():
        connection.execute(f"grant {role} to {login}")
    connection.execute((ROOT / "tests/sql/bootstrap.sql").read_text())


class Cluster:
    """A test server. Creates databases of each owner by copying a template.

    `changes` is SQL that the owner runs in each migrated database: a mutant, see tests/mutants.
    A copy of a prepared server already has the roles and templates.
    """

    def __init__(self, server: Server, *, hosted: bool, changes: Sequence[str] = ()) -> None:
        self.server = server
        self.pooler: int | None = None
        self._changes = changes
        self._superuser = "supabase_admin" if hosted else "postgres"
        self._templates: dict[Owner, Database | Exception] = {}
        self._numbers = count(1)
        if not self._find():
            self._make_roles(hosted=hosted)

    def _find(self) -> bool:
        """Returns whether the server was prepared, and its templates."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            migrator = "select from pg_catalog.pg_roles where rolname = 'migrator'"
            if connection.execute(migrator).fetchone() is None:
                return False
            names = connection.execute("select datname::text from pg_catalog.pg_database")
            there = {name for (name,) in names}
        for owner in get_args(Owner):
            if (name := _template_name(owner)) in there:
                self._templates[owner] = Database(self.server, name, owner)
        return True

    def prepare(self, *owners: Owner) -> None:
        """Creates the templates of these owners. A failure is raised on first use."""
        for owner in owners:
            with suppress(RuntimeError):
                self._template(owner)

    def _make_roles(self, *, hosted: bool) -> None:
        server = self.server
        if hosted:
            self._prepare_as_supabase()
        # all logins have the superuser's password, so that Server.url serves them all
        with self._connect() as connection:
            for login in self.logins:
                connection.execute(
                    sql.SQL("create role {} login nosuperuser nobypassrls password {}").format(
                        sql.Identifier(login), server.password
                    )
                )
            connection.execute("alter role migrator createrole")
            # hashed again with the iterations of this server's settings
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(self._superuser), server.password
                )
            )

    @property
    def logins(self) -> tuple[str, ...]:
        """Returns the logins of the tests, all with the superuser's password."""
        return ("migrator", *MEMBERS)

    def _prepare_as_supabase(self) -> None:
        """Renames the superuser, through another one, and creates Supabase's roles."""
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
    def database(self, owner: Owner, *, migrated: bool, plain: bool = False) -> Iterator[Database]:
        """Creates a database, dropped at the end. Without `migrated` it has only what Supabase has.

        A `plain` one has only what the migrations need, like a self-hosted database.
        """
        name = f"test_{next(self._numbers)}"
        if plain:
            self._template(owner)
            database = self._create(name, owner, "template1")
            with psycopg.connect(database.migrator_url) as connection:
                bootstrap(connection)
        elif migrated:
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
                # a superuser may use roles of an ordinary role, but not the other way round
                self._template("ordinary")
            try:
                self._templates[owner] = self._migrated(_template_name(owner), owner)
            except Exception as error:  # cached, so that it fails once and not in every test
                self._templates[owner] = error
                self._execute("drop database if exists {} with (force)", _template_name(owner))
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
            add_pgtap(connection)
            add_helpers(connection)
        for change in self._changes:
            with psycopg.connect(database.migrator_url) as connection:
                connection.execute(change)
        return database

    def _bootstrapped(self, name: str, owner: Owner) -> Database:
        database = self._create(name, owner, "template1")
        if owner == "supabase":
            with psycopg.connect(database.url) as connection:
                connection.execute((ROOT / "tests/supabase/database.sql").read_text())
            return database
        with psycopg.connect(database.migrator_url) as connection:
            bootstrap(connection)
            scaffold(connection)
        with psycopg.connect(database.url) as connection:
            connection.execute(
                "grant anon, authenticated, service_role to migrator with admin option"
            )
        return database

    def _create(self, name: str, owner: Owner, template: str) -> Database:
        role = "migrator" if owner == "ordinary" else "postgres"
        self._execute(
            "create database {} template {} owner {} strategy file_copy", name, template, role
        )
        for login in MEMBERS:  # because they are members of roles of the whole server
            self._execute("grant connect on database {} to {}", name, login)
        return Database(self.server, name, owner, self.pooler)

    def _execute(self, command: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.server.url(user=self._superuser), autocommit=True)


def _template_name(owner: Owner) -> str:
    return f"template_{owner}"


NewDatabase = Callable[..., Database]
