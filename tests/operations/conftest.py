"""Runs the commands of docs/operations.md exactly as printed.

Tests that take minutes or need a program from Debian run only in make prove.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest

from cli.dev import stack
from db.local.account import server_account
from db.local.postgres import Server
from tests.support import loopback
from tests.support.kept import Kept
from tests.support.pages import blocks_of
from tests.support.waiting import until
from tests.support.workspace import PROGRAM, new_workspace

ROOT = Path(__file__).parents[2]
TO_PROVE = ("test_pooler.py", "test_proxy.py", "test_failover_load.py")
PASSWORD = "…"  # the password of all logins on that page
USER = "5a000000-0000-4000-8000-000000000001"
LOGINS = """
create role app_api login password '…' in role job_http;
grant connect on database app to app_api;
insert into auth.users (id) values ('5a000000-0000-4000-8000-000000000001');
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name in TO_PROVE and not config.getoption("--prove") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "major" in metafunc.fixturenames:
        majors = [18, 15] if metafunc.config.getoption("--prove") else [18]
        metafunc.parametrize("major", majors, indirect=True)


@pytest.fixture
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def blocks(title: str) -> list[tuple[str, str]]:
    """Returns language and text of each block in the section with this title."""
    page = (ROOT / "docs/operations.md").read_text()
    found = [(language, text) for at, language, text in blocks_of(page) if at == title]
    assert found
    return found


@dataclass(frozen=True)
class Shell:
    """Runs the blocks: in a folder, with replacements for the example's names, as a user."""

    folder: Path
    changes: Mapping[str, str]
    server: Server

    def put(self, text: str) -> str:
        """Returns the text with local values instead of the example's names."""
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text

    def write(self, text: str) -> None:
        """Writes a file. Its first line has its name."""
        head, _, text = text.partition("\n")
        (self.folder / head.strip("#; ")).write_text(self.put(text))

    def sql(self, text: str) -> None:
        with psycopg.connect(self.server.url("app"), autocommit=True) as connection:
            connection.execute(self.put(text).encode())

    def run(self, text: str, *, lent: bool = False, **environment: str) -> str:
        """Returns the output of an sh block. With `lent`, runs as the user that can run servers."""
        account = server_account(self.folder)
        user = {"user": account.uid, "group": account.gid, "extra_groups": []} if lent else {}
        done = subprocess.run(
            ["sh", "-ec", self.put(text)],
            cwd=self.folder,
            env={"PATH": f"{self.server.binaries / 'bin'}:/usr/bin:/bin:/usr/sbin"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **(user if account.lent else {}),  # type: ignore[arg-type]
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def api(self, text: str, url: str, **environment: str) -> Iterator[httpx2.Client]:
        """Yields a client of the API that an sh block starts at this URL, once it is ready."""
        with new_workspace() as workspace:
            process = subprocess.Popen(
                ["sh", "-ec", self.put(text).replace("index-jobs api", f"exec {PROGRAM} api")],
                cwd=self.folder,
                env=workspace.environment | environment,
            )
            key = workspace.run(
                "keys", "create", "k", "--user", USER, DATABASE_URL=self.server.url("app")
            ).stdout.strip()
            headers = {"Authorization": f"Bearer {key}"}
            try:
                with loopback.Client(base_url=url, headers=headers, timeout=30) as client:
                    until(lambda: status(client) == 200 or process.poll() is not None, 60)
                    assert process.poll() is None
                    yield client
            finally:
                process.terminate()
                process.wait()


def status(client: httpx2.Client) -> int:
    """Returns the status of /ready, or 0 without a response."""
    try:
        return client.get("/ready").status_code
    except httpx2.TransportError:
        return 0


@pytest.fixture
def shell(kept: Kept) -> Iterator[Callable[..., Shell]]:
    """Creates a shell with a migrated server and the page's login."""
    with ExitStack() as at_exit:

        def make(major: int, changes: Mapping[str, str], **settings: str) -> Shell:
            server = at_exit.enter_context(kept.server(major, settings={"fsync": "off"} | settings))
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute("create database app")
            stack.prepare(stack.Database(server.url("app"), server))
            folder = Path(
                at_exit.enter_context(tempfile.TemporaryDirectory(prefix="typed-", dir="/tmp"))
            )
            server_account(folder).own(folder)
            changes = {
                f"{PASSWORD}@": "secret@",
                f"'{PASSWORD}'": "'secret'",
                "db.example.com port=5432": f"127.0.0.1 port={server.port}",
                "db1.example.com:5432": f"127.0.0.1:{server.port}",
                **changes,
            }
            made = Shell(folder, changes, server)
            made.sql(LOGINS)
            return made

        yield make
