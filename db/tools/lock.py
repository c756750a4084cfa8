"""The lock that keeps migrators of a database apart, and the sessions that a migration waits for.

It is a lock on a table in schema yoyo, which only the owner of the database can use. An advisory
lock could be held by any login.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import LiteralString, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from db.tools.connection import connect

_MAKE: LiteralString = """
create schema if not exists yoyo;
revoke all on schema yoyo from public;
create table if not exists yoyo.migrator ();
comment on table yoyo.migrator is 'Locked by the running migrator.';
"""
_LOCK: LiteralString = "lock table yoyo.migrator in share row exclusive mode"
_HOLDERS: LiteralString = """
select l.pid from pg_locks as l
where l.relation = 'yoyo.migrator'::regclass and l.granted
  and l.database = (select d.oid from pg_database as d where d.datname = current_database())
"""
_SESSIONS: LiteralString = """
select format('session %%s (user %%s%%s)', a.pid, a.usename,
  ', ' || nullif(a.application_name, ''))
from pg_stat_activity as a
where a.pid = any(%s)
order by a.pid
"""
_BLOCKERS: LiteralString = """
select array_agg(distinct b.pid)
from pg_stat_activity as a, unnest(pg_blocking_pids(a.pid)) as b (pid)
where a.datname = current_database() and a.usename = current_user and a.application_name = %s
"""
APPLICATION = "index-jobs migration"  # application_name of the sessions that run migrations
TABLE_WAIT = timedelta(milliseconds=250)  # how long a schema change waits for a table,
TABLES_WAIT = timedelta(minutes=5)  # and how long the whole change is retried
PAUSE = 2.0  # seconds between two attempts, so that sessions queued behind it can proceed
_LOOK_EVERY = 0.1  # seconds; a migration waits a quarter of a second at a time


Result = TypeVar("Result")


class LockTimeout(Exception):
    """Another migrator did not end in time. The text names its session."""


@contextmanager
def migrator_lock(url: str, wait: timedelta) -> Iterator[None]:
    """Holds the lock. Waits at most `wait`, and prints to stderr which session it waits for.

    Raises ConnectError, LockTimeout, or psycopg.Error if the login may not migrate.
    """
    with connect(url) as connection:
        connection.execute("set statement_timeout = 0")
        connection.execute("set idle_in_transaction_session_timeout = 0")
        _make_table(connection)
        with connection.transaction():
            _lock(connection, wait)
            yield


def _make_table(connection: Connection[TupleRow]) -> None:
    there = "select to_regclass('yoyo.migrator') is not null"
    while connection.execute(there).fetchone() != (True,):
        try:
            with connection.transaction():
                connection.execute(_MAKE)
        except (
            psycopg.errors.UniqueViolation,
            psycopg.errors.DuplicateSchema,
            psycopg.errors.DuplicateTable,
        ):
            continue  # another migrator created it at the same time


def _lock(connection: Connection[TupleRow], wait: timedelta) -> None:
    try:
        with connection.transaction():
            connection.execute(_LOCK + " nowait")
    except psycopg.errors.LockNotAvailable:
        who = sessions(connection, [pid for (pid,) in connection.execute(_HOLDERS).fetchall()])
        print_waiting(who)
        milliseconds = f"{wait.total_seconds() * 1000:.0f}ms"
        connection.execute("select set_config('lock_timeout', %s, true)", [milliseconds])
        try:
            connection.execute(_LOCK)
        except psycopg.errors.LockNotAvailable:
            raise LockTimeout(
                f"another migrator has been running for more than {wait.total_seconds():.0f} s, "
                f"in {who}; wait for it, or end it: select pg_terminate_backend(…)"
            ) from None


def retry_until_locked(change: Callable[[], Result]) -> Result:
    """Retries a schema change until it gets its locks at once. A failed change must be rolled back.

    Waiting for the locks would block every session that needs the same tables.

    Raises LockNotAvailable after TABLES_WAIT, and what the change raises.
    """
    deadline = time.monotonic() + TABLES_WAIT.total_seconds()
    while True:
        try:
            return change()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


def sessions(connection: Connection[TupleRow], pids: list[int]) -> str:
    """Describes sessions by process id, user and application."""
    rows = connection.execute(_SESSIONS, [pids]).fetchall()
    return " and ".join(str(words) for (words,) in rows) or "a session that has ended"


def print_waiting(who: str) -> None:
    """Prints to stderr which sessions this process waits for."""
    print(f"waiting for {who}", file=sys.stderr, flush=True)


@contextmanager
def report_blockers(observer: Connection[TupleRow]) -> Iterator[list[str]]:
    """Prints, until the block ends, which sessions a migration waits for. Yields that list.

    The `observer` is another session of the same login, used for nothing else meanwhile.
    """
    reported: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            row = observer.execute(_BLOCKERS, [APPLICATION]).fetchone()
            if row and row[0] and (who := sessions(observer, row[0])) not in reported:
                reported.append(who)
                print_waiting(who)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield reported
    finally:
        ended.set()
        thread.join()
