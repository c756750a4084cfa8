"""A setting that cannot work ends each process with one sentence, under uvicorn as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desk import Desk

UVICORN = Path(sys.executable).with_name("uvicorn")
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
WRONG = {
    "RUNNER_CONCURRENCY": ("two", "should be a valid integer"),
    "DATABASE_POOL_SIZE": ("0", "greater than or equal to 1"),
    "JOB_STATUS_TRACKING_ENABLED": ("perhaps", "should be a valid boolean"),
    "RUNNER_JOB_MEMORY": ("much", "parse value and unit"),
    "JWT_SECRET": ("short-and-secret", "at least 32 bytes"),
    "API_DATABASE_URL": ("mysql://me:short-and-secret@h/d", "postgresql://USER"),
    "WORKER_DATABASE_URL": ("postgresql://me:short-and-secret@h:port/d", "the port as a number"),
    "SUPABASE_URL": ("project.supabase.co", "https://PROJECT.supabase.co"),
    "JWKS_URL": ("project.supabase.co/keys", "begins with https://"),
    "GIT_BASE_URL": ("github.com", "begins with https://"),
    "LOCAL_REPOSITORY_ROOTS": ("src", "absolute folders"),
}


def said_by_uvicorn(desk: Desk, factory: str, environment: dict[str, str]) -> str:
    """The one line that it writes, and no traceback, before it fails."""
    done = subprocess.run(
        [UVICORN, "--factory", factory, "--port", "0"],
        env=desk.environment | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("name", WRONG)
def test_a_command_says_what_is_wrong_with_a_setting(fresh_desk: Desk, name: str) -> None:
    value, words = WRONG[name]
    done = fresh_desk.run("serve", "--port", "0", **{name: value})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {name}")
    assert words in done.stderr
    assert "short-and-secret" not in done.stderr
    assert list(fresh_desk.run_dir.iterdir()) == []


@pytest.mark.parametrize("factory", ["cli.dev.serve:make_app", "api.app:create_app"])
@pytest.mark.parametrize("name", ["DATABASE_POOL_SIZE", "JWT_SECRET", "API_DATABASE_URL"])
def test_uvicorn_says_what_is_wrong_with_a_setting(
    fresh_desk: Desk, factory: str, name: str
) -> None:
    value, words = WRONG[name]
    said = said_by_uvicorn(fresh_desk, factory, {"API_DATABASE_URL": NOWHERE} | {name: value})
    assert said.startswith(f"error: {name}")
    assert words in said
    assert "short-and-secret" not in said


@pytest.mark.parametrize("factory", ["cli.dev.serve:make_app", "api.app:create_app"])
def test_uvicorn_says_which_settings_name_the_database(fresh_desk: Desk, factory: str) -> None:
    said = said_by_uvicorn(fresh_desk, factory, {})
    assert said.startswith("error: neither API_DATABASE_URL nor both of SUPABASE_URL and ")


def test_a_command_says_that_the_run_dir_cannot_be_written_to(fresh_desk: Desk) -> None:
    (fresh_desk.run_dir / "file").touch()
    run_dir = str(fresh_desk.run_dir / "file")
    done = fresh_desk.run("serve", "--port", "0", RUN_DIR=run_dir)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: RUN_DIR={run_dir}: nothing can be written there")


def test_uvicorn_says_that_the_run_dir_cannot_be_written_to(fresh_desk: Desk) -> None:
    (fresh_desk.run_dir / "file").touch()
    urls = {"API_DATABASE_URL": NOWHERE, "WORKER_DATABASE_URL": NOWHERE}
    run_dir = str(fresh_desk.run_dir / "file")
    said = said_by_uvicorn(fresh_desk, "cli.dev.serve:make_app", urls | {"RUN_DIR": run_dir})
    assert said.startswith(f"error: RUN_DIR={run_dir}: nothing can be written there")
