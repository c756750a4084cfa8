"""Applies the migrations in db/migrations and rolls them back, using yoyo.

A URL here needs a login that owns the database, directly or through a session pooler. If several
migrators run at once, one applies the migrations while the others wait.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from yoyo import exceptions
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, StepCollector, default_migration_table

from db.tools import lock, preflight, sessions, versions
from db.tools.connection import connect, parameters, quoted
from db.tools.versions import Obstacle, SchemaVersion

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"

LOCK_WAIT = timedelta(minutes=2)  # how long a second migrator waits for the first
STALE_LOCK_ROW = timedelta(hours=1)  # a yoyo lock row older than this is left from a killed run
OLDEST_SERVER = 15  # the oldest tested major version of Postgres

Report = Callable[[str, float], None]


class MigrationError(Exception):
    """Says what went wrong and what to do, for the user of the command."""


def newest_version(migrations: Path = MIGRATIONS) -> str:
    """Returns the 14 digits of this code's newest migration.

    Raises MigrationError if the installation lacks its migrations.
    """
    return names(migrations)[-1][:14]


def names(migrations: Path = MIGRATIONS) -> list[str]:
    """Returns <14 digits>_<what it does> of each of this code's migrations, oldest first.

    Raises MigrationError if the installation lacks its migrations.
    """
    return [path.stem for path in forward_files(migrations)]


def forward_files(migrations: Path = MIGRATIONS) -> list[Path]:
    """Returns the file of each of `names`. Raises the same."""
    files = sorted(p for p in migrations.glob("*.sql") if ".rollback." not in p.name)
    if not files:
        raise MigrationError(f"no migrations in {migrations}; install the package again")
    return files


@dataclass(frozen=True, slots=True)
class Status:
    """The version of the database (None: empty), and the pending migrations."""

    version: str | None
    pending: list[str]


def status(url: str, *, migrations: Path = MIGRATIONS) -> Status:
    """Returns the status of the database.

    Raises ConnectError, or MigrationError if these migrations cannot continue from it.
    """
    with connect(url) as connection:
        found = version_of(connection)
    _refuse(obstacle(found, migrations=migrations))
    version = found.number if found else None
    return Status(version, [n for n in names(migrations) if version is None or n[:14] > version])


def obstacle(found: SchemaVersion | None, *, migrations: Path = MIGRATIONS) -> Obstacle | None:
    """Returns why these migrations cannot continue from a database's version, and what to do."""
    return versions.obstacle(found, versions.of_migrations(forward_files(migrations)))


def current_version(url: str) -> str | None:
    """Returns the 14 digits of the database's version, or None if nothing is applied.

    Raises ConnectError if the database cannot be reached.
    """
    with connect(url) as connection:
        found = version_of(connection)
    return found.number if found else None


def apply(url: str, *, migrations: Path = MIGRATIONS, report: Report | None = None) -> list[str]:
    """Applies the pending migrations, each in one transaction, and returns their ids.

    Calls `report` with the id and the seconds of each. Raises ConnectError or MigrationError. If a
    migration fails, it is rolled back and the earlier ones stay applied.
    """
    done: list[str] = []
    check(url)
    with _migrator(url, migrations) as migrator:
        for migration in migrator.backend.to_apply(migrator.known):
            _run(migrator, migrator.backend.apply_one, migration, report)
            done.append(migration.id)
    return done


def check(url: str) -> None:
    """Raises ConnectError, or MigrationError if this login cannot migrate this database.

    Call it before creating anything in the database.
    """
    with connect(url) as connection:
        _refuse(preflight.check_login(connection))
        if not _value(connection, "select to_regclass('yoyo._yoyo_migration')") and (
            version_of(connection) is None
        ):
            _refuse(preflight.check_names(connection))


