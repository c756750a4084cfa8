"""Bridges: what ties the jobs to a queue of somebody else's in the same database.

    python -m db.tools.bridges NAME URL     print what db/bridges holds as NAME.json

The SQL is in db/bridges. It is run by the role that migrates, in one transaction. The JSON beside
it is what the bridge adds to the catalogue, which `index-jobs doctor` compares.
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
_MARKS = {  # what the names of its objects have in them
    "pg-boss": ("pg_boss_job", "reconcile_queue_jobs", "to the migrator"),
    "procrastinate": ("wake_procrastinate",),
}

_UNFINISHED: LiteralString = """
select count(*) from private.list_queue_jobs('{}') as j where j.is_linked
"""


class BridgeError(Exception):
    """Why a bridge was not installed or removed, and that nothing was changed."""


def install(url: str, name: str) -> None:
    """Installs the bridge, or what this release changed in it. Raises BridgeError, ConnectError."""
    with connect(url) as connection:
        _run(connection, _sql(name, ""))


def remove(url: str, name: str, *, unfinished: bool = False) -> None:
    """Takes the bridge back; the queue and its rows stay.

    Raises ConnectError; BridgeError, too when jobs have not ended that the queue runs, unless
    `unfinished` says that they may stay so.
    """
    with connect(url) as connection:
        if name == "pg-boss" and not unfinished and (count := _unfinished(connection)):
            raise BridgeError(
                f"{count} jobs of the queue have not ended: nobody else runs them, and what becomes"
                " of them would not be known here. Let its workers finish them, or say --yes."
                " Nothing was changed"
            )
        _run(connection, _sql(name, "_remove"))


def reconcile(url: str) -> list[tuple[str, str, str, str]]:
    """Mends what differs between the jobs and their queue; kind, job, before and after of each.

    Raises BridgeError when no bridge to a queue that has states is installed, ConnectError.
    """
    with connect(url) as connection:
        try:
            return connection.execute(
                "select r.kind, r.job_id::text, r.was, r.became"
                " from public.reconcile_queue_jobs() as r"
            ).fetchall()
        except psycopg.errors.UndefinedFunction:
            raise BridgeError(
                "no bridge to a queue is installed here: index-jobs bridge install pg-boss"
            ) from None


def expected(found: Facts) -> dict[str, Facts]:
    """What the bridges add that are installed, wholly or in part, by the name of each."""
    added: dict[str, Facts] = {}
    for name in NAMES:
        rows = (Fact(*row) for row in json.loads(_file(name, ".json").read_text(encoding="utf-8")))
        facts = {(row.kind, row.name): row for row in rows}
        if facts.keys() & found.keys():
            added[name] = facts
    return added


def remedy(name: str) -> str:
    """What mends a difference in the bridge."""
    return f"index-jobs bridge install {name}"


def snapshot(url: str, name: str) -> str:
    """The text of the JSON file of a bridge that was installed just now, and no other."""
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
        return 0  # there is no bridge
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
            f"{lock.TABLES_WAIT.total_seconds() / 60:.0f} minutes. Try again; nothing was changed"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise BridgeError(
            f"the login may not do that: {error.diag.message_primary}. The role that migrates needs"
            " to write to the tables of the queue and to make triggers on them. Nothing was changed"
        ) from None


if __name__ == "__main__":
    print(snapshot(sys.argv[2], sys.argv[1]), end="")
