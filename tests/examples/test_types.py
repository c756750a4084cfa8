"""The types of the package, as tsc --strict reads them in an application."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

COMPILER = (
    *("node", "node_modules/typescript/bin/tsc", "--strict", "--noEmit", "--target", "es2022"),
    *("--module", "nodenext", "--types", "react,node"),
)


def compiled(application: Path, *files: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMPILER, *files], cwd=application, capture_output=True, text=True, check=False
    )


def test_an_application_compiles(application: Path) -> None:
    done = compiled(application, "consumer.ts")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("job.progress?.done", "job.progress?.dome"),
        ("job.progress?.done", "job.progress.done"),
        ("data?.stats?.files_indexed", "data?.stats?.files_indexed.length"),
        ('repository: "a/b"', 'repositry: "a/b"'),
        ("p_ref: null", "p_ref: 5"),
        ('.rpc("create_index_job"', '.rpc("claim_index_job"'),
    ],
)
def test_a_mistake_does_not_compile(application: Path, right: str, wrong: str) -> None:
    source = (application / "consumer.ts").read_text()
    assert right in source
    (application / "mistake.ts").write_text(source.replace(right, wrong))
    assert compiled(application, "mistake.ts").returncode != 0
