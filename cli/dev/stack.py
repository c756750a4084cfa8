"""The development stack: a migrated database with logins and demo users.

The database is the one of DATABASE_URL or the embedded server.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from cli.connection import as_role, connect
from cli.dev.directory_lock import DirectoryLockedError, lock_data_dir, lock_path
from cli.dev.logins import API_LOGIN, WORKER_LOGIN, ensure_login, use_login
from cli.dev.options import Options
from cli.dev.people import ALICE, BOB, CAROL, ensure_person
from cli.dev.secrets import Secrets, write_private
from cli.errors import CommandError
from cli.paths import display_path
from db.local import postgres
from db.local.bootstrap import bootstrap, scaffold
from db.tools import environment, migrate
from db.tools.reset import made_by, mark_for_development, remove

Step = Callable[[str, float | None, str], None]

PEOPLE = (ALICE, BOB, CAROL)
DEMO_USERS = "only such a database has the demo users alice, bob and carol"
PATIENCE = 60.0  # seconds to wait while another command starts the server


@dataclass(frozen=True)
class Database:
    """A database and a login that owns it. `server` is set for the embedded one."""

    url: str = field(repr=False)
    server: postgres.Server | None


@dataclass(frozen=True)
class Stack:
    """Everything that the API and the demo need."""

    database: Database
    api_database_url: str = field(repr=False)
    worker_database_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    service_key: str = field(repr=False)
    anon_key: str = field(repr=False)
    api_keys: Mapping[str, str] = field(repr=False)


def quiet(title: str, seconds: float | None, detail: str) -> None:
    """A Step that prints nothing."""


@contextmanager
def up(options: Options, *, users: bool = False, step: Step = quiet) -> Iterator[Stack]:
    """Starts the stack and keeps it running until the block ends.

    Calls `step` for each part that is ready. With `users`, the database must be one with demo
    users. Raises CommandError, PostgresError or MigrationError. Each is a sentence.
    """
    with database(options, step=step) as base:
        if users:
            require_development(base, DEMO_USERS)
        prepare(base, step=step)
        yield add_logins_and_users(base, options, step=step)


@contextmanager
def database(options: Options, *, step: Step = quiet) -> Iterator[Database]:
    """Yields the database of DATABASE_URL, or the embedded server, which it starts if needed."""
    started = time.monotonic()
    if options.database_url is not None:
        with connect(options.database_url) as connection:
            version = connection.info.server_version
            info = connection.info
            place = f"{info.host or 'local'}:{info.port}/{info.dbname}"
        if version < migrate.OLDEST_SERVER * 10_000:
            raise CommandError(
                f"DATABASE_URL is Postgres {version // 10_000}; "
                f"{migrate.OLDEST_SERVER} or newer is needed"
            )
        step(f"Postgres {_version(version)}", time.monotonic() - started, place)
        yield Database(options.database_url, None)
        return
    environment.forget_servers()
    with postgres.run(options.home) as server:
        url = server.url()
        with connect(url) as connection:
            version = connection.info.server_version
        taken = "" if server.port == postgres.PORT else f" ({postgres.PORT} was taken)"
        detail = f"{display_path(options.home)}, port {server.port}{taken}"
        step(f"Postgres {_version(version)} embedded", time.monotonic() - started, detail)
        yield Database(url, server)


def prepare(base: Database, *, step: Step = quiet) -> list[str]:
    """Creates what Supabase provides and this database lacks, and migrates.

    The embedded server also gets Supabase's default privileges and is marked for development.
    Returns the migrations applied.
    """
    started = time.monotonic()
    migrate.check(base.url)
    with connect(base.url) as connection, _translate_errors("prepare the database"):
        bootstrap(connection)
        if base.server is not None:
            scaffold(connection)
        applied = migrate.apply(base.url)
        if base.server is not None and made_by(connection) is None:
            mark_for_development(connection, "the embedded server")
    count = len(migrate.names())
    detail = f"{len(applied)} new" if applied else "nothing new"
    step(f"{count} migrations", time.monotonic() - started, detail)
    return applied


def is_for_development(base: Database) -> bool:
    """Whether the database may be seeded and reset."""
    if base.server is not None:
        return True
    with connect(base.url) as connection:
        return made_by(connection) is not None


def require_development(base: Database, why: str) -> None:
    """Raises CommandError, with the reason `why`, unless the database is for development."""
    if not is_for_development(base):
        raise CommandError(
            f"the database of DATABASE_URL is not marked for development: {why}. Unset "
            "DATABASE_URL to use the embedded database, or mark it: index-jobs dev init"
        )


def add_logins_and_users(base: Database, options: Options, *, step: Step = quiet) -> Stack:
    """Creates the logins of the API and the runner, and in development the demo users and keys.

    Never changes an existing login of a database that is not for development.
    """
    kept = Secrets(options.run_dir)
    people, login = (PEOPLE, ensure_login) if is_for_development(base) else ((), use_login)
    with connect(base.url) as connection, _translate_errors("create the logins and demo users"):
        api_url = options.api_database_url or login(
            connection, base.url, API_LOGIN, "job_http", kept.password(API_LOGIN)
        )
        worker_url = options.worker_database_url or login(
            connection, base.url, WORKER_LOGIN, "job_worker", kept.password(WORKER_LOGIN)
        )
        keys = {p.name: ensure_person(connection, p, kept, options) for p in people}
    for name, url in (("API_DATABASE_URL", api_url), ("WORKER_DATABASE_URL", worker_url)):
        connect(url, name).close()
    step(", ".join(f"{p.name} ({p.tier})" for p in people) or "no demo users", None, "")
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


@contextmanager
def _translate_errors(purpose: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise CommandError(
            f"the login of DATABASE_URL cannot {purpose} ({error.diag.message_primary}): "
            "use a login that owns the database and can create roles"
        ) from None
    except psycopg.Error as error:
        raise CommandError(f"cannot {purpose}: {str(error).strip()}") from error


def write_dev_env(path: Path, api_url: str, stack: Stack) -> None:
    """Writes the file of variables for this stack (`source .run/dev.env`)."""
    values = {
        "API_URL": api_url,
        "DEV_DATABASE_URL": stack.database.url,
        **{f"{name.upper()}_KEY": key for name, key in stack.api_keys.items()},
        "SERVICE_KEY": stack.service_key,
        "ANON_KEY": stack.anon_key,
        "JWT_SECRET": stack.jwt_secret,
        **{f"{p.name.upper()}_ID": p.id for p in PEOPLE if p.name in stack.api_keys},
    }
    write_private(path, "".join(f"{k}={shlex.quote(v)}\n" for k, v in values.items()))


def init(options: Options, what: str, *, yes: bool = False, step: Step = quiet) -> list[str]:
    """Migrates the database and marks it for development. Returns the migrations applied.

    Raises CommandError if it holds jobs, unless `yes`.
    """
    with (
        use_database(options, what, create=True, step=step) as base,
        connect(base.url) as connection,
    ):
        applied = prepare(base, step=step)
        if made_by(connection) is None:
            with as_role(connection, "service_role"):
                row = connection.execute("select exists (select from public.index_jobs)").fetchone()
            if row == (True,) and not yes:
                raise CommandError(
                    "the database holds jobs: add --yes if make reset may remove all of them"
                )
            mark_for_development(connection, what)
        return applied


def reset(options: Options, what: str, *, yes: bool = False, step: Step = quiet) -> list[str]:
    """Removes the data and the schema, then migrates. Returns the migrations applied.

    Removes the embedded database completely. In the database of DATABASE_URL, removes what the
    migrations made, if it is marked for development or with `yes`. Otherwise, or while another
    command is using it, raises CommandError and removes nothing.
    """
    if options.database_url is None:
        _require_data(options)
    with lock_data_dir(options, what), ExitStack() as at_exit:
        if options.database_url is None:
            postgres.remove(options.home)
            step(f"removed {display_path(options.home)}", None, "")
        base = at_exit.enter_context(database(options, step=step))
        with connect(base.url) as connection:
            if options.database_url is None:
                return prepare(base, step=step)
            marked_by = made_by(connection)
            if not yes:
                require_development(base, "with --yes all its jobs, keys and indexes are removed")
            remove(connection)
            step("removed our tables and functions", None, "")
            applied = prepare(base, step=step)
            if marked_by is not None:
                mark_for_development(connection, marked_by)
            return applied


@contextmanager
def use_database(
    options: Options, what: str, *, create: bool, step: Step = quiet
) -> Iterator[Database]:
    """Yields the database for a short command. Starts the embedded server if needed.

    Without `create`, raises CommandError if there is no database.
    """
    with ExitStack() as stack:
        ready = None
        if options.database_url is None:
            if not (create or lock_path(options).exists()):
                _require_data(options)
            deadline = time.monotonic() + PATIENCE
            while ready is None:
                try:
                    ready = stack.enter_context(lock_data_dir(options, what))
                except DirectoryLockedError as error:
                    if error.holder.ready:
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
        raise CommandError(
            f"there is no database in {options.home}: create one (make serve), or set "
            "RUN_DIR= or DATA_DIR= to where one is, or DATABASE_URL= to another server"
        )


def _version(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
