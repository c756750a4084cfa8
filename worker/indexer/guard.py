"""Enforces the limits of the indexer and its children, and ends them with their parent."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import re
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from worker.indexer.protocol import IndexingError, Limits

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.5
# The slack of the system's limits, so that the supervisor reports an excess first.
_SLACK_SECONDS = 2
_OPEN_FILES = 512
# The indexer gets only the processor time that the processes answering polls leave.
_NICENESS = 15
_MOST_LIKELY_TO_BE_KILLED = "1000"
_SHARE = re.compile(rb"^Pss_Anon: +([0-9]+) kB$", re.MULTILINE)


def die_with_parent(parent_pid: int) -> None:
    """Makes the kernel kill this process when its parent ends (on Linux).

    Linux sends the signal when the THREAD that started this process ends. Exits at once if the
    parent has already ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def watch(scratch: Path, limits: Limits, tell: Callable[[IndexingError], None]) -> None:
    """Makes this process lead a process group, which is killed when it ends.

    A supervisor in its own session also kills the group if its processes together exceed a limit,
    and then calls `tell` with the reason. It learns of the end of this process, even by SIGKILL,
    from a pipe that only this process holds open. So children must not inherit that end.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    group = os.getpid()
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        return
    code = None
    try:
        os.close(writing)
        drop_input()
        os.setsid()
        code = _watch_limits(reading, group, scratch, limits)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        if code is not None:
            tell(exceeded(code, limits))
        os._exit(0)


def drop_input() -> None:
    """Closes the standard input of this process and its future children."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def lower_priority() -> None:
    """Lowers this process's CPU priority, and makes the OOM killer prefer it."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            Path("/proc/self/oom_score_adj").write_text(_MOST_LIKELY_TO_BE_KILLED, encoding="utf-8")
            # autogroup scheduling weighs sessions, which nice does not change
            Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="utf-8")


def limit_each(limits: Limits) -> None:
    """Limits this process and each of its future children, if the system supports it.

    The supervisor checks only a few times per second. These limits also apply in between.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, limits.scratch_bytes)
    _limit(resource.RLIMIT_CPU, math.ceil(limits.cpu_seconds) + _SLACK_SECONDS)
    limit_memory(limits.memory)


def limit_memory(limit: int) -> None:
    """Limits the address space of this process, if the system supports it."""
    _limit(resource.RLIMIT_AS, limit)


def exceeded(code: str, limits: Limits) -> IndexingError:
    """Returns the error for exceeding the limit that `code` names."""
    megabytes = 1024**2
    return IndexingError(
        code,
        {
            "time_limit": f"Indexing took longer than the limit of {limits.seconds:g} seconds.",
            "cpu_limit": "Indexing exceeded the limit of"
            f" {limits.cpu_seconds:g} seconds of processor time.",
            "memory_limit": "Indexing exceeded the limit of"
            f" {limits.memory / megabytes:,.0f} MB of memory.",
            "process_limit": f"Indexing exceeded the limit of {limits.processes} processes.",
            "scratch_limit": "The repository exceeds the limit of"
            f" {limits.scratch_bytes / megabytes:,.0f} MB of disk space.",
            "too_many_files": f"The repository has more than {limits.files} files or folders.",
        }[code],
    )


def _limit(kind: int, limit: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (limit, limit))


def _watch_limits(reading: int, group: int, scratch: Path, limits: Limits) -> str | None:
    """Waits until the other end of the pipe closes. Returns the code of an exceeded limit."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    deadline = time.monotonic() + limits.seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], min(_LOOK_SECONDS, left))[0]:
            return None
        if code := _excess(group, scratch, limits):
            return code
    return "time_limit"


def _excess(group: int, scratch: Path, limits: Limits) -> str | None:
    """Returns the code of an exceeded limit, if any."""
    processes = list(_members(group))
    # The sum counts memory shared by forks several times; the exact share takes longer to read.
    if (
        sum(process.memory for process in processes) > limits.memory
        and sum(map(_share, processes)) > limits.memory
    ):
        return "memory_limit"
    if sum(process.cpu_seconds for process in processes) > limits.cpu_seconds:
        return "cpu_limit"
    if len(processes) > limits.processes:
        return "process_limit"
    if sum(file.st_blocks for file in files(scratch)) * 512 > limits.scratch_bytes:
        return "scratch_limit"
    return None


class _Process(NamedTuple):
    pid: int
    cpu_seconds: float
    memory: int


def _members(group: int) -> Iterator[_Process]:
    """Returns the processes of a group (on Linux). File-backed memory is not counted."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The program name, in parentheses, may contain anything.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[2]) == group:
                _, resident, shared, *_ = map(int, (folder / "statm").read_bytes().split())
                # Its own time, and that of its ended children.
                ticks = sum(map(int, fields[11:15]))
                yield _Process(int(folder.name), ticks / tick, (resident - shared) * page)
        except OSError:
            continue


def _share(process: _Process) -> int:
    """Returns its memory, with memory shared since a fork counted proportionally."""
    with contextlib.suppress(OSError):
        if found := _SHARE.search(Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()):
            return int(found[1]) * 1024
    return process.memory


def files(folder: Path) -> Iterator[os.stat_result]:
    """Yields the files below a folder, except those that vanish meanwhile."""
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(path, name))  # noqa: PTH118