def rollback(
    url: str, count: int = 1, *, migrations: Path = MIGRATIONS, report: Report | None = None
) -> list[str]:
    """Rolls back the newest `count` applied migrations, newest first, and returns their ids.

    Raises ConnectError or MigrationError. If the database is newer than this code, or `count` is
    less than 1 or more than are applied, nothing is rolled back.
    """
    done: list[str] = []
    with _migrator(url, migrations) as migrator:
        applied = list(migrator.backend.to_rollback(migrator.known))
        if not applied:
            raise MigrationError("no migration is applied: there is nothing to roll back")
        if not 1 <= count <= len(applied):
            raise MigrationError(
                f"Only {len(applied)} migrations are applied, so {count} cannot be rolled back. "
                f"Nothing was changed. Set COUNT (or --count) to 1 to {len(applied)}"
            )
        for migration in applied[:count]:
            _run(migrator, migrator.backend.rollback_one, migration, report)
            done.append(migration.id)
    return done


def _refuse(problem: Obstacle | None) -> None:
    if problem:
        raise MigrationError(str(problem))


# --- yoyo ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Migrator:
    """yoyo's backend, the migrations of a folder, and a session for observing."""

    backend: Any
    known: Any
    guard: psycopg.Connection[tuple[Any, ...]]


@contextlib.contextmanager
def _migrator(url: str, folder: Path) -> Iterator[_Migrator]:
    """Yields the only migrator of this database, with the migrations of a folder."""
    try:
        with lock.migrator_lock(url, LOCK_WAIT), connect(url) as guard:
            _refuse(obstacle(version_of(guard), migrations=folder))
            with _backend(parameters(url)) as backend:
                _remove_stale_lock_row(guard)
                known = MigrationList(_Migration.of(file) for file in forward_files(folder))
                with backend.lock():
                    _reconcile(guard, backend, known)
                    yield _Migrator(backend, known, guard)
    except psycopg.Error as error:
        remedy = _remedy(error, parameters(url).get("user"))
        raise MigrationError(f"cannot continue: {_words(error)}\n{remedy}") from None
    except lock.LockTimeout as error:
        raise MigrationError(str(error)) from None
    except exceptions.LockTimeout as error:
        raise MigrationError(f"{error}; or wait until it has ended") from None


class _Migration(Migration):  # type: ignore[misc]
    """A migration that is sent to the server as a whole.

    yoyo would parse it and send hundreds of statements, each in its own savepoint.
    """

    @classmethod
    def of(cls, file: Path) -> _Migration:
        return cls(file.stem, str(file), str(file.parent))

    def load(self) -> None:
        if self.loaded:
            return
        file = Path(self.path)
        steps = StepCollector(migration=self)
        steps.add_step(
            file.read_text(encoding="utf-8"),
            file.with_suffix(".rollback.sql").read_text(encoding="utf-8"),
        )
        self.steps = steps.create_steps(use_transactions=True)
        self._depends = set[Any]()  # they form one chain, in the order of their names (make check)


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend, with our session settings and a lock timeout of lock.TABLE_WAIT."""

    def init_connection(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(sessions.session_settings_sql(statement_timeout=0).encode())
        super().init_connection(connection)
        wait = f"{lock.TABLE_WAIT.total_seconds() * 1000:.0f}ms"
        connection.execute("select set_config('lock_timeout', %s, false)", [wait])


def _backend(given: dict[str, Any]) -> Any:
    """Returns yoyo's backend. yoyo logs the system user, who has no name in some containers."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid {os.getuid()}"
    args = {**given, "schema": "yoyo", "application_name": lock.APPLICATION}
    database = args.pop("dbname", None)
    uri = DatabaseURI("postgresql+psycopg", None, None, None, None, database, args)
    backend = _Backend(uri, default_migration_table)
    backend.init_database()
    return backend


