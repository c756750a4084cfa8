"""Read-only commands without a database say so and create nothing."""

from __future__ import annotations

import signal

import pytest

from tests.support.workspace import Workspace

LOOKING = [
    "keys list --user alice",
    "keys create laptop --user alice",
    "keys revoke ij_0 --user alice",
    "doctor",
    "psql",
    "migrate --dry-run",
    "rollback",
    "reset",
]


@pytest.mark.parametrize("command", LOOKING)
def test_no_database_is_created(fresh_workspace: Workspace, command: str) -> None:
    call = fresh_workspace.run if command == "psql" else fresh_workspace.ask
    done = call(*command.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    said = (
        f"error: there is no database in {fresh_workspace.run_dir}/pgdata: create one (make serve)"
    )
    assert done.stderr.startswith(said)
    assert list(fresh_workspace.run_dir.iterdir()) == []


def test_no_database_is_created_beside_a_leftover_lock(fresh_workspace: Workspace) -> None:
    (fresh_workspace.run_dir / "pgdata.stack.lock").touch()
    done = fresh_workspace.run("psql")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (fresh_workspace.run_dir / "pgdata").exists()


@pytest.mark.parametrize("command", ["status x", "watch x", "index a/b"])
def test_missing_api_error_names_the_settings_file(
    fresh_workspace: Workspace, command: str
) -> None:
    done = fresh_workspace.ask(*command.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1)
    assert (
        f"{fresh_workspace.run_dir}/dev.env does not exist: start one with make serve"
        in done.stderr
    )
    assert list(fresh_workspace.run_dir.iterdir()) == []


def test_stopped_database_is_started(used_workspace: Workspace) -> None:
    with used_workspace.serving("--port", "0") as served:
        assert served.end(signal.SIGTERM) == 0
    for command in (["psql", "-Atc", "select 1"], ["keys", "list", "--user", "alice"]):
        assert used_workspace.run(*command).returncode == 0
