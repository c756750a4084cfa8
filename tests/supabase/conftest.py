"""Supabase's own command line on databases prepared like Supabase's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.fetch import supabase_cli
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent

Supabase = Callable[..., subprocess.CompletedProcess[str]]


def command_line(home: Path) -> Supabase:
    """Runs a CLI command in a folder, on a database by its owner's URL."""
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SUPABASE_TELEMETRY_DISABLED": "1",
    }

    def run(
        folder: Path, *arguments: str, database: Any = None, exit_code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        remote = (f"--remote={database.migrator_url}?sslmode=disable",) if database else ()
        done = subprocess.run(
            [supabase_cli(), *arguments, *remote],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def supabase(tmp_path: Path) -> Supabase:
    return command_line(tmp_path / "home")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project's supabase/, so that the CLI writes no files to it."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "supabase", folder / "supabase")
    return folder
