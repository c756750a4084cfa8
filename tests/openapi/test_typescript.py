"""A client that npm's openapi-typescript makes of the document: it compiles, and it works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.openapi.document import document
from tests.api.conftest import Api, serve
from tests.support.fetch import node_modules

HERE = Path(__file__).parent
COMPILER = (
    *("node", "node_modules/typescript/bin/tsc", "--strict", "--target", "es2022"),
    *("--module", "nodenext", "--types", "node"),
)
MISTAKES = {  # what stands in client.ts -> what does not compile
    "job?.progress?.done": "job?.progress?.dome",
    '{ status: "pending" }': '{ state: "pending" }',
    'repository: "octocat/Hello-World"': 'repo: "octocat/Hello-World"',
    "error?.code": "error?.kind",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with the types that were made, as npm installs what makes them."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "node_modules").symlink_to(node_modules(HERE.parent / "examples"))
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "openapi.json").write_text(json.dumps(document("", has_rest=True)))
    maker = "node_modules/openapi-typescript/bin/cli.js"
    run(folder, "node", maker, "openapi.json", "--output", "schema.ts")
    shutil.copy(HERE / "client.ts", folder)
    return folder


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        yield api


def run(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compiled(folder: Path) -> set[str]:
    """The files in which the compiler finds an error, of the client and of it with each mistake.

    All of them are compiled at once: each run reads the same types for ten seconds.
    """
    source = (HERE / "client.ts").read_text()
    files = ["client.ts"]
    for number, (right, wrong) in enumerate(MISTAKES.items()):
        assert right in source
        files.append(f"mistake{number}.ts")
        (folder / files[-1]).write_text(source.replace(right, wrong))
    done = subprocess.run(
        [*COMPILER, *files], cwd=folder, capture_output=True, text=True, check=False
    )
    return set(re.findall(r"(?m)^(\S+\.ts)\(\d+,\d+\): error ", done.stdout))


def test_it_compiles_and_follows_a_job(folder: Path, compiled: set[str], api: Api) -> None:
    assert "client.ts" not in compiled
    said = run(folder, "node", "client.js", API_URL=api.url, API_KEY=api.tenant().key)
    assert json.loads(said) == {
        "status": "pending",
        "listed": True,
        "sentence": json.loads(said)["sentence"],
        "code": "not_completed",
        "cancelled": [200, "cancelled"],
    }
    assert json.loads(said)["sentence"].startswith("Waiting: ")


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=MISTAKES.values())
def test_a_mistake_does_not_compile(compiled: set[str], number: int) -> None:
    assert f"mistake{number}.ts" in compiled
