"""`index-jobs watch`: interruptions, timeouts and the commands that it suggests."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.ports import kept_port
from tests.support.waiting import until, wait_out_end_of_hour
from tests.support.workspace import PROGRAM, Workspace, all_shown

IMPATIENT = "from cli import client, main; client._OUTAGE_SECONDS = 0; main.main()"


@contextmanager
def watching(
    workspace: Workspace, *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Starts a watch that has shown the job. Yields it with its lines on stderr."""
    process = subprocess.Popen(
        [PROGRAM, "watch", *arguments],
        env=workspace.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()))
    reader.start()
    try:
        until(lambda: "pending" in "".join(lines), 60)
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()


@pytest.fixture(scope="module")
def idle(workspace: Workspace) -> Iterator[Workspace]:
    """A workspace whose server runs no jobs."""
    with workspace.serving("--port", "0", RUNNER_CONCURRENCY="0"):
        yield workspace


def test_ctrl_c_ends_watch_with_one_line_on_how_to_continue(
    idle: Workspace, small_repository: Path
) -> None:
    job_id = idle.ask("index", small_repository, "--user", "carol").stdout.strip()
    with watching(idle, job_id, "--user", "carol") as (process, lines):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    said = [line for line in lines if "pending" not in line]
    assert len(said) == 1
    assert said[0].startswith("  the job is still running; to watch it again: ")
    assert said[0].endswith(f"index-jobs watch {job_id} --user carol\n")


def test_watch_survives_a_server_restart_and_says_so_once(
    used_workspace: Workspace, small_repository: Path
) -> None:
    with kept_port() as port, contextlib.ExitStack() as stack:
        with used_workspace.serving("--port", str(port), RUNNER_CONCURRENCY="0") as served:
            job_id = used_workspace.ask("index", small_repository).stdout.strip()
            process, lines = stack.enter_context(watching(used_workspace, job_id))
            served.end(signal.SIGTERM)
        with socket.create_server(("127.0.0.1", port)) as other:
            other.settimeout(60)
            for _ in range(2):  # retries without success
                other.accept()[0].close()
        with used_workspace.serving("--port", str(port)):
            assert process.wait(60) == 0
    said = "".join(lines)
    assert said.count("cannot be reached") == said.count("The API is answering again.") == 1


def test_lasting_outage_ends_watch_with_a_hint_on_how_to_continue(
    fresh_workspace: Workspace,
) -> None:
    job_id, url = str(uuid4()), "http://127.0.0.1:1"
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, "watch", job_id, "--api-url", url, "--api-key", "ij_x"],
        env=fresh_workspace.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1)
    assert done.stderr.startswith(f"error: The API at {url} cannot be reached")
    again = f"index-jobs watch {job_id} --api-url {url} --api-key KEY\n"
    assert done.stderr.endswith(again)


def on_a_terminal(workspace: Workspace, *arguments: str | Path) -> tuple[str, str]:
    """Returns a command's stdout, and its stderr on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *arguments], env=workspace.environment, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    shown = all_shown(ours)
    data = process.communicate()[0].decode()
    assert process.returncode == 0, shown
    return data, shown.decode()


def test_terminal_gets_the_command_to_watch_an_unfinished_job(
    idle: Workspace, small_repository: Path
) -> None:
    data, shown = on_a_terminal(idle, "index", small_repository)
    job_id = data.strip()
    assert f"index-jobs watch {job_id}" in shown
    data, shown = on_a_terminal(idle, "status", job_id)
    assert data.startswith("pending")
    assert f"index-jobs watch {job_id}" in shown


COUNT = """
select coalesce(sum(c.requests), 0)::integer from private.rate_limit_counters as c
where c.user_id = %s and c.window_start = date_trunc('hour', now(), 'UTC')
"""
USE_UP = """
with used as (
  insert into private.rate_limit_counters (user_id, window_start, requests)
  values (%s, date_trunc('hour', now(), 'UTC'), 100)
  on conflict (user_id) do update
  set requests = excluded.requests, window_start = excluded.window_start
  returning 1)
