"""Tests of four processes behind PgBouncer, which comes from Debian, run in make prove."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_test = collection_path.name.startswith("test_")
    return True if is_test and not config.getoption("--prove") else None
