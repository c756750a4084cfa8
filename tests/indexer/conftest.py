"""Real git repositories, and the indexer in its own process as in production."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.githost import Host
from tests.support.waiting import PATIENCE

_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


class Git:
    """A repository with a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self("init", "-q", "-b", "main")
        self("config", "user.name", "Test")
        self("config", "user.email", "test@example.com")

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def write(self, name: str | bytes, content: bytes | str) -> None:
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))  # noqa: PTH118
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, bytes | str] | None = None) -> str:
        for name, content in (files or {}).items():
            self.write(name, content)
        self("add", "--all", "--force")
        self("commit", "-q", "--allow-empty", "-m", "Change")
        return self("rev-parse", "HEAD")


@dataclass(frozen=True)
class Outcome:
    """The result of one run of the indexer."""

    exit_code: int
    events: list[dict[str, Any]]
    stdout: str
    stderr: str

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def stats(self) -> dict[str, Any]:
        assert self.last["event"] == "result", self.last
        return self.last["stats"]

    @property
    def error(self) -> str:
        assert self.last["event"] == "error", self.last
        assert self.exit_code in {1, -signal.SIGKILL}
        return self.last["code"]

    @property
    def files(self) -> list[list[str | None]]:
        return _rows(self.last["files"])

    @property
    def symbols(self) -> list[list[str | None]]:
        return _rows(self.last["symbols"])

    @property
    def skipped(self) -> dict[str | None, str | None]:
        """Returns the reasons by path."""
        rows = _rows(self.last["skipped"])
        assert len({path for path, _ in rows}) == len(rows)
        return dict((path, reason) for path, reason in rows)  # noqa: C402

    @property
    def paths(self) -> list[str | None]:
        return [row[1] for row in self.files]


def _rows(path: str) -> list[list[str | None]]:
    lines = Path(path).read_bytes().decode().split("\n")
    assert lines.pop() == ""
    return [[_value(field) for field in line.split("\t")] for line in lines]


def _value(field: str) -> str | None:
    if field == "\\N":
        return None
    return re.sub(r"\\[\\tnr]", lambda match: _UNESCAPED[match[0]], field)


Start = Callable[..., "subprocess.Popen[str]"]
Index = Callable[..., Outcome]


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """The folder with the repositories that may be indexed."""
    path = tmp_path / "repositories"
    path.mkdir()
    return path


@pytest.fixture
def new_repository(roots: Path) -> Callable[..., Git]:
    numbers = count(1)
    return lambda name=None: Git(roots / (name or f"repository-{next(numbers)}"))


@pytest.fixture
def repository(new_repository: Callable[..., Git]) -> Git:
    return new_repository()


@pytest.fixture
def start(tmp_path: Path, roots: Path) -> Iterator[Start]:
    """Starts the indexer. Kills what is left of it after the test."""
    numbers = count(1)
    started: list[subprocess.Popen[str]] = []

    def start(
        git_url: object, *, environment: dict[str, str] | None = None, **request: Any
    ) -> subprocess.Popen[str]:
        scratch = tmp_path / f"scratch-{next(numbers)}"
        scratch.mkdir()
        data = {"git_url": str(git_url), "ref": "HEAD", "commit_sha": None, "limits": {}}
        data |= {"scratch": str(scratch), "local_roots": [str(roots)]}
        data |= {"trusted_hosts": ["127.0.0.1"]} | request
        (scratch / "request.json").write_text(json.dumps(data))
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.indexer", str(scratch / "request.json")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def index(start: Start) -> Index:
    """Runs the indexer to its end."""

    def index(git_url: object, **request: Any) -> Outcome:
        process = start(git_url, **request)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        events = [json.loads(line) for line in stdout.splitlines()]
        return Outcome(process.returncode, events, stdout, stderr)

    return index


@pytest.fixture
def site(roots: Path) -> Iterator[Host]:
    """A git host over http that the indexer trusts by default."""
    host = Host(roots)
    yield host
    host.close()


@pytest.fixture
def elsewhere(roots: Path, site: Host) -> Iterator[Host]:
    """A redirect target that must not be followed."""
    host = Host(roots)
    site.elsewhere = host.url
    yield host
    host.close()
