"""The processes of this machine, read from /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def working_in(folder: Path) -> dict[int, bytes]:
    """Returns the processes with this folder in their command line or working directory."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            where = (path / "cmdline").read_bytes() + bytes((path / "cwd").readlink())
        except OSError:
            continue
        if bytes(folder) in where and int(path.name) != os.getpid():
            found[int(path.name)] = where
    return found


def kill_all(processes: Iterable[int]) -> None:
    """Kills them. The end of one may end others."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def group_lives(group: int) -> bool:
    """Whether a process group still has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def read_until_killed(process: subprocess.Popen[str], lines: list[str]) -> Iterator[None]:
    """Collects the stderr of the process in `lines`, and kills it at the end."""
    errors = process.stderr
    assert errors is not None
    reader = threading.Thread(target=lambda: lines.extend(errors))
    reader.start()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        reader.join()
        errors.close()
