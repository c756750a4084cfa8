"""kill -9 at random moments: every job ends with the rows of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.faults.conftest import Machine
    from tests.worker.conftest import Storing


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    return 20 if pytestconfig.getoption("prove") else 2


@pytest.mark.parametrize("victim", ["runner", "parser", "git"])
def test_job_survives_the_kill_of_any_of_its_processes(
    victim: str, new_machine: Callable[..., Machine], rounds: int
) -> None:
    machine = new_machine(RUNNER_LEASE_SECONDS="1")
    begun = time.monotonic()
    undisturbed = machine.rows(machine.ended(machine.index("undisturbed")))
    seconds = time.monotonic() - begun
    assert len(undisturbed) == 400
    killed = 0
    for number in count():
        if killed == rounds:
            break
        job_id = machine.index(f"{victim}-{number}")
        time.sleep(random.random() * seconds)
        killed += kill(machine, victim)
        job = machine.ended(job_id)
        assert (job["status"], job["error_message"]) == ("completed", None), (number, killed)
        assert machine.rows(job) == undisturbed
        until(lambda: not machine.scratch())
        assert len(machine.runners()) == 1


def test_stopped_runner_hands_its_job_to_the_next_at_once(
    new_machine: Callable[..., Machine], storing: Storing
) -> None:
    machine = new_machine(RUNNER_LEASE_SECONDS="600", RUNNER_GRACE_SECONDS="0")
    job_id = machine.index("handed-back")
    until(storing.stands_still)
    machine.stop(signal.SIGTERM)
    assert machine.runners() == []
    storing.release()
    machine.start()
    job = machine.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)
    assert len(machine.rows(job)) == 400


def kill(machine: Machine, victim: str) -> int:
    """Kills one such process, if there is one. Returns how many were killed."""
    if victim == "runner":
        machine.stop(signal.SIGKILL)
        machine.start()
        return 1
    for pid in random.sample(found := machine.processes(victim), len(found)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        return 1
    return 0
