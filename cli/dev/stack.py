"""The development stack: a database that is ready for the API, with logins and demo users.

The database is the embedded server on the data directory, or the one of DATABASE_URL. Secrets
(passwords of the logins, API keys of the demo users, the key that signs tokens) are random, made
once and kept in RUN_DIR/secrets.json.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import jwt
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from cli.dev import lock
from db.local import postgres
from db.tools import migrate

Connection = psycopg.Connection[TupleRow]
Step = Callable[[str, float | None, str], None]

BOOTSTRAP = Path(__file__).resolve().parents[2] / "db/local/bootstrap.sql"
API_LOGIN, WORKER_LOGIN = "index_jobs_api", "index_jobs_worker"
PATIENCE = 60.0  # seconds to wait for another command that is just starting the server
TOKEN_YEARS = 10


class StackError(Exception):
    """What is wrong and what to do about it, in one sentence for the person at the terminal."""


class OccupiedError(StackError):
    """Another command is at work on the same directory, which `variable` names."""

    def __init__(self, occupant: lock.Occupant, directory: Path, variable: str) -> None:
        super().__init__(
            f"{occupant} is at work on {near(directory)} already"
            + (f", with its API at {occupant.api_url}" if occupant.api_url else "")
            + f"; stop it first, or name another directory by {variable}="
        )
        self.occupant = occupant


@dataclass(frozen=True)
class Options:
    """Where the stack lives. What is None has a default or is made."""

    run_dir: Path
    data_dir: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    api_database_url: str | None = field(default=None, repr=False)
    worker_database_url: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    service_key: str | None = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        """The directory of the embedded server's data."""
        return (self.data_dir or self.run_dir / "pgdata").absolute()

    @property
    def database_name(self) -> str:
        """What the kept keys are filed under: keys of one database are no use in another."""
        if self.database_url is None:
            return str(self.home)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname or ''}:{parts.port or 5432}{parts.path}"


@dataclass(frozen=True)
class Person:
    """A user for development."""

    name: str
    id: str
    tier: str


ALICE = Person("alice", "a11ce000-0000-4000-8000-000000000001", "free")
BOB = Person("bob", "b0b00000-0000-4000-8000-000000000002", "solo")
CAROL = Person("carol", "ca401000-0000-4000-8000-000000000003", "team")


@dataclass(frozen=True)
class Database:
    """A database and a login that owns it; `server` when it is the embedded one."""

    url: str = field(repr=False)
    server: postgres.Server | None


@dataclass(frozen=True)
class Stack:
    """All that the API and the demo need to know."""

    database: Database
    api_database_url: str = field(repr=False)
    worker_database_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    service_key: str = field(repr=False)
    anon_key: str = field(repr=False)
    api_keys: Mapping[str, str] = field(repr=False)


def quiet(title: str, seconds: float | None, detail: str) -> None:
    """A Step that says nothing."""


@contextmanager
def up(options: Options, *, step: Step = quiet) -> Iterator[Stack]:
    """Brings the stack up and keeps it up; `step` hears of each part that is ready.

    Raises StackError, PostgresError or MigrationError; each is a sentence.
    """
    with database(options, step=step) as base:
        prepare(base, step=step)
        yield furnish(base, options, step=step)


@contextmanager
def database(options: Options, *, step: Step = quiet) -> Iterator[Database]:
    """The database of DATABASE_URL, or the embedded server, started unless it runs already."""
    started = time.monotonic()
    if options.database_url is not None:
        with connect(options.database_url) as connection:
            version = connection.info.server_version
            info = connection.info
            place = f"{info.host or 'local'}:{info.port}/{info.dbname}"
        if version < migrate.OLDEST_SERVER * 10_000:
            raise StackError(
                f"DATABASE_URL is Postgres {version // 10_000}; "
                f"{migrate.OLDEST_SERVER} or newer is needed"
            )
        step(f"Postgres {_version(version)}", time.monotonic() - started, place)
        yield Database(options.database_url, None)
        return
    with postgres.run(options.home) as server:
        url = server.url()
        with connect(url) as connection:
            version = connection.info.server_version
        detail = f"{near(options.home)}, port {server.port}"
        step(f"Postgres {_version(version)} embedded", time.monotonic() - started, detail)
        yield Database(url, server)


