"""`index-jobs demo`: from an empty folder to an indexed repository in one command."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import taken
from tests.support.repositories import commit, modules
from tests.support.workspace import PROGRAM, Workspace, all_shown, new_workspace


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    """One run directory for all tests, empty at first."""
    with new_workspace() as workspace:
        yield workspace


def test_demo_indexes_this_checkout_twice(workspace: Workspace) -> None:
    for _ in range(2):
        done = workspace.run("demo")
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert record["status"] == "completed"
        stats = record["stats"]
        counted = (
            f"{stats['files_indexed']:,} indexed_files, {stats['symbols_extracted']:,} symbols"
        )
        assert f"select count(*): {counted}: the same" in done.stderr
        assert "POST /index" in done.stderr
        assert "202  jobId" in done.stderr
        assert "404 Not Found" in done.stderr


def test_more_than_1000_files_are_indexed_completely(workspace: Workspace, tmp_path: Path) -> None:
    commit(tmp_path / "large", modules(1001, lines=1))
    done = workspace.run("demo", REPO=str(tmp_path / "large"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stats"]["files_indexed"] == 1001
    assert "select count(*): 1,001 indexed_files, 1,001 symbols: the same" in done.stderr


def test_terminal_gets_a_progress_bar(workspace: Workspace, small_repository: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "demo", small_repository],
        env=workspace.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = all_shown(ours)
    assert process.wait(30) == 0
    assert "━" in shown.decode()
    assert b"\x1b[" in shown


def test_demo_indexes_detached_and_bare_repositories(workspace: Workspace, tmp_path: Path) -> None:
    sha = commit(tmp_path / "theirs", {"lib/x.go": "package x\nfunc F() {}\n"})
    git = ["git", "-C", str(tmp_path / "theirs")]
    subprocess.run([*git, "checkout", "--quiet", "--detach"], check=True)
    subprocess.run([*git, "clone", "--quiet", "--bare", ".", tmp_path / "bare"], check=True)
    for folder in ("theirs", "bare"):
        done = workspace.run("demo", REPO=str(tmp_path / folder))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["commit_sha"] == sha


def test_folders_with_the_same_name_are_separate_repositories(
    workspace: Workspace, tmp_path: Path
) -> None:
    shas = [commit(tmp_path / n / "twin", {"a.py": f"def f{n}(): ...\n"}) for n in ("1", "2")]
    for number, sha in zip(("1", "2"), shas, strict=True):
        done = workspace.run("demo", tmp_path / number / "twin")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["commit_sha"] == sha


@pytest.mark.parametrize(
    "what", ["empty folder", "no commit", "no such thing", "../no-such", "./no-such"]
)
def test_invalid_folder_is_a_one_line_error(
    workspace: Workspace, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "folder"
    if what in {"empty folder", "no commit"}:
        folder.mkdir()
    if what == "no commit":
        subprocess.run(["git", "init", "--quiet", folder], check=True)
    done = workspace.ask("demo", what if what.startswith(".") else folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "REPO=" in done.stderr


@pytest.mark.parametrize("place", ["src", "bare.git/objects", "src/a.py"])
def test_subfolder_of_a_repository_is_rejected_with_a_remedy(
    fresh_workspace: Workspace, tmp_path: Path, place: str
) -> None:
    commit(tmp_path / "theirs", {"src/a.py": "def f(): ...\n"})
    git = ["git", "clone", "--quiet", "--bare", tmp_path / "theirs", tmp_path / "bare.git"]
    subprocess.run(git, check=True)
    (tmp_path / "theirs/bare.git").symlink_to(tmp_path / "bare.git")
    for command in ("demo", "index"):
        done = fresh_workspace.ask(command, tmp_path / "theirs" / place)
        assert (done.returncode, done.stdout) == (1 if command == "demo" else 2, "")
        assert done.stderr.count("\n") == 1
        whole = tmp_path / ("bare.git" if "bare" in place else "theirs")
        remedy = "use the folder" if place.endswith(".py") else f"repository {whole}: index {whole}"
        assert remedy in done.stderr
    assert list(fresh_workspace.run_dir.iterdir()) == []


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_credentials_in_a_url_are_rejected_without_being_shown(
    workspace: Workspace, scheme: str
) -> None:
    done = workspace.ask("demo", REPO=f"{scheme}://me:hush-hush@example.org/a/b")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{scheme}://…@example.org/a/b" in done.stderr
    assert "hush-hush" not in done.stderr


def test_rejected_request_fails_the_demo(workspace: Workspace, small_repository: Path) -> None:
    done = workspace.run("demo", small_repository, LOCAL_REPOSITORY_ROOTS="/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(
        "error: REPO is not a folder, or not one that may"
    )


def test_failed_job_fails_the_demo(workspace: Workspace) -> None:
    done = workspace.run("demo", "https://127.0.0.1:1/no/where")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "failed"
    assert done.stderr.splitlines()[-1].startswith("error: the job failed: ")


def test_demo_follows_the_job_with_status_tracking_off(
    workspace: Workspace, small_repository: Path
) -> None:
    done = workspace.run("demo", small_repository, JOB_STATUS_TRACKING_ENABLED="false")
    assert done.returncode == 0, done.stderr
    assert "202  runId" in done.stderr
    assert json.loads(done.stdout)["status"] == "completed"


def test_default_port_in_use_is_replaced_by_the_next(
    workspace: Workspace, small_repository: Path
) -> None:
    while True:
        with taken(8321) as by_us:
            done = workspace.run("demo", small_repository)
        if by_us or "8321 is taken" in done.stderr:
            break  # otherwise the port has just become free
    assert done.returncode == 0, done.stderr
    used = re.search(r"^  port 8321 is taken: using (\d+)$", done.stderr, re.M)
    assert used, done.stderr
    assert f"API at http://127.0.0.1:{used[1]}\n" in done.stderr


def test_requested_port_in_use_is_an_error(workspace: Workspace, small_repository: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = workspace.run("demo", small_repository, PORT=port)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"port {port} is taken" in done.stderr
    assert "PORT=" in done.stderr


def test_demo_uses_the_api_of_a_running_serve(workspace: Workspace, small_repository: Path) -> None:
    with workspace.serving("--port", "0") as served:
        done = workspace.run("demo", small_repository)
        assert done.returncode == 0, done.stderr
        assert f"API of make serve at {workspace.dev_env['API_URL']}" in done.stderr
        worker = json.loads(done.stdout)["worker_id"]
        with psycopg.connect(workspace.dev_env["DEV_DATABASE_URL"]) as connection:
            row = connection.execute(
                "select r.pid from private.runners as r where r.worker_id = %s", (worker,)
            ).fetchone()
        assert row == (served.process.pid,)
