"""Runs each pgTAP file on every supported server and kind of owner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_pgtap.pgtap import Runner
from pytest_pgtap.plugin import PgTapFile, PgTapItem
from pytest_pgtap.plugin.core import report_tap

from tests.support.databases import VARIANTS

OPTIONS = '-csearch_path="$user",public,pgtap,tests -cstatement_timeout=60s'


class SqlFile(pytest.File):
    def collect(self) -> Iterator[SqlTest]:
        for major, owner in VARIANTS:
            name = f"{self.path.name}[{major}-{owner}]"
            yield SqlTest.from_parent(self, name=name, major=major, owner=owner)


class SqlTest(PgTapItem):
    """Runs one file in its own superuser session, with pgTAP installed."""

    def __init__(self, *, major: int, owner: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variant = (major, owner)

    def runtest(self) -> None:
        database = self._request.getfixturevalue("pgtap_databases")(*self.variant)
        with psycopg.connect(database.url, options=OPTIONS) as connection:
            rows = Runner(connection).run(self.path.read_text())
        tap = [
            row for row in rows if isinstance(row, str)
        ]  # a step of the test may return anything
        report_tap(self, tap, self.path.name)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], **kwargs: Any) -> Any:
        if isinstance(excinfo.value, psycopg.Error):
            return f"{self.path.name}: {excinfo.value.sqlstate} {excinfo.value}"
        return super().repr_failure(excinfo, **kwargs)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    parent: pytest.Collector, file_path: Path
) -> Iterator[list[pytest.Collector]]:
    found = yield
    return [
        SqlFile.from_parent(parent, path=file_path) if isinstance(node, PgTapFile) else node
        for node in found
    ]
