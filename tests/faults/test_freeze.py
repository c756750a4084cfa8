"""A runner that is suspended for a while, as on a sleeping machine, and continues."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.repositories import commit
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.faults.conftest import Machine
    from tests.worker.conftest import Start, Storing

LEASE_IS_OVER = """
select lease_expires_at < clock_timestamp() from public.index_jobs where id = %s
"""


def value(machine: Machine, query: str, *arguments: Any) -> Any:
    with psycopg.connect(machine.database.url) as connection:
        row = connection.execute(query.encode(), arguments).fetchone()
    assert row is not None
    return row[0]


def test_runner_that_wakes_up_keeps_its_job(
    new_machine: Callable[..., Machine], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    commit(tmp_path / "stalls", {"stall.py": "a=>" * 300_000})
    machine = new_machine(RUNNER_LEASE_SECONDS="1")
    for number in range(7 if pytestconfig.getoption("prove") else 1):
        job_id = machine.index(f"stalls-{number}", tmp_path / "stalls")
        until(lambda: machine.processes("parser"))
        for _ in range(3):
            sleep_beyond_the_lease(machine, job_id)
        job = machine.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)


def sleep_beyond_the_lease(machine: Machine, job_id: str) -> None:
    until(lambda: not value(machine, LEASE_IS_OVER, job_id))
    machine.process.send_signal(signal.SIGSTOP)
    until(lambda: value(machine, LEASE_IS_OVER, job_id))
    machine.process.send_signal(signal.SIGCONT)


def test_runner_frozen_while_storing_blocks_no_one(
    new_machine: Callable[..., Machine], start: Start, slow_repository: Path, storing: Storing
) -> None:
    machine = new_machine(RUNNER_LEASE_SECONDS="2")
    job_id = machine.index("frozen", slow_repository)
    until(storing.stands_still)
    machine.process.send_signal(signal.SIGSTOP)
    storing.release()
    try:
        with start() as api:
            job = api.ended(job_id)
            assert (job["status"], job["attempt"]) == ("completed", 2)
            assert api.rows(job) == (600, 600)
    finally:
        machine.process.send_signal(signal.SIGCONT)
    until(lambda: not machine.scratch())
    job = machine.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)
    assert len(machine.rows(job)) == 600
