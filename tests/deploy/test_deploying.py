"""The commands of docs/deploy, run in order on 15 and 18, and the settings in its files."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import yaml

from api.settings import ApiSettings
from tests.support import loopback
from tests.support.databases import Database
from tests.support.ports import kept_port
from tests.support.waiting import until
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
COMPOSE = DEPLOY / "compose.yaml"
SETTINGS = {name.upper() for name in ApiSettings.model_fields | WorkerSettings.model_fields} | {
    "DATABASE_URL"
}
CLOSED = """
alter default privileges for role migrator in schema public
revoke all on {kind} from anon, authenticated, service_role
"""


@pytest.fixture(scope="module", params=[18, 15])
def database(request: pytest.FixtureRequest, clusters: Callable[..., Any]) -> Iterator[Database]:
    """An empty database. The page's logins are dropped at the end."""
    with clusters(request.param, "ordinary").database("ordinary", migrated=False) as database:
        with psycopg.connect(database.url, autocommit=True) as connection:
            for kind in ("functions", "sequences", "tables"):  # as on a server without Supabase
                connection.execute(CLOSED.format(kind=kind).encode())
        yield database
        with psycopg.connect(database.url, autocommit=True) as connection:
            for login in ("app_api", "app_worker"):
                connection.execute(f"drop owned by {login}".encode())
                connection.execute(f"drop role {login}".encode())


@dataclass(frozen=True)
class Machine:
    """A machine after the first block of the page, run in the project's folder."""

    folder: Path
    blocks: list[str]
    environment: dict[str, str]

    def run(self, script: str, **more: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", script],
            cwd=self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Installs the wheel as the page says, in a folder instead of /opt."""
    folder = tmp_path_factory.mktemp("project")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", ROOT]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (folder / "docs").symlink_to(ROOT / "docs")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    if not request.config.getoption("--prove"):  # the test environment already has the dependencies
        environment |= {"PIP_NO_DEPS": "1", "PYTHONPATH": sysconfig.get_path("purelib")}
    text = (DEPLOY / "README.md").read_text()
    assert "/opt/index-jobs" in text
    text = text.replace("/opt/index-jobs", str(folder / "opt"))
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    machine = Machine(folder, blocks[1:], environment)
    assert re.search(r"(?m)^index-jobs \d+\.\d+\.\d+\n\Z", machine.run(blocks[0]))
    return machine


@contextmanager
def started(script: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    server = subprocess.Popen(
        ["sh", "-ec", f"exec env {script}"],
        cwd=folder,
        env=environment,
    )
    try:
        yield
    finally:
        server.terminate()
        server.wait(30)


def test_documented_deployment_steps_work(
    database: Database, machine: Machine, tmp_path: Path
) -> None:
    with kept_port() as port:
        url = f"http://127.0.0.1:{port}"
        changes = {
            "postgresql://app_owner:…@db.example.com/app": database.migrator_url,
            "@db.example.com/app": f"@127.0.0.1:{database.server.port}/{database.name}",
            "HOST=0.0.0.0 PORT=8321": f"HOST=127.0.0.1 PORT={port}",
        }
        blocks = machine.blocks
        for old, new in changes.items():
            assert any(old in block for block in blocks), old
            blocks = [block.replace(old, new) for block in blocks]
        migrate, api, work, runners, ready = blocks
        machine.run(migrate)
        machine.run(migrate)  # running it again, or several at once, is safe
        environment = machine.environment
        with started(work, tmp_path, environment), started(api, tmp_path, environment):
            until(lambda: is_ready(url), 60)
            owner = {"DATABASE_URL": database.migrator_url}
            until(lambda: " 3 |" in machine.run(runners, **owner), 60)
            assert '"ready"' in machine.run(ready, API_URL=url)


def is_ready(url: str) -> bool:
    try:
        return loopback.get(f"{url}/ready").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_start_existing_commands_with_existing_settings(path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    command = unit["Service"]["ExecStart"].removeprefix("/opt/index-jobs/bin/index-jobs ")
    assert path.stem == f"index-jobs-{command}"
    name = unit["Service"]["Environment"].partition("=")[0]
    assert name in SETTINGS
    assert unit["Service"]["EnvironmentFile"] == f"/etc/index-jobs/{command}.env"


def test_manifests_name_existing_settings() -> None:
    named = set()
    for path in MANIFESTS:
        for manifest in yaml.safe_load_all(path.read_text()):
            for container in (
                manifest["spec"].get("template", {}).get("spec", {}).get("containers", ())
            ):
                program, command = container["args"]
                assert program == "index-jobs"
                assert command in {"api", "work", "migrate"}
                named |= {variable["name"] for variable in container["env"]}
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("migrate", "api", "work"):
        named |= set(services[name]["environment"])
    assert named - SETTINGS == set()
    assert {"API_DATABASE_URL", "WORKER_DATABASE_URL", "DATABASE_URL", "METRICS_TOKEN"} <= named