def prepare(base: Database, *, step: Step = quiet) -> list[str]:
    """Makes what Supabase has and this database lacks, then migrates. Returns what was applied."""
    started = time.monotonic()
    with connect(base.url) as connection, _explained("prepare the database"):
        connection.execute(BOOTSTRAP.read_bytes())
    applied = migrate.apply(base.url)
    count = len(migrate.names())
    detail = f"{len(applied)} new" if applied else "nothing new"
    step(f"{count} migrations", time.monotonic() - started, detail)
    return applied


def furnish(base: Database, options: Options, *, step: Step = quiet) -> Stack:
    """Logins for the API and the runner, the demo users and a key for each of them."""
    kept = Secrets(options.run_dir)
    with connect(base.url) as connection, _explained("make the logins and demo users"):
        api_url = options.api_database_url or ensure_login(
            connection, base.url, API_LOGIN, "job_http", kept.password(API_LOGIN)
        )
        worker_url = options.worker_database_url or ensure_login(
            connection, base.url, WORKER_LOGIN, "service_role", kept.password(WORKER_LOGIN)
        )
        people = (ALICE, BOB, CAROL)
        keys = {p.name: ensure_person(connection, p, kept, options) for p in people}
    for name, url in (("API_DATABASE_URL", api_url), ("WORKER_DATABASE_URL", worker_url)):
        connect(url, name).close()
    step(", ".join(f"{p.name} ({p.tier})" for p in people), None, "")
    secret = options.jwt_secret or kept.jwt_secret
    return Stack(
        database=base,
        api_database_url=api_url,
        worker_database_url=worker_url,
        jwt_secret=secret,
        service_key=options.service_key or kept.token("service_role", secret),
        anon_key=kept.token("anon", secret),
        api_keys=keys,
    )


def connect(url: str, name: str = "DATABASE_URL") -> Connection:
    """An autocommit connection. Raises StackError that names the setting, never the password."""
    try:
        return migrate.connect(url)
    except migrate.MigrationError as error:
        raise StackError(f"{name}: {error}") from None


@contextmanager
def _explained(purpose: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise StackError(
            f"DATABASE_URL: its login may not {purpose} ({error.diag.message_primary}); "
            "name a login that owns the database and may create roles"
        ) from None
    except psycopg.Error as error:
        raise StackError(f"cannot {purpose}: {str(error).strip()}") from error


# --- logins and users ----------------------------------------------------------------------------


def ensure_login(connection: Connection, url: str, login: str, group: str, password: str) -> str:
    """A login that is a member of one group and nothing else; returns its URL."""
    cipher = connection.pgconn.encrypt_password(
        password.encode(), login.encode(), b"scram-sha-256"
    ).decode()
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('index_jobs:login', 0))")
        row = connection.execute("select from pg_roles where rolname = %s", (login,)).fetchone()
        verb = sql.SQL("create" if row is None else "alter")
        connection.execute(
            sql.SQL("{} role {} login password {}").format(
                verb, sql.Identifier(login), sql.Literal(cipher)
            )
        )
        member = connection.execute("select pg_has_role(%s, %s, 'member')", (login, group))
        if member.fetchone() != (True,):
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(login))
            )
    return _url_as(url, login, password)


