"""An API with a runner in its own process, which can be killed and restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.client import Client
from tests.support.repositories import commit, modules
from tests.support.waiting import PATIENCE
from tests.worker.conftest import Database, start, storing, tenant_key

__all__ = ["start", "storing", "tenant_key"]

SERVE = """
from api.main import Server, address, listen
from cli.dev.settings import StackSettings
from tests.worker.conftest import api_with_runner
from worker.timings import Timings
listener = listen("127.0.0.1", 0)
settings = StackSettings()
app = api_with_runner(settings, Timings())
Server(app, settings, on_ready=lambda: print(address(listener), flush=True)).run([listener])
"""
SYMBOLS = """
select f.path, f.language, f.bytes, f.blob_sha, s.name, s.kind, s.start_line, s.end_line, s.parent
from public.indexed_files as f left join public.symbols as s on s.file_id = f.id
where f.repository_id = %s
order by f.path, s.start_line, s.end_line, s.name
"""


class Machine:
    """An API with a runner in a process that can be killed and restarted."""

    def __init__(
        self,
        database: Database,
        key: str,
        folder: Path,
        environment: dict[str, str],
    ) -> None:
        self.run_dir = folder / "run"
        self.database = database
        self._key = key
        self.headers = {"Authorization": f"Bearer {key}"}
        self._environment = environment
        self.repository = folder / "repository"
        commit(self.repository, modules(400, lines=60))
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={
                "PATH": os.environ["PATH"],
                "API_DATABASE_URL": self.database.api_url,
                "WORKER_DATABASE_URL": self.database.worker_url,
                "JWT_SECRET": "a secret of the tests that is more than 32 bytes long",
                "LOCAL_REPOSITORY_ROOTS": "/",
                "RUN_DIR": str(self.run_dir),
            }
            | self._environment,
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        self.client = Client(self.url, self._key)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        self.client.__exit__(None, None, None)

    def index(self, name: str, folder: Path | None = None, **request: str) -> str:
        path = str(folder or self.repository)
        body = {"repository": f"local/{name}", "localPath": path} | request
        return self.client.create_index_job(body).answer["jobId"]

    def ended(self, job_id: str) -> dict[str, Any]:
        *_, job = self.client.follow(job_id, every=0.1)
        return dict(job)

    def rows(self, job: dict[str, Any]) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url) as connection:
            return connection.execute(SYMBOLS, (job["repository_id"],)).fetchall()

    def processes(self, kind: str) -> list[int]:
        """Returns the indexers' processes: git or the parsers."""
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
            parser = b"worker.indexer" in words
            if parser == (kind == "parser"):
                found.append(int(path.name))
        return found

    def scratch(self) -> list[Path]:
        """Returns the contents of the scratch folders, except the locks of runners."""
        return [path for path in self.run_dir.glob("scratch/*/*") if path.name != "lock"]

    def runners(self) -> list[Path]:
        """Returns the folders of runners, live or dead."""
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
