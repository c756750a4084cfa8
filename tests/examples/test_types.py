"""The types of the package, checked by tsc --strict in an application."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

COMPILER = (
    *("node", "node_modules/typescript/bin/tsc", "--strict", "--noEmit", "--target", "es2022"),
    *("--module", "nodenext", "--types", "react,node"),
)
MISTAKES = {  # correct code -> a mistake
    "job.progress?.done": "job.progress?.dome",
    "done = job.progress?.done": "done = job.progress.done",
    "data?.stats?.files_indexed": "data?.stats?.files_indexed.length",
    'repository: "a/b"': 'repositry: "a/b"',
    "p_ref: null": "p_ref: 5",
    '.rpc("create_index_job"': '.rpc("claim_index_job"',
}


@pytest.fixture(scope="module")
def wrong(application: Path) -> dict[str, str]:
    """Returns tsc's errors by file, for the application and for each mistake."""
    source = (application / "consumer.ts").read_text()
    files = ["consumer.ts"]
    for number, (right, mistake) in enumerate(MISTAKES.items()):
        assert right in source
        files.append(f"mistake{number}.ts")
        (application / files[-1]).write_text(source.replace(right, mistake))
    done = subprocess.run(
        [*COMPILER, *files], cwd=application, capture_output=True, text=True, check=False
    )
    return {line.partition("(")[0]: line for line in done.stdout.splitlines() if line[0] != " "}


def test_application_compiles(wrong: dict[str, str]) -> None:
    assert {file: said for file, said in wrong.items() if not file.startswith("mistake")} == {}


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistake_does_not_compile(wrong: dict[str, str], number: int) -> None:
    assert f"mistake{number}.ts" in wrong
