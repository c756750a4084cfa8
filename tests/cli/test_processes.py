"""`index-jobs api`, `work` and other commands as processes, and the modules they load."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from cli.commands import PANELS
from cli.connection import connect
from cli.failures import DATABASE, SENTENCES
from cli.users import create_api_key
from tests.support import loopback
from tests.support.databases import Database
from tests.support.ports import kept_port
from tests.support.waiting import until
from tests.support.workspace import Workspace

USER = UUID("5a000000-0000-4000-8000-000000000001")
MODULES = {name: module for panel in PANELS.values() for name, module in panel.items()}
# the console script, which writes its loaded modules at exit
PROGRAM = """
import atexit, pathlib, sys
loaded = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: loaded.write_text("\\n".join(sorted(sys.modules))))
sys.argv[0] = "index-jobs"
from cli.main import main
main()
"""
DEVELOPMENT = {"yoyo", "rich.console", "db.local", "db.tools.migrate", "cli.dev", "cli.terminal"}


@dataclass(frozen=True)
class Running:
    """A process, and the file where it writes its loaded modules at exit."""

    process: subprocess.Popen[bytes]
    loaded: Path

    def end(self) -> set[str]:
        """Ends it with SIGTERM, which must exit cleanly. Returns its loaded modules."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        return {*self.loaded.read_text().split("\n")}


@contextmanager
def running(
    workspace: Workspace, command: str, *arguments: str, **environment: str
) -> Iterator[Running]:
    loaded, log = (workspace.run_dir / f"{command}.{kind}" for kind in ("modules", "log"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, loaded, command, *arguments],
            env=workspace.environment | environment,
            cwd=workspace.run_dir,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, loaded)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def key(database: Database) -> str:
    with connect(database.url) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (USER,))
        return str(create_api_key(connection, str(USER), "test")["api_key"])


def test_api_and_worker_run_a_job_without_each_others_modules(
    fresh_workspace: Workspace, database: Database, key: str, small_repository: Path
) -> None:
    paths = {"LOCAL_REPOSITORY_ROOTS": str(small_repository.parent)}
    with (
        kept_port() as port,
        running(
            fresh_workspace,
            "api",
            API_DATABASE_URL=database.api_url,
            RUNNER_CONCURRENCY="0",
            PORT=str(port),
            **paths,
        ) as api,
        running(fresh_workspace, "work", WORKER_DATABASE_URL=database.worker_url, **paths) as work,
    ):
        url = f"http://127.0.0.1:{port}"
        until(lambda: api.process.poll() is not None or answers(url), 60)
        done = fresh_workspace.run("index", small_repository, "--watch", API_URL=url, API_KEY=key)
        assert done.stdout.startswith("completed  2 files · 2 symbols"), done.stderr
        by_api, by_work = api.end(), work.end()
    assert "starlette" in by_api
    assert by_api & DEVELOPMENT == set()
    assert "worker.runner" in by_work
    assert by_work & (DEVELOPMENT | {"starlette", "uvicorn", "api"}) == set()


@pytest.mark.parametrize("command", {module: name for name, module in MODULES.items()}.values())
def test_command_loads_no_module_of_another(fresh_workspace: Workspace, command: str) -> None:
    with running(fresh_workspace, command, "--help") as asked:
        assert asked.process.wait(60) == 0
        loaded = {*asked.loaded.read_text().split("\n")}
    assert loaded & {*MODULES.values()} == {MODULES[command]}


def test_failed_api_call_loads_no_database_or_server_modules(fresh_workspace: Workspace) -> None:
    nobody = ("--api-url", "http://127.0.0.1:1", "--api-key", "x")
    with running(fresh_workspace, "status", "x", *nobody) as asked:
        assert asked.process.wait(60) == 5
        loaded = {*asked.loaded.read_text().split("\n")}
    assert "cli.failures" in loaded
    assert loaded & {"psycopg", "structlog", "starlette", "uvicorn", "yoyo", "db.local"} == set()


@pytest.mark.parametrize("name", sorted({*SENTENCES, DATABASE}))
def test_known_failure_is_an_error_of_that_name(name: str) -> None:
    module, _, error = name.rpartition(".")
    kind = getattr(import_module(module), error)
    assert issubclass(kind, Exception)
    assert f"{kind.__module__}.{kind.__qualname__}" == name


def answers(url: str) -> bool:
    try:
        return loopback.get(f"{url}/ready").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize(
    ("command", "setting"), [("api", "API_DATABASE_URL"), ("work", "WORKER_DATABASE_URL")]
)
def test_missing_setting_is_a_one_line_error(
    fresh_workspace: Workspace, command: str, setting: str
) -> None:
    done = fresh_workspace.run(command)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: ")
    assert setting in done.stderr


def test_port_in_use_is_rejected(fresh_workspace: Workspace, database: Database) -> None:
    urls = {"API_DATABASE_URL": database.api_url}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = fresh_workspace.run("api", PORT=str(port), **urls)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"{port} is taken" in done.stderr
