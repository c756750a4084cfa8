"""The package of docs/examples, installed by npm, and Node to use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, Job, Tenant, avoid_end_of_hour, serve
from tests.support.fetch import node_modules
from tests.support.waiting import until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose node_modules contain the package that npm pack creates from docs/examples."""
    folder = tmp_path_factory.mktemp("application")
    modules = folder / "node_modules"
    shutil.copytree(node_modules(HERE), modules, symlinks=True)
    packed = subprocess.run(
        ["npm", "pack", "--json", "--pack-destination", folder],
        cwd=ROOT / "docs/examples",
        capture_output=True,
        text=True,
        check=True,
    )
    (archive,) = json.loads(packed.stdout)
    with tarfile.open(folder / archive["filename"]) as package:
        package.extractall(folder, filter="data")
    (folder / "package").rename(modules / "index-jobs-client")
    for file in (*HERE.glob("*.mjs"), *HERE.glob("*.ts"), ROOT / "supabase/database.types.ts"):
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        avoid_end_of_hour(place)
        yield api


@pytest.fixture
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture
def job(api: Api, alice: Tenant) -> Job:
    return Job(api, alice)


class Follower:
    """A Node process that follows a job, with its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def of(self, kind: str) -> list[Any]:
        return [each[kind] for each in self.said if kind in each]

    @property
    def statuses(self) -> list[tuple[str, int]]:
        return [(job["status"], job["version"]) for job in self.of("job")]

    def sees(self, status: str) -> None:
        until(lambda: status in [seen for seen, _ in self.statuses] or self.has_ended())
        assert status in [seen for seen, _ in self.statuses], self.said

    def tell(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        until(self.has_ended)
        self._reader.join()
        assert self.process.returncode == 0, self.said


@contextmanager
def node(folder: Path, script: str, **environment: str) -> Iterator[Follower]:
    process = subprocess.Popen(
        ["node", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    follower = Follower(process)
    try:
        yield follower
    finally:
        process.kill()
        process.communicate()
