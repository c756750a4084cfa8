"""The guard that needs a package from Debian runs only in make prove."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    proving = config.getoption("--prove")
    return True if collection_path.name == "test_plpgsql_check.py" and not proving else None
