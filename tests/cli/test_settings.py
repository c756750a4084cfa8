"""An invalid setting ends each process with a one-line error."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

from db.tools.settings import authorities
from tests.support.workspace import Workspace

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
WRONG = {
    "RUNNER_CONCURRENCY": ("two", "should be a valid integer"),
    "DATABASE_POOL_SIZE": ("0", "greater than or equal to 1"),
    "DATABASE_PREPARED_STATEMENTS": ("maybe", "valid boolean"),
    "JOB_STATUS_TRACKING_ENABLED": ("perhaps", "should be a valid boolean"),
    "RUNNER_JOB_MEMORY": ("much", "parse value and unit"),
    "JWT_SECRET": ("short-and-secret", "at least 32 bytes"),
    "API_DATABASE_URL": ("mysql://me:short-and-secret@h/d", "postgresql://USER"),
    "WORKER_DATABASE_URL": (
        "postgresql://me:short-and-secret@h:port/d",
        "use a number for the port",
    ),
    "SUPABASE_URL": ("project.supabase.co", "https://PROJECT.supabase.co"),
    "JWKS_URL": ("project.supabase.co/keys", "starts with https://"),
    "GIT_BASE_URL": ("github.com", "starts with https://"),
    "LOCAL_REPOSITORY_ROOTS": ("src", "absolute folders"),
}


def said_by_api(workspace: Workspace, environment: dict[str, str]) -> str:
    """Returns the only line that the API's command prints before it fails, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "api"],
        env=workspace.environment | {"PORT": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    return done.stderr


@pytest.mark.parametrize("name", WRONG)
def test_command_names_the_invalid_setting(fresh_workspace: Workspace, name: str) -> None:
    value, words = WRONG[name]
    done = fresh_workspace.ask("serve", "--port", "0", **{name: value})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {name}")
    assert words in done.stderr
    assert "short-and-secret" not in done.stderr
    assert list(fresh_workspace.run_dir.iterdir()) == []


@pytest.mark.parametrize("name", ["RUNNER_CONCURRENCY", "JWT_SECRET", "API_DATABASE_URL"])
def test_api_names_the_invalid_setting(fresh_workspace: Workspace, name: str) -> None:
    value, words = WRONG[name]
    said = said_by_api(fresh_workspace, {"API_DATABASE_URL": NOWHERE} | {name: value})
    assert said.startswith(f"error: {name}")
    assert words in said
    assert "short-and-secret" not in said


def test_api_names_the_settings_of_the_database(fresh_workspace: Workspace) -> None:
    said = said_by_api(fresh_workspace, {})
    assert said.startswith("error: neither API_DATABASE_URL nor both of SUPABASE_URL and ")


def test_command_reports_an_unwritable_run_dir(fresh_workspace: Workspace) -> None:
    (fresh_workspace.run_dir / "file").touch()
    run_dir = str(fresh_workspace.run_dir / "file")
    done = fresh_workspace.ask("serve", "--port", "0", RUN_DIR=run_dir)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: RUN_DIR={run_dir} is not writable")


def test_api_reports_an_unwritable_run_dir(fresh_workspace: Workspace) -> None:
    (fresh_workspace.run_dir / "file").touch()
    urls = {"API_DATABASE_URL": NOWHERE, "WORKER_DATABASE_URL": NOWHERE}
    run_dir = str(fresh_workspace.run_dir / "file")
    said = said_by_api(fresh_workspace, urls | {"RUN_DIR": run_dir})
    assert said.startswith(f"error: RUN_DIR={run_dir} is not writable")


def test_trusted_certificates_are_loaded_only_for_https() -> None:
    assert authorities("https://example.org") is True
    assert authorities("HTTPS://example.org") is True
    nobody = authorities("http://127.0.0.1:8321")
    assert isinstance(nobody, ssl.SSLContext)
    assert (nobody.verify_mode, nobody.get_ca_certs()) == (ssl.CERT_REQUIRED, [])