def _remove_stale_lock_row(guard: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Removes yoyo's lock row if a killed run left it. We hold the migrators' lock.

    So no running migrator of ours wrote the row. If its process is gone from this host, or the row
    is old, it is stale. Otherwise somebody may be running yoyo directly.
    """
    row = guard.execute("select pid, ctime from yoyo.yoyo_lock").fetchone()
    if row is None:
        return
    pid, since = row[0], row[1].replace(tzinfo=UTC)
    old = datetime.now(UTC) - since > STALE_LOCK_ROW
    if not old and pid != os.getpid() and _alive(pid):
        raise MigrationError(
            f"process {pid} has held yoyo's lock since {since:%Y-%m-%d %H:%M:%S} UTC; wait for it, "
            "or, if it is not a migrator, empty the table yoyo.yoyo_lock"
        )
    guard.execute("delete from yoyo.yoyo_lock where pid = %s", [pid])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _reconcile(guard: psycopg.Connection[tuple[Any, ...]], backend: Any, known: Any) -> None:
    """Makes yoyo's marks agree with the version that the database itself says it is at.

    A migration and its version are one transaction, yoyo's mark another: a run killed between the
    two, or a database migrated by Supabase's tools, would be migrated twice.
    """
    found = version_of(guard)
    marked = set(backend.get_applied_migration_hashes())
    if found is None and marked and _value(guard, "select to_regnamespace('private')"):
        raise MigrationError(
            "schema private has lost its comment 'schema version <14 digits>, …'; restore it: it "
            "is the last line of the newest migration that yoyo lists as applied"
        )
    for migration in known:
        applied = found is not None and migration.id[:14] <= found.number
        if applied and migration.hash not in marked:
            backend.mark_migrations([migration])
        elif not applied and migration.hash in marked:
            backend.unmark_migrations([migration])


def _run(
    migrator: _Migrator, step: Callable[[Any], None], migration: Any, report: Report | None
) -> None:
    """Runs one migration. Sends what yoyo prints to stderr."""
    started = time.monotonic()
    told: list[str] = []
    try:
        with contextlib.redirect_stdout(sys.stderr), lock.report_blockers(migrator.guard) as told:
            lock.retry_until_locked(lambda: step(migration))
    except psycopg.Error as error:
        file = Path(migration.path)
        if step.__name__ == "rollback_one":
            file = file.with_suffix(".rollback.sql")
        remedy = _remedy(error, migrator.guard.info.user)
        if error.sqlstate == "55P03" and told:
            remedy = (
                "remedy: the tables that it changes were in use for "
                f"{lock.TABLES_WAIT.total_seconds() / 60:.0f} minutes, by {told[-1]}; run this "
                "again when that has ended, or end it: "
                "select pg_terminate_backend(…)"
            )
        raise MigrationError(
            f"{file.name} failed and was rolled back: {_words(error)}\n{remedy}"
        ) from None
    if report:
        report(migration.id, time.monotonic() - started)


def _words(error: psycopg.Error) -> str:
    """Returns the Postgres error with its code, detail, hint and position."""
    diag = error.diag
    lines = [f"{str(error).strip()} ({error.sqlstate})" if error.sqlstate else str(error).strip()]
    lines += [
        f"{k}: {v}"
        for k, v in (("hint", diag.message_hint), ("at", diag.context))
        if v and v not in lines[0]
    ]
    return "\n  ".join(lines)


def _remedy(error: psycopg.Error, login: object) -> str:
    match error.sqlstate:
        case "42501" if "cron" in str(error):
            return (
                f"remedy: let this login use pg_cron: grant usage on schema cron to {quoted(login)}"
            )
        case "42501":
            return "remedy: connect as the role that owns the database and its objects"
        case "42P07" | "42710" | "42P06" | "42723":
            return (
                "remedy: an object of another schema has that name; rename it, if everything that "
                "uses it can follow, and run this again"
            )
        case "2BP01":
            return (
                "remedy: an object that is not from this schema depends on it, as shown above; "
                "if it is not needed, drop it and run this again"
            )
        case "08000" | "08003" | "08006" | "57P01" | "57P02" | "57P03" | None:
            return "remedy: the connection broke; run this again when Postgres is back"
        case _:
            return (
                "remedy: nothing was changed; if the migration is not shared yet, correct it and "
                "run this again, otherwise report these lines"
            )


def version_of(connection: psycopg.Connection[tuple[Any, ...]]) -> SchemaVersion | None:
    """Returns the version of the database's schema, or None if nothing is applied."""
    return versions.from_comment(
        _value(connection, "select obj_description(to_regnamespace('private'), 'pg_namespace')")
    )


def _value(connection: psycopg.Connection[tuple[Any, ...]], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
