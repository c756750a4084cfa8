"""kill -9 at random moments: every job ends, with the rows of a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.client import Client
from tests.repositories import commit, modules
from tests.runner.conftest import Database, tenant_key
from tests.waiting import until

__all__ = ["tenant_key"]

SERVE = """
from api.serve import Server, address, listen, make_app, run
from api.settings import Settings
listener = listen("127.0.0.1", 0, fixed=True)
run(Server(make_app(Settings()), on_ready=lambda: print(address(listener), flush=True)), listener)
"""
SYMBOLS = """
select f.path, f.language, f.bytes, f.blob_sha, s.name, s.kind, s.start_line, s.end_line, s.parent
from public.indexed_files as f left join public.symbols as s on s.file_id = f.id
where f.repository_id = %s
order by f.path, s.start_line, s.end_line, s.name
"""


class Machine:
    """An API with its runner in a process that can be killed, and started again."""

    def __init__(
        self, database: Database, key: str, folder: Path, environment: dict[str, str]
    ) -> None:
        self.run_dir = folder / "run"
        self._database = database
        self._key = key
        self._environment = environment
        self._repository = folder / "repository"
        commit(self._repository, modules(400, lines=60))
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdout=subprocess.PIPE,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "API_DATABASE_URL": self._database.api_url,
                "WORKER_DATABASE_URL": self._database.worker_url,
                "JWT_SECRET": "a secret of the tests that is more than 32 bytes long",
                "LOCAL_REPOSITORY_ROOTS": str(self._repository),
                "RUN_DIR": str(self.run_dir),
            }
            | self._environment,
        )
        assert self.process.stdout
        self.client = Client(self.process.stdout.readline().strip(), self._key)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        self.client.__exit__(None, None, None)

    def index(self, name: str) -> str:
        body = {"repository": f"local/{name}", "localPath": str(self._repository)}
        return self.client.create_index_job(body).answer["jobId"]

    def ended(self, job_id: str) -> dict[str, Any]:
        *_, job = self.client.follow(job_id, every=0.05)
        return dict(job)

    def rows(self, job: dict[str, Any]) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database.url) as connection:
            return connection.execute(SYMBOLS, (job["repository_id"],)).fetchall()

    def processes(self, kind: str) -> list[int]:
        """Those of the indexers: git's, or the parsers."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
                place = bytes((path / "cwd").readlink())
                group = os.getpgid(int(path.name))
            except (OSError, ProcessLookupError):
                continue
            if not place.startswith(bytes(self.run_dir)) or group == int(path.name):
                continue
            parser = b"api.indexer" in words
            if parser == (kind == "parser"):
                found.append(int(path.name))
        return found

    def scratch(self) -> list[Path]:
        """What is in the scratch folders, but for the locks of runners."""
        return [path for path in self.run_dir.glob("scratch/*/*") if path.name != "lock"]

    def runners(self) -> list[Path]:
        """The folders of runners, living or dead."""
        return list((self.run_dir / "scratch").glob("*/"))


@pytest.fixture
def new_machine(
    database: Database, tenant_key: str, tmp_path: Path
) -> Iterator[Callable[..., Machine]]:
    machines: list[Machine] = []

    def new(**environment: str) -> Machine:
        machines.append(Machine(database, tenant_key, tmp_path, environment))
        return machines[-1]

    yield new
    for machine in machines:
        machine.stop()
        assert machine.runners() == []


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    return 20 if pytestconfig.getoption("prove") else 2


@pytest.mark.parametrize("victim", ["runner", "parser", "git"])
def test_a_job_survives_that_any_of_its_processes_is_killed(
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


def test_a_runner_that_is_told_to_end_hands_its_job_to_the_next_at_once(
    new_machine: Callable[..., Machine],
) -> None:
    machine = new_machine(RUNNER_LEASE_SECONDS="600", RUNNER_GRACE_SECONDS="0")
    job_id = machine.index("handed-back")
    until(lambda: machine.processes("parser"))
    machine.stop(signal.SIGTERM)
    assert machine.runners() == []
    machine.start()
    job = machine.ended(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 2)
    assert len(machine.rows(job)) == 400


def kill(machine: Machine, victim: str) -> int:
    """Kills one such process, if there is any at this moment; returns how many."""
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
