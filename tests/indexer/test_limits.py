"""Repositories and hosts without end: each is stopped by its limit, with the reason."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.githost import Host
from tests.processes import group_lives
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Start

MB = 1024**2


def unfold(repository: Git, leaf: str, mode: str = "100644", levels: int = 10) -> str:
    """Commits folders of ten equal ones each, `levels` deep, with ten equal leaves at the end."""
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
def test_ten_thousand_million_files_are_stopped_by_the_default_limits(
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


def test_a_blob_that_unfolds_is_left_alone(repository: Git, site: Host, index: Index) -> None:
    repository.commit({"a.py": "a = 1", "zeros.bin": bytes(300 * MB)})
    repository("config", "uploadpack.allowFilter", "false")  # so it travels, as 300 kB
    limits = {"memory": 256 * MB, "scratch_bytes": 4 * MB}
    outcome = index(address(site, repository), limits=limits)
    assert outcome.stats["skipped"] == {"oversized": 1}
    assert outcome.paths == ["a.py"]


@pytest.mark.parametrize("kind", ["endless", "junk"])
def test_an_answer_without_end_is_stopped(kind: str, site: Host, index: Index) -> None:
    outcome = index(f"{site.url}/{kind}/a", limits={"memory": 256 * MB})
    assert outcome.error in {"memory_limit", "repository_not_found"}
    assert outcome.error == "memory_limit" or kind == "junk"


def test_the_number_of_processes_is_limited(site: Host, index: Index) -> None:
    # the indexer, git and its helper for http
    assert index(f"{site.url}/stall/a", limits={"processes": 2}).error == "process_limit"


def test_a_limit_ends_every_process(site: Host, start: Start) -> None:
    process = start(f"{site.url}/stall/a", limits={"seconds": 2})
    process.communicate(timeout=PATIENCE)
    until(lambda: not group_lives(process.pid))


def test_each_process_steps_back_and_is_bounded_by_itself(site: Host, start: Start) -> None:
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
def test_the_watchman_ends_too(number: signal.Signals, site: Host, start: Start) -> None:
    process = start(f"{site.url}/stall/a")
    assert site.stalled.wait(PATIENCE)
    parent = f"/proc/{process.pid}/task/{process.pid}/children"
    children: Callable[[], list[int]] = lambda: list(map(int, Path(parent).read_text().split()))  # noqa: E731
    everyone = children()
    assert any(os.getsid(pid) == pid for pid in everyone)
    os.kill(process.pid, number)
    process.communicate(timeout=PATIENCE)
    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in everyone))
