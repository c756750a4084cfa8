"""Workspaces (run directories for commands), and a repository to index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kept import Kept
from tests.support.repositories import commit
from tests.support.workspace import Workspace, new_workspace


@pytest.fixture(scope="module")
def workspace(kept: Kept) -> Iterator[Workspace]:
    """One run directory for the tests of a module, with its database."""
    with new_workspace() as workspace:
        kept.stack(workspace.run_dir / "pgdata")
        yield workspace


@pytest.fixture
def fresh_workspace() -> Iterator[Workspace]:
    """An empty run directory for one test."""
    with new_workspace() as workspace:
        yield workspace


@pytest.fixture
def used_workspace(fresh_workspace: Workspace, kept: Kept) -> Workspace:
    """A run directory for one test, with the data of an embedded server."""
    kept.stack(fresh_workspace.run_dir / "pgdata")
    return fresh_workspace


@pytest.fixture(scope="session")
def small_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "small"
    commit(folder, {"a.py": "class A:\n    def f(self): ...\n", "README.md": "# small\n"})
    return folder
