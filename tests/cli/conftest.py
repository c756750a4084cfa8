"""Desks (run directories for commands), and a repository to index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk, new_desk
from tests.support.kept import Kept
from tests.support.repositories import commit


@pytest.fixture(scope="module")
def desk(kept: Kept) -> Iterator[Desk]:
    """One run directory for the tests of a module, with its database."""
    with new_desk() as desk:
        kept.stack(desk.run_dir / "pgdata")
        yield desk


@pytest.fixture
def fresh_desk() -> Iterator[Desk]:
    """An empty run directory for one test."""
    with new_desk() as desk:
        yield desk


@pytest.fixture
def used_desk(fresh_desk: Desk, kept: Kept) -> Desk:
    """A run directory for one test, with the data of an embedded server."""
    kept.stack(fresh_desk.run_dir / "pgdata")
    return fresh_desk


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "small"
    commit(folder, {"a.py": "class A:\n    def f(self): ...\n", "README.md": "# small\n"})
    return folder
