"""Endless repositories and hosts: each hits a limit and gives the reason."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.githost import Host
from tests.support.processes import group_lives
from tests.support.waiting import PATIENCE, until
from worker.indexer import guard
from worker.indexer.protocol import Limits

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Start

MB = 1024**2


def unfold(repository: Git, leaf: str, mode: str = "100644", levels: int = 10) -> str:
    """Commits nested folders with ten equal entries each, `levels` deep, and ten equal leaves."""
    for _ in range(levels):
        entries = "".join(
            f"{mode} {'tree' if mode == '040000' else 'blob'} {leaf}\t{n}\n" for n in range(10)
        )
        leaf, mode = repository("mktree", stdin=entries.encode()), "040000"
    commit = repository("commit-tree", "-m", "bomb", leaf)
    repository("update-ref", "refs/heads/main", commit)
    return commit


def address(site: Host, repository: Git) -> str:
    return f"{site.url}/git/{repository.path.name}/.git"


@pytest.mark.parametrize("leaf", [b"a = 1", None], ids=["files", "folders"])
def test_ten_billion_files_are_stopped_by_the_default_limits(
    leaf: bytes | None, repository: Git, site: Host, index: Index
) -> None:
    if leaf is None:
        unfold(repository, repository("mktree"), "040000")
    else:
        unfold(repository, repository("hash-object", "-w", "--stdin", stdin=leaf))
    outcome = index(address(site, repository), limits={"memory": 256 * MB})
    assert outcome.error == "too_many_files"
    assert "500000 files or folders" in outcome.last["message"]


def test_processor_time_is_limited(repository: Git, site: Host, index: Index) -> None:
    unfold(repository, repository("hash-object", "-w", "--stdin", stdin=b"a = 1"))
    limits = {"files": 10**10, "cpu_seconds": 1}
    outcome = index(address(site, repository), limits=limits)
    assert outcome.error == "cpu_limit"
    assert "1 seconds of processor time" in outcome.last["message"]


def test_disk_space_is_limited(repository: Git, site: Host, index: Index) -> None:
    repository.commit({"large.bin": os.urandom(8 * MB)})
    limits = {"file_bytes": 16 * MB, "scratch_bytes": 2 * MB}
    outcome = index(address(site, repository), limits=limits)
    assert outcome.error == "scratch_limit"
    assert "2 MB of disk space" in outcome.last["message"]


def test_compressed_blob_bomb_is_skipped(repository: Git, site: Host, index: Index) -> None:
    repository.commit({"a.py": "a = 1", "zeros.bin": bytes(300 * MB)})
    repository("config", "uploadpack.allowFilter", "false")  # its size in transit, 300 kB
    limits = {"memory": 256 * MB, "scratch_bytes": 4 * MB}
    outcome = index(address(site, repository), limits=limits)
    assert outcome.stats["skipped"] == {"oversized": 1}
    assert outcome.paths == ["a.py"]


@pytest.mark.parametrize("kind", ["endless", "junk"])
def test_endless_response_is_stopped(kind: str, site: Host, index: Index) -> None:
    outcome = index(f"{site.url}/{kind}/a", limits={"memory": 256 * MB})
    assert outcome.error in {"memory_limit", "repository_not_found"}
    assert outcome.error == "memory_limit" or kind == "junk"


def test_host_output_larger_than_a_pipe_is_read_completely(site: Host, index: Index) -> None:
    outcome = index(f"{site.url}/talk/a", limits={"seconds": 20})
    assert outcome.error == "repository_not_found"
    assert len(outcome.stderr) < 20_000


def test_host_output_counts_as_disk_space(site: Host, index: Index) -> None:
    outcome = index(f"{site.url}/talk/a", limits={"seconds": 20, "scratch_bytes": MB})
    assert outcome.error == "scratch_limit"


def test_number_of_processes_is_limited(site: Host, index: Index) -> None:
    # the indexer, git and git's http helper
    assert index(f"{site.url}/stall/a", limits={"processes": 2}).error == "process_limit"


def test_exceeded_limit_ends_every_process(site: Host, start: Start) -> None:
    process = start(f"{site.url}/stall/a", limits={"seconds": 2})
    process.communicate(timeout=PATIENCE)
    until(lambda: not group_lives(process.pid), PATIENCE)


Group = Callable[..., int]


@pytest.fixture
def group() -> Iterator[Group]:
    """Starts processes in a separate group. Each runs a script, prints a line and waits."""
    started: list[subprocess.Popen[bytes]] = []

    def group(*scripts: str, lines: int = 1) -> int:
        leader = 0
        for script in scripts:
            process = subprocess.Popen(
                [sys.executable, "-c", f"{script}\nprint(flush=True)\ninput()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=leader,
            )
            started.append(process)
            leader = leader or process.pid
            assert process.stdout
            for _ in range(lines):
                assert process.stdout.readline()
        return leader

    yield group
    for process in started:
        process.communicate()


def excess(group: int, scratch: Path, **limits: Any) -> str | None:
    return guard._excess(group, scratch, Limits(**limits))


def test_memory_of_all_processes_is_counted(group: Group, tmp_path: Path) -> None:
    pid = group(*["memory = b'x' * 100 * 1024**2"] * 2)
    assert excess(pid, tmp_path, memory=150 * MB) == "memory_limit"
    assert excess(pid, tmp_path, memory=300 * MB) is None


@pytest.mark.parametrize("written", [False, True])
def test_memory_shared_by_a_fork_counts_once_until_written(
    written: bool, group: Group, tmp_path: Path
) -> None:
    script = (
        "import os\n"
        "memory = bytearray(b'x') * 100 * 1024**2\n"
        "for _ in range(4):\n"
        "  if not os.fork(): break\n"
    )
    if written:
        script += "memory[::1024] = bytes(len(memory) // 1024)\n"
    pid = group(script, lines=5)
    assert excess(pid, tmp_path, memory=200 * MB) == ("memory_limit" if written else None)


def test_processor_time_of_all_processes_is_counted(group: Group, tmp_path: Path) -> None:
    pid = group(*["import time\nwhile time.process_time() < 0.6: pass"] * 2)
    assert excess(pid, tmp_path, cpu_seconds=1) == "cpu_limit"
    assert excess(pid, tmp_path, cpu_seconds=100) is None


def test_disk_space_of_all_files_is_counted(group: Group, tmp_path: Path) -> None:
    pid = group("")
    for number in range(30):
        path = tmp_path / f"{number % 5}/{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(MB // 10))
    assert excess(pid, tmp_path, scratch_bytes=2 * MB) == "scratch_limit"
    assert excess(pid, tmp_path, scratch_bytes=4 * MB) is None


def test_files_that_vanish_during_counting_are_ignored(tmp_path: Path) -> None:
    for name in ("a", "b", "folder/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = guard.files(tmp_path)
    next(found)
    shutil.rmtree(tmp_path)
    assert list(found) == []


def test_each_process_has_low_priority_and_its_own_limits(site: Host, start: Start) -> None:
    limits = {"memory": 512 * MB, "scratch_bytes": 64 * MB, "cpu_seconds": 100}
    process = start(f"{site.url}/stall/a", limits=limits)
    assert site.stalled.wait(PATIENCE)
    members = [pid for pid in processes() if group_of(pid) == process.pid]
    assert len(members) >= 3
    for pid in members:
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
        for kind, most in {
            resource.RLIMIT_AS: 512 * MB,
            resource.RLIMIT_FSIZE: 64 * MB,
            resource.RLIMIT_CPU: 102,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: 512,
        }.items():
            assert resource.prlimit(pid, kind) == (most, most)


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_supervisor_ends_too(number: signal.Signals, site: Host, start: Start) -> None:
    process = start(f"{site.url}/stall/a")
    assert site.stalled.wait(PATIENCE)
    parent = f"/proc/{process.pid}/task/{process.pid}/children"
    children: Callable[[], list[int]] = lambda: list(map(int, Path(parent).read_text().split()))  # noqa: E731
    until(lambda: any(os.getsid(pid) == pid for pid in children()))
    everyone = children()
    os.kill(process.pid, number)
    process.communicate(timeout=PATIENCE)
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in everyone), PATIENCE)
