"""Makes sure that the indexer and all it starts keep to their limits, and end with their parent."""

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
# How much more the system allows a process, so that the supervisor is first to say why.
_SLACK_SECONDS = 2
_OPEN_FILES = 512
# Beside the processes that answer polls, the indexer gets what they leave.
_NICENESS = 15
_MOST_LIKELY_TO_BE_KILLED = "1000"
_SHARE = re.compile(rb"^Pss_Anon: +([0-9]+) kB$", re.MULTILINE)


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent ends (on Linux).

    Linux sends the signal when the THREAD ends that started this process. Exits at once when
    the parent has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def watch(scratch: Path, limits: Limits, tell: Callable[[IndexingError], None]) -> None:
    """Makes this process lead a process group, and has that group killed when it ends.

    A supervisor in a session of its own also kills it when all its processes together exceed a
    limit; `tell` is called in the supervisor, with the reason, after that. It learns of the end of
    this process, even by SIGKILL, from the pipe that only it holds open: children must not keep
    the other end.
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
    """Closes the standard input of this process, and of all that it will start."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def lower_priority() -> None:
    """Gives way to the other processes of the machine, in time and, where it must be, in life."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            Path("/proc/self/oom_score_adj").write_text(_MOST_LIKELY_TO_BE_KILLED, encoding="utf-8")
            # this session shares the processors with others by a weight that nice does not touch
            Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="utf-8")


def limit_each(limits: Limits) -> None:
    """Bounds this process, and each that it will start, where the system can.

    The supervisor checks a few times a second; this limit applies between its checks.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, limits.scratch_bytes)
    _limit(resource.RLIMIT_CPU, math.ceil(limits.cpu_seconds) + _SLACK_SECONDS)
    limit_memory(limits.memory)


def limit_memory(limit: int) -> None:
    """Bounds the address space of this process, where the system can."""
    _limit(resource.RLIMIT_AS, limit)


def exceeded(code: str, limits: Limits) -> IndexingError:
    """The end of a job that took more than its share of what `code` names."""
    megabytes = 1024**2
    return IndexingError(
        code,
        {
            "time_limit": f"Indexing took longer than the {limits.seconds:g} seconds it may take.",
            "cpu_limit": "Indexing took more than the"
            f" {limits.cpu_seconds:g} seconds of processor time it may take.",
            "memory_limit": "Indexing took more than the"
            f" {limits.memory / megabytes:,.0f} MB of memory it may take.",
            "process_limit": "Indexing took more than the"
            f" {limits.processes} processes it may take.",
            "scratch_limit": "The repository takes more than the"
            f" {limits.scratch_bytes / megabytes:,.0f} MB of disk space it may take.",
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
    """Waits until the other end of the pipe closes, or gives the code of an exceeded limit."""
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
    """The code of a limit that is exceeded."""
    processes = list(_members(group))
    # The sum counts what forks have in common once for each; to count in shares takes longer.
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
    """The processes of a group (on Linux); memory that is a copy of files is not counted."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of the program, in brackets, may hold anything.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[2]) == group:
                _, resident, shared, *_ = map(int, (folder / "statm").read_bytes().split())
                # Its own time, and that of its children that have ended.
                ticks = sum(map(int, fields[11:15]))
                yield _Process(int(folder.name), ticks / tick, (resident - shared) * page)
        except OSError:
            continue


def _share(process: _Process) -> int:
    """Its memory, of which what it has in common with others since a fork counts in shares."""
    with contextlib.suppress(OSError):
        if found := _SHARE.search(Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()):
            return int(found[1]) * 1024
    return process.memory


def files(folder: Path) -> Iterator[os.stat_result]:
    """The files below a folder, but for those that vanish meanwhile."""
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(path, name))  # noqa: PTH118
