"""Runs the console script like a user: a process with exit code, stdout and stderr."""

from __future__ import annotations

import io
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import psycopg
import pytest
from dotenv import dotenv_values

from cli import commands
from tests.support.processes import read_until_killed
from tests.support.waiting import until

PROGRAM = Path(sys.executable).with_name("index-jobs")

# variables of a developer's shell that tests must not see
_FOREIGN = ("API_", "CORS_", "DATA", "GIT_", "HOST", "JW", "LOCAL_", "PORT", "REPO", "RUN", "SERV")


def all_shown(terminal: int) -> bytes:
    """Reads a terminal until its last writer ends, and closes this end."""
    shown = b""
    with suppress(OSError):  # the terminal was closed
        while block := os.read(terminal, 4096):
            shown += block
    os.close(terminal)
    return shown


@dataclass
class Served:
    """A running `index-jobs serve`."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def end(self, number: signal.Signals) -> int:
        """Sends this signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@dataclass(frozen=True)
class Workspace:
    """A separate run directory, and the commands run there."""

    run_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        return kept | {"RUN_DIR": str(self.run_dir), "TERM": "xterm"}

    @property
    def dev_env(self) -> dict[str, str]:
        return {k: v or "" for k, v in dotenv_values(self.run_dir / "dev.env").items()}

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment | environment,
            cwd=self.run_dir,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "\x1b" not in done.stdout + done.stderr, "colours in a pipe"
        return done

    def ask(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Like `run`, but in this process, which saves most of the time of an API command.

        Only for commands that neither replace their process nor start others.
        """
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        code = self._in_here(arguments, environment, out, err)
        shown = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
        assert "\x1b" not in "".join(shown), "colours in a pipe"
        return subprocess.CompletedProcess([str(PROGRAM), *map(str, arguments)], code, *shown)

    def ask_on_terminal(self, *arguments: str | Path, **environment: str) -> tuple[int, str]:
        """Like `ask`, but on a terminal. Returns the exit code and the output."""
        ours, theirs = pty.openpty()
        with ThreadPoolExecutor(1) as reader, os.fdopen(theirs, "w", encoding="utf-8") as terminal:
            shown = reader.submit(all_shown, ours)
            code = self._in_here(arguments, environment, terminal, terminal)
            terminal.close()
            return code, shown.result().decode().replace("\r\n", "\n")

    def _in_here(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str],
        out: TextIO,
        err: TextIO,
    ) -> int:
        words = [str(PROGRAM), *map(str, arguments)]
        surroundings = self.environment | environment
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ.keys() - surroundings.keys():
                patch.delenv(name)
            for name, value in surroundings.items():
                patch.setenv(name, value)
            patch.chdir(self.run_dir)
            for name, stream in (("argv", words), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, stream)
            at_sigterm = signal.getsignal(signal.SIGTERM)  # a server changes it
            try:
                return commands.run()
            except SystemExit as end:
                return int(end.code or 0)
            finally:
                signal.signal(signal.SIGTERM, at_sigterm)

    @contextmanager
    def serving(self, *arguments: str, **environment: str) -> Iterator[Served]:
        """Runs `index-jobs serve`. Yields once it responds, and kills it at the end if needed."""
        process = subprocess.Popen(
            [PROGRAM, "serve", *arguments],
            env=self.environment | environment,
            cwd=self.run_dir,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        served = Served(process)
        with read_until_killed(process, served.lines):
            until(lambda: "Ctrl-C" in served.said or process.poll() is not None, 60)
            assert process.poll() is None, served.said
            yield served

    def sql(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Returns rows of the running database, read as its superuser."""
        with psycopg.connect(self.dev_env["DEV_DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(query.encode(), arguments).fetchall()


@contextmanager
def new_workspace() -> Iterator[Workspace]:
    """Yields an empty run directory, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="index-jobs-cli-", dir="/tmp"))
    folder.chmod(0o711)  # root's Postgres runs as another user
    try:
        yield Workspace(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
