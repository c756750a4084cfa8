"""Tests with Prometheus, systemd and debootstrap, which come from Debian, run in make prove."""

from __future__ import annotations

from pathlib import Path

import pytest

_LONG = {"test_manifests.py", "test_prometheus.py"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    proving = config.getoption("--prove")
    return True if collection_path.name in _LONG and not proving else None
