"""The scratch folders of runners. Removes those of dead runners, keeps those of live ones."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

from db.tools.logs import get_logger

logger = get_logger(__name__)

_REMOVALS = 50


class Scratch:
    """A runner's own folder. Opening it removes the folders of dead runners.

    A live runner holds a file lock in its folder, which ends with the process.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / name
        self._root = root

    def open(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        guard = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            for folder in self._root.iterdir():
                if folder.is_dir() and self._is_abandoned(folder):
                    remove(folder)
            self.folder.mkdir(mode=0o700)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(guard)

    def close(self) -> None:
        remove(self.folder)
        os.close(self._lock)

    @staticmethod
    def _is_abandoned(folder: Path) -> bool:
        try:
            descriptor = os.open(folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)


def remove(folder: Path) -> None:
    """Removes a folder, even while just-killed processes are still writing to it."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    logger.warning("could not remove a folder", folder=str(folder))
