"""The Makefile: its targets, and the git hook that one of them installs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.dev import lock
from tests.support.checkout import clone

ROOT = Path(__file__).parents[2]
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_help_lists_every_target() -> None:
    assert re.findall(r"^  make ([a-z]+)  +\S", make("help").stdout, re.M) == TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_valid_shell_commands(target: str) -> None:
    planned = make("--dry-run", "--always-make", target, "name=x", "VERSION=1.2.3")
    assert planned.returncode == 0, planned.stderr
    shell = subprocess.run(
        ["sh", "-n"], input=planned.stdout, capture_output=True, text=True, check=False
    )
    assert (shell.returncode, shell.stderr) == (0, "")


def test_too_old_python_is_named_before_anything_is_created(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    pretend = "import sys; sys.version_info = (3, 10, 4); exec(sys.argv[2])"
    old.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{pretend}' \"$@\"\n")
    old.chmod(0o755)
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "pyproject.toml").touch()
    for target in ("demo", "check"):
        done = make(target, f"PYTHON={old}", folder=tmp_path)
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == (
            f"error: Python 3.11 or newer is needed, and {old} is 3.10: "
            "name a newer one, such as make PYTHON=python3.11"
        )
        assert not (tmp_path / ".venv").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the current files and this environment."""
    return clone(tmp_path / "checkout").root


def test_clean_keeps_data_in_use(checkout: Path) -> None:
    data = checkout / ".run/pgdata/PG_VERSION"
    data.parent.mkdir(parents=True)
    data.touch()
    with lock.take(checkout / ".run/serve.lock", "make serve"):
        refused = make("clean", folder=checkout)
        assert refused.returncode == 2
        said = f"error: make serve (process {os.getpid()}) is using .run: stop it first"
        assert refused.stderr.startswith(said)
        assert data.exists()
        assert (checkout / ".venv").exists()
    assert make("clean", folder=checkout).returncode == 0
    assert not (checkout / ".run").exists()
    assert not (checkout / ".venv").exists()


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    author = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    return subprocess.run(
        ["git", "-C", folder, *author, *arguments], capture_output=True, text=True, check=False
    )


def test_hook_commits_only_what_was_checked(checkout: Path) -> None:
    assert make("hooks", folder=checkout).returncode == 0

    def commit() -> subprocess.CompletedProcess[str]:
        return git(checkout, "commit", "--allow-empty", "--message=y")

    function = checkout / "db/functions/get_job_status.sql"
    text = function.read_text()
    function.write_text(text + "-- not staged\n")
    refused = commit()
    assert refused.returncode == 1
    assert "db/functions/get_job_status.sql\ngit add these first" in refused.stderr
    function.write_text(text)

    new = checkout / "supabase/migrations/20990101000000_new.sql"
    new.touch()
    refused = commit()
    assert refused.returncode == 1
    assert "supabase/migrations/20990101000000_new.sql\ngit add these first" in refused.stderr
    new.unlink()

    (checkout / "api/unused.py").write_text("import os\n")
    git(checkout, "add", "api/unused.py")
    refused = commit()
    assert refused.returncode == 1
    assert "F401" in refused.stdout + refused.stderr
    git(checkout, "rm", "--quiet", "--force", "api/unused.py")

    accepted = commit()
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
