"""Real processes and connections that compete for the same job."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support.waiting import until

Connection = psycopg.Connection[TupleRow]


class Database(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def worker_url(self) -> str: ...
    @property
    def pooler(self) -> int | None: ...
    def url_of(self, login: str) -> str: ...


@dataclass(frozen=True)
class Arena:
    """A database with the users of tests/sql/bootstrap.sql, and a superuser's connection."""

    database: Database
    connection: Connection

    def rows(self, query: str, *arguments: Any) -> list[TupleRow]:
        return self.connection.execute(query.encode(), arguments).fetchall()

    def value(self, query: str, *arguments: Any) -> Any:
        (row,) = self.rows(query, *arguments)
        return row[0]

    def job(self) -> str:
        """Creates a pending job. Returns its id."""
        return str(self.value("select tests.job_for(tests.alice_repository())"))

    def until_waiting(self, count: int) -> None:
        """Waits until this many connections to the database wait for a lock."""
        waiting = (
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        until(lambda: self.value(waiting) == count)

    @contextmanager
    def impatient(self, login: str) -> Iterator[Connection]:
        """Yields a connection that fails instead of waiting for a lock."""
        # a pooler accepts no options: behind one, it waits until its statement timeout
        options = {} if self.database.pooler else {"options": "-clock_timeout=1s"}
        with psycopg.connect(
            self.database.url_of(login), autocommit=True, prepare_threshold=None, **options
        ) as connection:
            yield connection

    @contextmanager
    def locked(self, job_id: str) -> Iterator[None]:
        """Holds the lock of the job's row without changing it."""
        with psycopg.connect(self.database.url) as holder:
            holder.execute("select from public.index_jobs where id = %s for update", (job_id,))
            yield


@contextmanager
def opened(clusters: Any, major: int = 18, owner: str = "ordinary") -> Iterator[Arena]:
    with (
        clusters(major, owner).database(owner, migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        # a session that waits forever fails the test
        connection.execute(f"alter database {database.name} set statement_timeout = '5min'")
        connection.execute("select tests.arrange_cast()")
        yield Arena(database, connection)


@pytest.fixture(scope="module")
def arena(clusters: Any) -> Iterator[Arena]:
    with opened(clusters) as arena:
        yield arena


class Movers:
    """Processes with one connection each, see mover.py."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def start(self, statements: Sequence[str]) -> None:
        """Sends one statement to each of the first processes."""
        for process, statement in zip(self._processes, statements, strict=False):
            assert process.stdin is not None
            process.stdin.write(statement + "\n")
            process.stdin.flush()

    def answers(self, count: int) -> list[dict[str, str | None]]:
        """Returns the answers of the first `count` processes."""
        return [json.loads(self._line(process)) for process in self._processes[:count]]

    def _line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "a process ended early"
        return line

    def until_ready(self) -> None:
        assert {self._line(process) for process in self._processes} == {"ready\n"}


@pytest.fixture(scope="module")
def movers(arena: Arena) -> Iterator[Movers]:
    """20 processes connected as a worker."""
    command = [sys.executable, str(Path(__file__).with_name("mover.py")), arena.database.worker_url]
    with ExitStack() as at_exit:
        processes = []
        for _ in range(20):
            process = at_exit.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            at_exit.callback(process.kill)
            processes.append(process)
        started = Movers(processes)
        started.until_ready()
        yield started
