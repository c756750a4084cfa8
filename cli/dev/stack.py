"""The development stack: a database that is ready for the API, with logins and demo users.

The database is the embedded server on the data directory, or the one of DATABASE_URL.
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
DEMO_USERS = "only such a database has alice, bob and carol, who own what is shown"
PATIENCE = 60.0  # seconds to wait for another command that is just starting the server


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
def up(options: Options, *, users: bool = False, step: Step = quiet) -> Iterator[Stack]:
    """Brings the stack up and keeps it up; `step` hears of each part that is ready.

    Raises CommandError, PostgresError or MigrationError; each is a sentence. With `users`, a
    database without demo users is refused.
    """
    with database(options, step=step) as base:
        if users:
            require_development(base, DEMO_USERS)
        prepare(base, step=step)
        yield add_logins_and_users(base, options, step=step)


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
    """Makes what Supabase has and this database lacks, then migrates. Returns what was applied.

    The embedded server gets Supabase's default privileges too, and says that it is for development.
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
    """Whether made-up users and the loss of data are welcome there."""
    if base.server is not None:
        return True
    with connect(base.url) as connection:
        return made_by(connection) is not None


def require_development(base: Database, why: str) -> None:
    """Raises CommandError, which says `why`, where nothing says that it is for development."""
    if not is_for_development(base):
        raise CommandError(
            f"the database of DATABASE_URL is not marked as one for development: {why}. Unset it "
            "to use the embedded one, or mark it: index-jobs dev init"
        )


def add_logins_and_users(base: Database, options: Options, *, step: Step = quiet) -> Stack:
    """Logins for the API and the runner, and in development the demo users with a key each.

    Of a database that is not for development no login is changed.
    """
    kept = Secrets(options.run_dir)
    people, login = (PEOPLE, ensure_login) if is_for_development(base) else ((), use_login)
    with connect(base.url) as connection, _translate_errors("make the logins and demo users"):
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
            f"DATABASE_URL: its login may not {purpose} ({error.diag.message_primary}); "
            "name a login that owns the database and may create roles"
        ) from None
    except psycopg.Error as error:
        raise CommandError(f"cannot {purpose}: {str(error).strip()}") from error


def write_dev_env(path: Path, api_url: str, stack: Stack) -> None:
    """The file that a shell reads to talk to this stack (`source .run/dev.env`)."""
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
    """Migrates and says that the database is for development. Returns the migrations applied.

    Raises CommandError when it holds jobs, unless `yes`.
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
                    "that database holds jobs: add --yes if make reset may remove all of them"
                )
            mark_for_development(connection, what)
        return applied


def reset(options: Options, what: str, *, yes: bool = False, step: Step = quiet) -> list[str]:
    """Removes the data and the schema, then migrates. Returns the migrations applied.

    The embedded database goes as a whole; of that of DATABASE_URL what the migrations made, and
    only if it says that it is for development, or with `yes`. Raises CommandError and removes
    nothing where that is refused, or while another command uses it.
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
    """The database for a short command: a server that already runs, or else one it starts itself.

    Without `create`, raises CommandError when there is no database, and creates nothing.
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
            "RUN_DIR= or DATA_DIR= to where one is, or DATABASE_URL= to another Postgres"
        )


def _version(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
