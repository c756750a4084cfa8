"""Many jobs with every outcome: the API uses no more resources at the end than after the first."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support import loopback
from tests.support.repositories import commit
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.faults.conftest import Machine

MEGABYTE = 1024**2
EXECUTOR_THREADS = (os.cpu_count() or 1) + 4  # threads of the event loop, started on demand
STORIES_WITH_GAPS = """
select job_id from public.index_job_events
group by job_id having count(*) <> max(event_no) or min(event_no) <> 1
"""


@dataclass(frozen=True)
class Resources:
    """The resources of processes. Sizes are in bytes."""

    descriptors: int
    threads: int
    memory: int

    @classmethod
    def by(cls, pids: Iterable[int]) -> Resources:
        return cls(
            sum(count(f"/proc/{pid}/fd") for pid in pids),
            sum(count(f"/proc/{pid}/task") for pid in pids),
            sum(map(private_bytes, pids)),
        )


def count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def family(pid: int) -> Iterator[int]:
    """Returns a process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def private_bytes(pid: int) -> int:
    """Returns the private memory of a process."""
    shares = re.findall(
        r"^Private_\w+: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M
    )
    return 1024 * sum(map(int, shares))


def test_jobs_with_any_outcome_leak_no_resources(
    new_machine: Callable[..., Machine], pytestconfig: pytest.Config
) -> None:
    machine = new_machine()
    work(machine, range(5))
    first = settled(machine)
    work(machine, range(5, 105 if pytestconfig.getoption("prove") else 10))
    last = until(lambda: (now := settled(machine)).descriptors <= first.descriptors and now)
    print(first, last)
    assert last.threads <= first.threads + EXECUTOR_THREADS
    assert last.memory < first.memory + 24 * MEGABYTE
    with psycopg.connect(machine.database.url, autocommit=True) as connection:
        assert connection.execute(STORIES_WITH_GAPS).fetchall() == []
        idle = "select query from pg_stat_activity where state ~ 'in transaction'"
        until(lambda: connection.execute(idle).fetchall() == [])  # a call may be running


def settled(machine: Machine) -> Resources:
    """Returns the resources of the API and its fork server after the jobs are gone."""

    def look() -> Resources | None:
        with suppress(OSError):  # it has just ended
            pids = list(family(machine.process.pid))
            return Resources.by(pids) if len(pids) == 2 and not machine.scratch() else None
        return None

    found: Resources = until(look)
    return found


def work(machine: Machine, rounds: range) -> None:
    """Runs a first index, one after a change, a repeat, a failure and a cancellation."""
    for number in rounds:
        commit(machine.repository, {"src/changed.py": f"def version_{number}(): ..."})
        jobs = {
            "first": machine.index(f"first-{number}"),
            "changed": machine.index("always"),
            "failed": machine.index("always", ref=f"no-such-branch-{number}"),
            "cancelled": machine.index(f"cancelled-{number}"),
        }
        loopback.delete(
            f"{machine.url}/jobs/{jobs['cancelled']}", headers=machine.headers
        ).raise_for_status()
        ends = {name: machine.ended(job_id)["status"] for name, job_id in jobs.items()}
        assert ends.pop("cancelled") in {"cancelled", "completed"}
        assert ends == {"first": "completed", "changed": "completed", "failed": "failed"}
        again = machine.ended(machine.index("always"))
        assert again["stats"]["files_unchanged"] == again["stats"]["files_indexed"] == 401
