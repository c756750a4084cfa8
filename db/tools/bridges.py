"""Bridges, which connect the jobs to an external queue in the same database.

    python -m db.tools.bridges NAME URL     print the content of db/bridges/NAME.json

The SQL is in db/bridges. The role that migrates runs it in one transaction. The JSON file next to
it lists what the bridge adds to the catalog, for `index-jobs doctor`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

from db.tools import catalogue, lock
from db.tools.catalogue import Fact, Facts
from db.tools.connection import connect

FOLDER = Path(__file__).resolve().parents[1] / "bridges"
NAMES = ("pg-boss", "procrastinate")
_MARKS = {  # part of the names of its objects
    "pg-boss": ("pg_boss_job", "reconcile_queue_jobs", "to the migrator"),
    "procrastinate": ("wake_procrastinate",),
}

_UNFINISHED: LiteralString = """
select count(*) from private.list_queue_jobs('{}') as j where j.is_linked
"""


class BridgeError(Exception):
    """Says why a bridge was not installed or removed, and that nothing was changed."""


def install(url: str, name: str) -> None:
    """Installs or updates the bridge. Raises BridgeError or ConnectError."""
    with connect(url) as connection:
        _run(connection, _sql(name, ""))


def remove(url: str, name: str, *, unfinished: bool = False) -> None:
    """Removes the bridge. Keeps the queue and its rows.

    Raises ConnectError or BridgeError, also if the queue has unfinished jobs, unless `unfinished`.
    """
    with connect(url) as connection:
        if name == "pg-boss" and not unfinished and (count := _unfinished(connection)):
            raise BridgeError(
                f"the queue has {count} unfinished jobs. Nothing else would run them or record"
                " their results. Let its workers finish them, or use --yes. Nothing was changed"
            )
        _run(connection, _sql(name, "_remove"))


def reconcile(url: str) -> list[tuple[str, str, str, str]]:
    """Fixes the differences between the jobs and the queue. Returns kind, job, before and after.

    Raises ConnectError, or BridgeError if no bridge to a queue with states is installed.
    """
    with connect(url) as connection:
        try:
            return connection.execute(
                "select r.kind, r.job_id::text, r.was, r.became"
                " from public.reconcile_queue_jobs() as r"
            ).fetchall()
        except psycopg.errors.UndefinedFunction:
            raise BridgeError(
                "no bridge to a queue is installed here: run index-jobs bridge install pg-boss"
            ) from None


def expected(found: Facts) -> dict[str, Facts]:
    """Returns what each fully or partly installed bridge adds, by name."""
    added: dict[str, Facts] = {}
    for name in NAMES:
        rows = (Fact(*row) for row in json.loads(_file(name, ".json").read_text(encoding="utf-8")))
        facts = {(row.kind, row.name): row for row in rows}
        if facts.keys() & found.keys():
            added[name] = facts
    return added


def remedy(name: str) -> str:
    """Returns the command that fixes a difference in the bridge."""
    return f"index-jobs bridge install {name}"


def snapshot(url: str, name: str) -> str:
    """Returns the text of the JSON file of the only bridge, which was just installed."""
    with connect(url) as connection:
        found = catalogue.facts(connection)
    usual = catalogue.expected()
    return catalogue.snapshot(
        {
            key: Fact(fact.kind, fact.name, fact.object, fact.definition, "", "")
            for key, fact in found.items()
            if key not in usual and any(mark in fact.name for mark in _MARKS[name])
        }
    )


def _file(name: str, suffix: str) -> Path:
    return FOLDER / f"{name.replace('-', '_')}{suffix}"


def _sql(name: str, suffix: str) -> str:
    return _file(name, f"{suffix}.sql").read_text(encoding="utf-8")


def _unfinished(connection: psycopg.Connection[TupleRow]) -> int:
    try:
        row = connection.execute(_UNFINISHED).fetchone()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
        return 0  # no bridge is installed
    return row[0] if row else 0


def _run(connection: psycopg.Connection[TupleRow], statements: str) -> None:
    wait = f"{lock.TABLE_WAIT.total_seconds() * 1000:.0f}ms"

    def change() -> None:
        with connection.transaction():
            connection.execute("select set_config('lock_timeout', %s, true)", [wait])
            connection.execute(statements.encode())

    try:
        lock.retry_until_locked(change)
    except psycopg.errors.RaiseException as error:
        said = f"{error.diag.message_primary}. {error.diag.message_hint or ''}".strip()
        raise BridgeError(f"{said} Nothing was changed") from None
    except psycopg.errors.LockNotAvailable:
        raise BridgeError(
            "the tables were in use for "
            f"{lock.TABLES_WAIT.total_seconds() / 60:.0f} minutes. Nothing was changed; try again"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise BridgeError(
            f"the login may not do that: {error.diag.message_primary}. The role that migrates must"
            " be able to write to the queue's tables and create triggers. Nothing was changed"
        ) from None


if __name__ == "__main__":
    print(snapshot(sys.argv[2], sys.argv[1]), end="")
