"""File locks that tell which command is using a folder. They end with the process.

Needs only the standard library, because `make clean` runs it without the .venv it removes:

    python3 -m cli.dev.lock FOLDER

Exit code 0: no lock is held in that folder; 1: one is, and stderr names its holder.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """The command that holds a lock. `ready` is set once its server can be used."""

    what: str
    pid: int
    ready: bool = False
    api_url: str | None = None

    def __str__(self) -> str:
        return f"{self.what} (process {self.pid})" if self.pid else self.what


class LockTakenError(Exception):
    """Another process holds the lock."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(str(holder))
        self.holder = holder


@contextmanager
def take(path: Path, what: str) -> Iterator[Callable[[str | None], None]]:
    """Holds the file's lock until the block ends. Raises LockTakenError.

    Yields a function to call when the server is up, with the address of the API if there is one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockTakenError(_holder(path)) from None

        def write(holder: Holder | None) -> None:
            file.seek(0)
            file.truncate()
            file.write(json.dumps(asdict(holder)) if holder else "")
            file.flush()

        write(Holder(what, os.getpid()))
        try:
            yield lambda api_url: write(Holder(what, os.getpid(), ready=True, api_url=api_url))
        finally:
            write(None)


def _holder(path: Path) -> Holder:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return Holder(
            "another command", 0
        )  # it is still writing, has just ended, or writes nothing


def _holders(folder: Path) -> Iterator[Holder]:
    """Returns the holders of locks in a stack's folder and its runners' scratch folders."""
    for path in (*folder.glob("*.lock"), *folder.glob("scratch/*/lock")):
        with suppress(FileNotFoundError, PermissionError), path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                yield _holder(path)


def main() -> int:
    """Runs the command and returns the exit code."""
    folder = Path(sys.argv[1])
    found = sorted(_holders(folder), key=lambda holder: holder.pid)
    if not found:
        return 0
    print(f"error: {found[-1]} is using {folder}: stop it first (Ctrl-C)", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
