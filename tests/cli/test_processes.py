"""`index-jobs work` and the other commands as processes: what each of them loads."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.commands import PANELS
from tests.support.databases import Database
from tests.support.desk import Desk
from tests.support.waiting import until

MODULES = {name: module for panel in PANELS.values() for name, module in panel.items()}
# the console script, which writes down at its end what it has loaded
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
    """A process, and where it writes the names of its modules when it ends."""

    process: subprocess.Popen[bytes]
    loaded: Path
    log: Path

    def end(self) -> set[str]:
        """The modules that it had loaded; it ends by SIGTERM, and well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        return {*self.loaded.read_text().split("\n")}


@contextmanager
def running(desk: Desk, command: str, *arguments: str, **environment: str) -> Iterator[Running]:
    loaded, log = (desk.run_dir / f"{command}.{kind}" for kind in ("modules", "log"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, loaded, command, *arguments],
            env=desk.environment | environment,
            cwd=desk.run_dir,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, loaded, log)
    finally:
        process.kill()
        process.wait()


def test_a_worker_loads_nothing_of_http_nor_of_development(
    fresh_desk: Desk, database: Database
) -> None:
    with running(fresh_desk, "work", WORKER_DATABASE_URL=database.worker_url) as work:
        until(lambda: b"runner started" in work.log.read_bytes() or work.process.poll(), 60)
        loaded = work.end()
    assert "worker.runner" in loaded
    assert loaded & (DEVELOPMENT | {"starlette", "uvicorn", "api"}) == set()


@pytest.mark.parametrize("command", {module: name for name, module in MODULES.items()}.values())
def test_a_command_loads_the_module_of_no_other(fresh_desk: Desk, command: str) -> None:
    with running(fresh_desk, command, "--help") as asked:
        assert asked.process.wait(60) == 0
        loaded = {*asked.loaded.read_text().split("\n")}
    assert loaded & {*MODULES.values()} == {MODULES[command]}


@pytest.mark.parametrize(("command", "setting"), [("work", "WORKER_DATABASE_URL")])
def test_a_setting_that_is_missing_is_one_sentence(
    fresh_desk: Desk, command: str, setting: str
) -> None:
    done = fresh_desk.run(command)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: ")
    assert setting in done.stderr