def _url_as(url: str, user: str, password: str) -> str:
    """The same database by another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    others = [(k, v) for k, v in parse_qsl(parts.query) if k not in {"user", "password"}]
    return parts._replace(
        netloc=f"{quote(user)}:{quote(password, safe='')}@{place}", query=urlencode(others)
    ).geturl()


def ensure_person(connection: Connection, person: Person, kept: Secrets, options: Options) -> str:
    """The user, its tier and an API key that works; returns the key."""
    with connection.transaction():
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s) on conflict (id) do nothing",
            (person.id, f"{person.name}@example.com"),
        )
        connection.execute(
            "insert into private.accounts (user_id, tier) values (%s, %s)"
            " on conflict (user_id) do update set tier = excluded.tier",
            (person.id, person.tier),
        )
    key = kept.api_key(options.database_name, person.name)
    usable = {row["key_id"] for row in list_api_keys(connection, person.id) if row["enabled"]}
    if key is None or key.split("_")[1] not in usable:
        key = str(create_api_key(connection, person.id, "development")["api_key"])
        kept.keep_api_key(options.database_name, person.name, key)
    return key


def user_exists(connection: Connection, user_id: str) -> bool:
    """Whether there is a user of that id."""
    row = connection.execute("select from auth.users where id = %s", (user_id,)).fetchone()
    return row is not None


def create_api_key(
    connection: Connection, user_id: str, name: str, expires_at: str | None = None
) -> dict[str, Any]:
    """A new key of that user; the only time that its secret is seen."""
    query = "select * from public.create_api_key(p_name => %s, p_expires_at => %s)"
    return _as_user(connection, user_id, query, (name, expires_at))[0]


def list_api_keys(connection: Connection, user_id: str) -> list[dict[str, Any]]:
    """The keys of that user, without their secrets."""
    return _as_user(connection, user_id, "select * from public.list_api_keys()", ())


def revoke_api_key(connection: Connection, user_id: str, key_id: str) -> dict[str, Any]:
    """Switches a key off for good. Raises psycopg.Error PT404 when it is not that user's."""
    query = "select * from public.revoke_api_key(p_key_id => %s)"
    return _as_user(connection, user_id, query, (key_id,))[0]


def _as_user(
    connection: Connection, user_id: str, query: str, arguments: tuple[Any, ...]
) -> list[dict[str, Any]]:
    with as_user(connection, user_id):
        cursor = connection.execute(query.encode(), arguments)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@contextmanager
def as_user(connection: Connection, user_id: str) -> Iterator[None]:
    """A transaction in which the connection is that user, under row-level security."""
    claims = json.dumps({"sub": user_id, "role": "authenticated"})
    with as_role(connection, "authenticated"):
        connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        yield
        connection.execute("select set_config('request.jwt.claims', '', true)")


@contextmanager
def as_role(connection: Connection, role: str) -> Iterator[None]:
    """A transaction, or a part of one, in which the connection has that role and no other."""
    become = sql.SQL("set local role {}").format(sql.Identifier(role))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(become)
    except psycopg.errors.InsufficientPrivilege:
        # whoever made a role may still have to allow itself to take it on (Postgres 16 on)
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    with connection.transaction():
        connection.execute(become)
        yield
        connection.execute("reset role")


# --- what an index left behind -------------------------------------------------------------------


@dataclass(frozen=True)
class IndexRows:
    """What the tables hold of a repository, and what its last completed job said of that."""

    files: int
    symbols: int
    said_files: int
    said_symbols: int
    job_id: str


_INDEX_ROWS = """
select
  (select count(*) from public.indexed_files as f where f.repository_id = %(repository)s),
  (select count(*) from public.symbols as s where s.repository_id = %(repository)s),
  (j.stats ->> 'files_indexed')::bigint, (j.stats ->> 'symbols_extracted')::bigint, j.id::text
from public.index_jobs as j
where j.repository_id = %(repository)s and j.status = 'completed'
order by j.completed_at desc
limit 1
"""


def count_index_rows(connection: Connection, repository_id: str) -> IndexRows | None:
    """In one snapshot; None when no job of the repository has completed."""
    with as_role(connection, "service_role"):
        row = connection.execute(_INDEX_ROWS, {"repository": repository_id}).fetchone()
    return None if row is None else IndexRows(*row)


# --- what is kept between runs -------------------------------------------------------------------


