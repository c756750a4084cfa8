"""Runs static analysis of our SQL and Python. A part of make check.

squawk reads the unreleased migrations, bandit the Python that is shipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from db.tools.stamp.files import ROOT, unreleased

PACKAGES = ("api", "cli", "db", "worker")
EXCLUDED = {
    "require-concurrent-index-creation": "a mirrored file is one transaction (CONVENTIONS.md)",
    "require-lock-timeout": "the migrator sets it, for each session",
    "require-statement-timeout": "a migration that copies rows takes as long as it takes",
    "prefer-bigint-over-int": "attempts, slots and limits are small",
}
"""The excluded rules of squawk, with reasons."""
_ALLOWED_DROP = "drop function private."  # no client can call these


def squawk(files: Iterable[Path]) -> list[str]:
    """Returns squawk's findings for migrations that are deployed together, oldest first.

    They are read as one file: a table created in one has no rows yet when the next changes it.
    """
    text = "".join(file.read_text() for file in files)
    command = [_program("squawk"), "--assume-in-transaction", "--pg-version=15.0"]
    command += [f"--exclude={','.join(EXCLUDED)}", "--reporter=json"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or not done.stdout:
        raise RuntimeError(f"squawk did not run: {done.stderr}")
    lines = text.splitlines()
    return [
        f"{found['rule_name']}: {found['message']} ({lines[found['line']].strip()})"
        for found in json.loads(done.stdout)
        if not lines[found["line"]].startswith(_ALLOWED_DROP)
    ]


def bandit(paths: Iterable[Path]) -> list[str]:
    """Returns bandit's findings for the Python code, from medium severity on."""
    command = [_program("bandit"), "--quiet", "-ll", "--format=json", "--recursive", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or not done.stdout:
        raise RuntimeError(f"bandit did not run: {done.stderr}")
    said = json.loads(done.stdout)
    return [f"{error['filename']}: {error['reason']}" for error in said["errors"]] + [
        f"{found['filename']}:{found['line_number']}: {found['test_id']} {found['issue_text']}"
        for found in said["results"]
    ]


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def main() -> int:
    """Prints the findings of both. Returns 1 if there are any."""
    found = [*squawk(unreleased(ROOT)), *bandit(ROOT / package for package in PACKAGES)]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
