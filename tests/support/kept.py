"""Data directories of Postgres that are made once in a run of the tests, and copied from then on.

To make one takes a second or more, and each process of the tests would make its own.
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
"""So that a directory is small: it has no segment of the WAL that nothing was written to."""


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter: root's Postgres runs as another one."""
    with tempfile.TemporaryDirectory(prefix="index-jobs-tests-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@dataclass(frozen=True)
class Kept:
    """Returns those of this run, in a folder shared by all its processes."""

    folder: Path

    def copy(self, name: str, target: Path, make: Callable[[Path], None]) -> None:
        """A copy at `target` of the directory of that name; `make` fills the path that it gets.

        It is called by the first process that asks, while the others wait.
        """
        kept = self.folder / name
        with exclusively(kept):
            if not kept.exists():
                draft = self.folder / f"{name}.draft"
                shutil.rmtree(draft, ignore_errors=True)  # of one who could not make it
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
        """A server of its own on a new directory, as initdb makes it, or as `fill` left it.

        `name` is that of what `fill` makes.
        """
        with open_folder() as folder:
            data_dir = folder / "pgdata"
            self._copy_filled(major, settings, name, fill, data_dir)
            binaries = postgres_binaries(major)
            with run(data_dir, port=0, settings=settings, binaries=binaries) as server:
                yield server

    def stack(self, target: Path) -> None:
        """A copy of what `index-jobs migrate` makes; its server does not wait for the disk."""

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
