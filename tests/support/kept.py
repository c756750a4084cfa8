"""Data directories of Postgres, created once per test run and then copied.

Creating one takes a second or more, and each test process would create its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg

from cli.dev import stack
from db.local.binaries import exclusively
from db.local.postgres import Server, run
from tests.support.fetch import postgres_binaries

_MAKING = MappingProxyType({"fsync": "off", "wal_recycle": "off", "min_wal_size": "32MB"})
"""These keep a directory small, without unused WAL segments."""


@contextmanager
def open_folder() -> Iterator[Path]:
    """Creates a folder that any user can enter: as root, Postgres runs as another user."""
    with tempfile.TemporaryDirectory(prefix="index-jobs-tests-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@dataclass(frozen=True)
class Kept:
    """The data directories of this run, in a folder shared by all its processes."""

    folder: Path

    def copy(self, name: str, target: Path, make: Callable[[Path], None]) -> None:
        """Copies the directory of this name to `target`. `make` creates it at a given path.

        The first process that asks calls it, while the others wait.
        """
        kept = self.folder / name
        with exclusively(kept):
            if not kept.exists():
                draft = self.folder / f"{name}.draft"
                shutil.rmtree(
                    draft, ignore_errors=True
                )  # left by a process that failed to create it
                make(draft)
                draft.rename(kept)
        subprocess.run(["cp", "-a", kept, target], check=True)

    @contextmanager
    def server(
        self,
        major: int = 18,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        name: str = "empty",
        fill: Callable[[Server], None] = lambda server: None,
    ) -> Iterator[Server]:
        """Runs a separate server on a new directory, from initdb or as `fill` left it.

        `name` identifies the result of `fill`.
        """
        with open_folder() as folder:
            data_dir = folder / "pgdata"
            self._copy_filled(major, settings, name, fill, data_dir)
            binaries = postgres_binaries(major)
            with run(data_dir, port=0, settings=settings, binaries=binaries) as server:
                yield server

    def stack(self, target: Path) -> None:
        """Copies the data directory of a migrated stack. Its server does not wait for the disk."""

        def fill(server: Server) -> None:
            stack.prepare(stack.Database(server.url(), server))
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("alter system set fsync = off")

        self._copy_filled(18, {}, "stack", fill, target)

    def _copy_filled(
        self,
        major: int,
        settings: Mapping[str, str],
        name: str,
        fill: Callable[[Server], None],
        target: Path,
    ) -> None:
        def make(draft: Path) -> None:
            if name != "empty":
                self._copy_filled(major, {}, "empty", lambda server: None, draft)
            made = {**settings, **_MAKING}
            with run(draft, port=0, settings=made, binaries=postgres_binaries(major)) as server:
                fill(server)

        self.copy(f"{name}-{major}", target, make)
