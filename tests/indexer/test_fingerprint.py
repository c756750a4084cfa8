"""The fingerprint of the extractor: a new one makes the next job index everything again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from worker.indexer import fingerprint

PACKAGE = Path(fingerprint.__file__).parent


def fingerprint_of(root: Path) -> str:
    code = "from worker.indexer.fingerprint import fingerprint; print(fingerprint(1000))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((path.relative_to(PACKAGE).as_posix(), True) for path in PACKAGE.glob("queries/*.scm")),
        *((f"{name}.py", True) for name in (
            "attributes", "content_language", "declarators", "extraction", "job", "languages",
            "macro_masks", "parsers", "repository_context", "skip_rules", "symbols", "text",
        )),
        *((f"{name}.py", False) for name in ("__init__", "guard", "protocol", "server", "source")),
    ],
)  # fmt: skip
def test_fingerprint_changes_only_with_what_affects_rows(
    name: str, changes: bool, tmp_path: Path
) -> None:
    copy = tmp_path / "worker/indexer"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "worker/__init__.py").touch()
    before = fingerprint_of(tmp_path)
    mark = "\n; changed\n" if name.endswith(".scm") else "\n# changed\n"
    (copy / name).write_text((copy / name).read_text() + mark)
    assert (fingerprint_of(tmp_path) != before) is changes


def test_file_size_limit_is_part_of_the_fingerprint() -> None:
    assert fingerprint.fingerprint(1000) != fingerprint.fingerprint(1001)
    assert fingerprint.fingerprint(1000) == fingerprint.fingerprint(1000)
