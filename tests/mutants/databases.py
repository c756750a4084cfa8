"""Databases built from the declared SQL with one change, as a migration would build them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import Self

import psycopg
from psycopg import sql

from db.local.postgres import temporary
from tests.support.databases import (
    SETTINGS,
    Cluster,
    Database,
    add_helpers,
    add_pgtap,
)
from tests.support.fetch import postgres_binaries

USES = 25
"""How many changes share one database: each leaves dead rows of its tests."""


class BuildError(Exception):
    """A change that fails to run. The text is Postgres's."""


class Yard:
    """A separate server on which databases are built. Use it in a `with` block.

    The migrations before the changed one are built once and copied.
    """

    def __enter__(self) -> Self:
        self._at_exit = ExitStack()
        server = self._at_exit.enter_context(
            temporary(settings=SETTINGS, binaries=postgres_binaries(18))
        )
        self._server = server
        cluster = Cluster(server, hosted=False)
        self._empty = self._at_exit.enter_context(cluster.database("ordinary", migrated=False))
        with psycopg.connect(self._empty.url) as connection:
            add_pgtap(connection)
        self._templates: dict[tuple[str, ...], Database] = {(): self._empty}
        self._with_helpers: Database | None = None
        self._kept: list[tuple[Database, int]] = []
        self._lock = Lock()
        self._numbers = count(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._at_exit.close()

    @contextmanager
    def database(self, migrations: Sequence[str], original: Sequence[str]) -> Iterator[Database]:
        """Yields a database with these migrations, dropped at the end. Raises BuildError."""
        same = 0
        while same < len(original) and migrations[same] == original[same]:
            same += 1
        with self._lock:
            template = self._template(tuple(original[:same]))
        database = self._copy(template)
        try:
            try:
                self._migrate(database, migrations[same:])
                with psycopg.connect(database.url) as connection:
                    add_helpers(connection)
            except psycopg.Error as error:
                raise BuildError(str(error).splitlines()[0]) from error
            yield database
        finally:
            self._drop(database)

    @contextmanager
    def replaced(self, original: Sequence[str], change: str, undo: str) -> Iterator[Database]:
        """Yields a database with these migrations in which its owner has run `change`.

        It is reused after `undo`, which is much cheaper than building a new one. Raises BuildError.
        """
        with self._lock:
            database, uses = self._kept.pop() if self._kept else (self._helped(original), 0)
        try:
            self._migrate(database, [change])
        except psycopg.Error as error:
            with self._lock:
                self._kept.append((database, uses))
            raise BuildError(str(error).splitlines()[0]) from error
        yield database
        if uses + 1 == USES:
            self._drop(database)
            return
        self._migrate(database, [undo])
        with psycopg.connect(database.url) as connection:
            # a rollback of the tests does not reset these
            connection.execute("select setval(s.seqrelid, s.seqstart, false) from pg_sequence as s")
        with self._lock:
            self._kept.append((database, uses + 1))

    def _helped(self, original: Sequence[str]) -> Database:
        if self._with_helpers is None:
            self._with_helpers = self._copy(self._template(tuple(original)))
            with psycopg.connect(self._with_helpers.url) as connection:
                add_helpers(connection)
        return self._copy(self._with_helpers)

    def _template(self, migrations: tuple[str, ...]) -> Database:
        if migrations not in self._templates:
            database = self._copy(self._template(migrations[:-1]))
            self._migrate(database, migrations[-1:])
            self._templates[migrations] = database
        return self._templates[migrations]

    def _copy(self, template: Database) -> Database:
        name = f"built_{next(self._numbers)}"
        self._execute("create database {} template {} owner migrator", name, template.name)
        return replace(template, name=name)

    def _drop(self, database: Database) -> None:
        self._execute("drop database {} with (force)", database.name)

    def _migrate(self, database: Database, migrations: Sequence[str]) -> None:
        for text in migrations:
            with psycopg.connect(database.migrator_url) as connection:
                connection.execute(text)

    def _execute(self, command: str, *names: str) -> None:
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))
