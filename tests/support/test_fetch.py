"""Fetched files: checked, cached, and fetched again when damaged."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INDEX_JOBS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_archive_with_a_wrong_checksum_is_rejected_and_not_cached(cache: Path) -> None:
    with pytest.raises(fetch.FetchError, match=fetch.PGTAP_SHA256):
        fetch.npm_pack(fetch.PGTAP, "0" * 64)
    assert not list(cache.glob("*.tgz"))


def test_damaged_archive_is_fetched_again_even_concurrently(cache: Path) -> None:
    archive = fetch.npm_pack(fetch.PGTAP, fetch.PGTAP_SHA256)
    archive.write_bytes(b"damaged")
    command = [sys.executable, "-c", "from tests.support import fetch; fetch.pgtap_sql()"]
    for process in [subprocess.Popen(command) for _ in range(2)]:
        assert process.wait() == 0
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == fetch.PGTAP_SHA256
    assert [path.name for path in cache.glob("[!.]*")] == [archive.name]


def test_missing_npm_package_is_named(cache: Path) -> None:
    missing = "@electric-sql/pglite-pgtap@0.0.0-missing"
    with pytest.raises(fetch.FetchError, match=missing):
        fetch.npm_pack(missing, "0" * 64)
    assert not list(cache.glob("*.tgz"))


def test_unknown_major_version_is_named() -> None:
    with pytest.raises(fetch.FetchError, match="Postgres 9"):
        fetch.postgres_binaries(9)