select from used
"""
BEGIN_AND_END = """
with begun as (
  select j.attempt from public.update_job_status(%s, 'processing', '{}', null, %s) as j)
select from begun, public.update_job_status(%s, 'completed', '{}', begun.attempt)
"""


def test_watch_times_out_with_a_hint_on_how_to_continue(
    idle: Workspace, small_repository: Path
) -> None:
    job_id = idle.ask("index", small_repository, "--user", "carol").stdout.strip()
    done = idle.ask("watch", job_id, "--user", "carol", "--timeout", "2")
    assert (done.returncode, done.stdout) == (7, "")
    assert "The job is pending after 2 s." in done.stderr
    assert done.stderr.endswith(f"index-jobs watch {job_id} --user carol\n")


def test_watch_does_not_wait_for_quota_beyond_its_timeout(
    idle: Workspace, small_repository: Path
) -> None:
    wait_out_end_of_hour()
    job_id = idle.ask("index", small_repository, "--user", "alice").stdout.strip()
    idle.sql(USE_UP, idle.dev_env["ALICE_ID"])
    done = idle.ask("watch", job_id, "--timeout", "2")
    assert (done.returncode, done.stdout) == (6, "")
    assert "You have used this hour's quota of 100 requests." in done.stderr


def test_watch_follows_a_job_for_two_requests(idle: Workspace, small_repository: Path) -> None:
    wait_out_end_of_hour()
    job_id = idle.ask("index", small_repository, "--user", "bob").stdout.strip()
    bob = idle.dev_env["BOB_ID"]
    before = idle.sql(COUNT, bob)[0][0]
    with watching(idle, job_id, "--user", "bob") as (process, _):
        until(lambda: idle.sql(COUNT, bob)[0][0] == before + 2)
        worker = str(uuid4())
        idle.sql(BEGIN_AND_END, job_id, worker, job_id)
        assert process.wait(60) == 0
    assert idle.sql(COUNT, bob)[0][0] == before + 2


def test_json_output_has_one_line_per_change(idle: Workspace, small_repository: Path) -> None:
    job_id = idle.ask("index", small_repository, "--user", "bob").stdout.strip()
    process = subprocess.Popen(
        [PROGRAM, "watch", job_id, "--json", "--user", "bob"],
        env=idle.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        told = [json.loads(lines.readline())]
        idle.sql(BEGIN_AND_END, job_id, str(uuid4()), job_id)
        told += [json.loads(line) for line in lines]
    assert process.wait(60) == 0
    assert (told[0]["status"], told[-1]["status"]) == ("pending", "completed")
    versions = [job["version"] for job in told]
    assert versions == sorted(set(versions)), "no change is printed twice"


@pytest.mark.parametrize("way", ["pipe", "terminal", "json"])
def test_cancel_prints_the_resulting_status(
    idle: Workspace, small_repository: Path, way: str
) -> None:
    """A pending job is cancelled at once. A running one gets a cancellation request."""
    pending, begun = (
        idle.ask("index", small_repository, "--user", "carol").stdout.strip() for _ in range(2)
    )
    idle.sql(
        "select from public.update_job_status(%s, 'processing', '{}', null, %s)",
        begun,
        str(uuid4()),
    )
    for job_id, status in ((pending, "cancelled"), (begun, "processing")):
        words = ["cancel", job_id, "--user", "carol"]
        if way == "terminal":
            code, shown = idle.ask_on_terminal(*words, COLUMNS="0", NO_COLOR="1")
            assert (code, shown.startswith(f"{status}  ")) == (0, True)
            assert ("index-jobs watch" in shown) is (status == "processing")
            continue
        done = idle.ask(*words, *(["--json"] if way == "json" else []))
        assert done.returncode == 0
        assert ("was asked to stop" in done.stderr) is (status == "processing")
        told = json.loads(done.stdout)["status"] if way == "json" else done.stdout.split()[0]
        assert told == status
        assert done.stdout.count("\n") == 1