class Secrets:
    """RUN_DIR/secrets.json, for its owner's eyes only."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "secrets.json"
        try:
            self._kept: dict[str, Any] = json.loads(self._path.read_text())
        except FileNotFoundError:
            self._kept = {}
        except ValueError:
            raise StackError(f"{self._path} is damaged; remove it, new secrets are made") from None

    @property
    def jwt_secret(self) -> str:
        return self._once("jwt_secret", lambda: secrets.token_urlsafe(48))

    def password(self, login: str) -> str:
        return self._once(f"password of {login}", lambda: secrets.token_urlsafe(24))

    def token(self, role: str, secret: str) -> str:
        """A Supabase-like API key: a token for that role, the same one in each run."""
        issued = int(self._once("tokens issued at", lambda: str(int(time.time()))))
        claims = {"iss": "index-jobs", "role": role, "iat": issued}
        claims |= {"exp": issued + TOKEN_YEARS * 365 * 86_400}
        return jwt.encode(claims, secret, "HS256")

    def api_key(self, database: str, person: str) -> str | None:
        key: str | None = self._kept.get("api_keys", {}).get(database, {}).get(person)
        return key

    def keep_api_key(self, database: str, person: str, key: str) -> None:
        self._kept.setdefault("api_keys", {}).setdefault(database, {})[person] = key
        self._save()

    def _once(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._kept:
            self._kept[name] = make()
            self._save()
        return str(self._kept[name])

    def _save(self) -> None:
        write_private(self._path, json.dumps(self._kept, indent=2) + "\n")


def write_dev_env(path: Path, api_url: str, stack: Stack) -> None:
    """The file that a shell reads to talk to this stack (`source .run/dev.env`)."""
    values = {
        "API_URL": api_url,
        "DEV_DATABASE_URL": stack.database.url,
        **{f"{p.name.upper()}_KEY": stack.api_keys[p.name] for p in (ALICE, BOB, CAROL)},
        "SERVICE_KEY": stack.service_key,
        "ANON_KEY": stack.anon_key,
        "JWT_SECRET": stack.jwt_secret,
        **{f"{p.name.upper()}_ID": p.id for p in (ALICE, BOB, CAROL)},
    }
    write_private(path, "".join(f"{k}={shlex.quote(v)}\n" for k, v in values.items()))


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


# --- one command at a time -----------------------------------------------------------------------


@contextmanager
def occupy(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Claims the data directory (RUN_DIR when there is a DATABASE_URL) until the block ends.

    Yields a function to call when the server is up, with the address of the API if there is one.

    Raises OccupiedError when another command has it.
    """
    embedded = options.database_url is None
    directory, variable = (options.home, "DATA_DIR") if embedded else (options.run_dir, "RUN_DIR")
    with _claimed(_occupation(options), what, directory, variable) as ready:
        yield ready


@contextmanager
def occupy_run_dir(options: Options, what: str) -> Iterator[Callable[[str | None], None]]:
    """Claims RUN_DIR, whatever the database: it has one dev.env. As `occupy` otherwise."""
    path = options.run_dir / "serve.lock"
    with _claimed(path, what, options.run_dir, "RUN_DIR") as ready:
        yield ready


@contextmanager
def _claimed(
    path: Path, what: str, directory: Path, variable: str
) -> Iterator[Callable[[str | None], None]]:
    with ExitStack() as held:
        try:
            ready = held.enter_context(lock.take(path, what))
        except lock.TakenError as error:
            raise OccupiedError(error.occupant, directory, variable) from None
        except OSError as error:
            raise StackError(
                f"{variable}={directory}: nothing can be written there ({error.strerror}); "
                "name another directory"
            ) from None
        yield ready


@contextmanager
def borrow(options: Options, what: str, *, create: bool, step: Step = quiet) -> Iterator[Database]:
    """The database for a command of a moment: the server of whoever runs one, or one of its own.

    Without `create` it has to be there already. Raises StackError and leaves no trace when it is
    not.
    """
    with ExitStack() as stack:
        ready = None
        if options.database_url is None:
            if not (create or _occupation(options).exists()):
                _require_data(options)
            deadline = time.monotonic() + PATIENCE
            while ready is None:
                try:
                    ready = stack.enter_context(occupy(options, what))
                except OccupiedError as error:
                    if error.occupant.ready:
                        break
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            if ready and not create:
                _require_data(options)
        base = stack.enter_context(database(options, step=step))
        if ready:
            ready(None)
        yield base


def _require_data(options: Options) -> None:
    if not (options.home / "PG_VERSION").exists():
        raise StackError(
            f"there is no database in {options.home}: make one (make serve), or name the place of "
            "one by RUN_DIR= or DATA_DIR=, or another Postgres by DATABASE_URL="
        )


def _occupation(options: Options) -> Path:
    if options.database_url is not None:
        return options.run_dir / "stack.lock"
    return options.home.with_name(f"{options.home.name}.stack.lock")


# --- words ---------------------------------------------------------------------------------------


def near(path: Path) -> str:
    """The path as a person would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _version(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
