"""Prometheus itself is a part of make prove, not of make test: Debian alone has it."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    proving = config.getoption("--prove")
    return True if collection_path.name == "test_prometheus.py" and not proving else None
