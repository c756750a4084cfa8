"""Makes sure that the indexer and all it starts end in time, whatever happens to whom."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from types import FrameType

from api.indexer.protocol import IndexingError

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 10


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent ends (on Linux).

    Linux sends the signal when the THREAD ends that started this process. Exits at once when
    the parent has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def lead_group() -> None:
    """Makes this process lead a process group, and has that group killed when it ends.

    The watchman lives in a session of its own and learns of the end, even by SIGKILL, from the
    pipe that only this process holds open: children must not keep the other end.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    reading, _writing = os.pipe()
    subprocess.Popen(
        ["sh", "-c", 'read -r _; kill -9 "-$0" 2> /dev/null', str(os.getpid())],
        stdin=reading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(reading)


def set_deadline(seconds: float) -> None:
    """Raises IndexingError time_limit in the main thread after `seconds`.

    A process that does not end within a grace period after that is killed.
    """

    def expire(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_GRACE_SECONDS)
        raise IndexingError(
            "time_limit", f"Indexing took longer than the {seconds:g} seconds it may take."
        )

    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def limit_memory(limit: int) -> None:
    """Bounds the address space of this process, where the system can, and forbids core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
