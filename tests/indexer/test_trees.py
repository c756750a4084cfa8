"""Large trees of real source code stay within the indexer's limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import trees

if TYPE_CHECKING:
    from tests.indexer.conftest import Start

_FILES = 150


@pytest.mark.parametrize("name", ["python", "pip", "stubs", "npm", "headers"])
def test_large_tree_is_indexed_without_errors(
    name: str, roots: Path, start: Start, pytestconfig: pytest.Config
) -> None:
    limit = None if pytestconfig.getoption("prove") else _FILES
    tree = trees.repository(roots / name, {name: trees.packages()[name]}, limit)
    files = len(trees.git(tree, "ls-files").splitlines())
    process = start(tree)
    stdout, stderr = process.communicate(timeout=900)
    assert (process.returncode, stderr) == (0, "")
    stats = json.loads(stdout.splitlines()[-1])["stats"]
    assert stats["unparsed"] == 0
    assert stats["files_indexed"] + stats["files_skipped"] == files
    assert files >= (500 if limit is None else _FILES)
    assert stats["files_indexed"] > files / 2
    assert stats["symbols_extracted"] > stats["files_indexed"]
