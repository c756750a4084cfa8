"""Tries each change: builds it and finds the test that catches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg

from db.tools import catalogue
from tests.mutants.databases import BuildError, Yard
from tests.mutants.sources import Declared, Mutant
from tests.mutants.suites import (
    failure,
    first_files,
    other_files,
    pgtap_files,
    python_failure,
    session,
)
from tests.support.databases import Database

Outcome = Literal["caught", "refused", "same", "survived"]
"""refused: the migrations fail. same: the schema does not change."""


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    outcome: Outcome
    by: str = ""
    """The test that caught it, or the reason why it could not be built."""


class Trial:
    """Tries changes of the declared SQL on a server."""

    def __init__(self, declared: Declared, yard: Yard) -> None:
        self._declared = declared
        self._yard = yard
        self._original = declared.migrations()
        with self._built(None) as database:
            self._facts = _facts(database)

    def check(self) -> None:
        """Raises RuntimeError when a suite fails without any change."""
        with self._built(None) as database, session(database.url) as connection:
            said = failure(connection, list(pgtap_files()))
        if said is not None:
            raise RuntimeError(f"without any change this fails: {said}")

    @contextmanager
    def _built(self, mutant: Mutant | None, yard: Yard | None = None) -> Iterator[Database]:
        migrations = self._declared.migrations(mutant)
        with (yard or self._yard).database(migrations, self._original) as database:
            yield database

    def verdict(self, mutant: Mutant) -> Verdict:
        """Builds the change and runs the suites, up to the first failure."""
        try:
            if mutant.is_replaceable:
                change, undo = self._declared.replacement(mutant), self._declared.original(mutant)
                with self._yard.replaced(self._original, change, undo) as database:
                    return self._judged(mutant, database)
            if mutant.of_server:  # all databases of a server share its roles
                with Yard() as yard, self._built(mutant, yard) as database:
                    return self._judged(mutant, database)
            with self._built(mutant) as database:
                return self._judged(mutant, database)
        except BuildError as error:
            return Verdict(mutant, "refused", str(error))

    def _judged(self, mutant: Mutant, database: Database) -> Verdict:
        first = first_files(self._declared, mutant)
        with session(database.url) as connection:
            said = failure(connection, first)
            if said is None and _facts(database) == self._facts:
                return Verdict(mutant, "same")
            if said is None:
                said = failure(connection, other_files(first))
        if said is None:
            said = python_failure(self._declared, mutant)
        return Verdict(mutant, "caught" if said else "survived", said or "")

    def verdicts(
        self,
        mutants: Sequence[Mutant],
        *,
        jobs: int,
        report: Callable[[Verdict], None] = lambda verdict: None,
    ) -> list[Verdict]:
        """Returns the verdict on each, in order. `report` gets each verdict once known."""

        def tried(mutant: Mutant) -> Verdict:
            verdict = self.verdict(mutant)
            report(verdict)
            return verdict

        with ThreadPoolExecutor(jobs) as threads:
            return list(threads.map(tried, mutants))


def _facts(database: Database) -> catalogue.Facts:
    with psycopg.connect(database.url) as connection:
        return catalogue.facts(connection)
