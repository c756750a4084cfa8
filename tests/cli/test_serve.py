"""`index-jobs serve` starts everything in one process, and stops it again."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from db.tools import reset
from tests.support import loopback
from tests.support.databases import Database
from tests.support.ports import taken
from tests.support.processes import working_in
from tests.support.waiting import until
from tests.support.workspace import PROGRAM, Served, Workspace

USUAL_PORT = 8321


HOLD_SYMBOLS = """
create function private.hold_symbols() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(1);
  return null;
end;
$$;
create trigger hold_symbols after insert on public.symbols
  for each statement execute function private.hold_symbols();
select pg_advisory_lock(1);
"""


@contextmanager
def running_job(workspace: Workspace, repository: Path) -> Iterator[str]:
    """Starts a job that cannot end before the block or the server. Its files are being read."""
    url = workspace.dev_env["DEV_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HOLD_SYMBOLS)
        job_id = workspace.ask("index", repository).stdout.strip()

        def reading() -> bool:
            query = "select progress ->> 'phase' = 'symbols' from public.index_jobs where id = %s"
            return workspace.sql(query, job_id) == [(True,)]

        until(reading)
        yield job_id


def ended(workspace: Workspace, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(
        workspace.ask("watch", job_id, "--json").stdout.splitlines()[-1]
    )
    return job


def rows(workspace: Workspace) -> list[tuple[Any, ...]]:
    return workspace.sql(
        "select (select count(*) from public.indexed_files), (select count(*) from public.symbols)"
    )


def test_serve_writes_an_env_file_that_a_shell_can_read(used_workspace: Workspace) -> None:
    with used_workspace.serving("--port", "0"):
        path = used_workspace.run_dir / "dev.env"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        shell = subprocess.run(
            ["sh", "-c", f'. {path}; echo "$API_URL $ALICE_KEY $SERVICE_KEY"'],
            capture_output=True,
            text=True,
            check=True,
        )
        url, alice, service = shell.stdout.split()
        job = "/jobs/00000000-0000-4000-8000-000000000000"
        with loopback.Client(base_url=url) as client:
            assert client.get("/ready").status_code == 200
            by = {"alice": alice, "service": service, "wrong": alice + "0"}
            headers = {name: {"Authorization": f"Bearer {key}"} for name, key in by.items()}
            assert client.get(job, headers=headers["alice"]).status_code == 404
            assert client.get(job, headers=headers["wrong"]).status_code == 401
            assert client.get(f"/admin{job}", headers=headers["service"]).status_code == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_exit_cleanly_and_leave_nothing_behind(
    used_workspace: Workspace, slow_repository: Path, number: signal.Signals
) -> None:
    with (
        used_workspace.serving("--port", "0", RUNNER_GRACE_SECONDS="0") as served,
        running_job(used_workspace, slow_repository),
    ):
        assert served.end(number) == 0
    until(lambda: not working_in(used_workspace.run_dir))
    assert not list(used_workspace.run_dir.glob("scratch/*/"))
    assert "Traceback" not in served.said
    assert "ERROR" not in served.said


def test_sigterm_hands_jobs_back_and_the_next_start_continues(
    used_workspace: Workspace, slow_repository: Path
) -> None:
    patient = {"RUNNER_LEASE_SECONDS": "3600", "RUNNER_GRACE_SECONDS": "0"}
    with (
        used_workspace.serving("--port", "0", **patient) as served,
        running_job(used_workspace, slow_repository) as job_id,
    ):
        served.end(signal.SIGTERM)
    with used_workspace.serving("--port", "0", **patient):
        job = ended(used_workspace, job_id)
        assert (job["status"], job["attempt"]) == ("completed", 2)


def test_sigterm_finishes_requests_in_flight(used_workspace: Workspace) -> None:
    with (
        ThreadPoolExecutor(1) as thread,
        used_workspace.serving("--port", "0", STATEMENT_TIMEOUT_SECONDS="60") as served,
        psycopg.connect(used_workspace.dev_env["DEV_DATABASE_URL"]) as locker,
    ):
        url, key = used_workspace.dev_env["API_URL"], used_workspace.dev_env["ALICE_KEY"]
        locker.execute("lock table public.index_jobs in access exclusive mode")
        headers = {"Authorization": f"Bearer {key}"}
        request = thread.submit(loopback.get, f"{url}/jobs", headers=headers, timeout=60)
        waiting = (
            "select from pg_stat_activity where usename = 'index_jobs_api'"
            " and wait_event_type = 'Lock'"
        )
        until(lambda: used_workspace.sql(waiting))
        served.process.send_signal(signal.SIGTERM)
        until(lambda: not answers(url))
        locker.execute("select pg_sleep(1)")  # it continues while the server waits
        locker.rollback()
        assert request.result(60).status_code == 200
        assert served.process.wait(30) == 0


def answers(url: str) -> bool:
    try:
        loopback.get(f"{url}/health", timeout=60)
    except httpx2.TransportError:
        return False
    return True


def test_killed_process_ends_its_children_and_the_next_runs_its_job(
    used_workspace: Workspace, slow_repository: Path
) -> None:
    with (
        used_workspace.serving("--port", "0", RUNNER_LEASE_SECONDS="600") as served,
        running_job(used_workspace, slow_repository) as job_id,
    ):
        served.end(signal.SIGKILL)
    until(lambda: not working_in(used_workspace.run_dir))
    assert list(used_workspace.run_dir.glob("scratch/*/*/work"))
    with used_workspace.serving("--port", "0", RUNNER_LEASE_SECONDS="600"):
        used_workspace.sql(
            "update public.index_jobs set lease_expires_at = now() where id = %s returning id",
            job_id,
        )
        job = ended(used_workspace, job_id)
        assert (job["status"], job["attempt"]) == ("completed", 2)
        stats = job["stats"]
        assert rows(used_workspace) == [(stats["files_indexed"], stats["symbols_extracted"])]
        until(lambda: not list(used_workspace.run_dir.glob("scratch/*/*/")))
        assert len(list(used_workspace.run_dir.glob("scratch/*/"))) == 1


@pytest.mark.parametrize("on_path", [True, False])
def test_suggested_next_command_works(
    used_workspace: Workspace, small_repository: Path, on_path: bool
) -> None:
    path = os.pathsep.join([*([str(PROGRAM.parent)] if on_path else []), "/usr/bin", "/bin"])
    with used_workspace.serving("--port", "0", PATH=path) as served:
        (line,) = [line for line in served.lines if "--watch" in line]
        command = (
            line.removeprefix("  next").partition(" · ")[0].replace(" . ", f" {small_repository} ")
        )
        shell = subprocess.run(
            ["sh", "-c", command],
            env=used_workspace.environment | {"PATH": path},
            cwd=used_workspace.run_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        assert shell.stdout.startswith("completed"), shell.stderr
        assert command.split()[0] == ("index-jobs" if on_path else str(PROGRAM))


@pytest.fixture(scope="module")
def occupied(workspace: Workspace) -> Any:
    with workspace.serving("--port", "0") as served:
        yield served


@pytest.mark.parametrize("other", ["", "DATA_DIR", "DATABASE_URL"])
def test_second_serve_on_a_run_dir_is_refused(
    workspace: Workspace, occupied: Served, tmp_path: Path, other: str
) -> None:
    before = workspace.dev_env
    values = {"DATA_DIR": str(tmp_path / "pgdata"), "DATABASE_URL": before["DEV_DATABASE_URL"]}
    done = workspace.ask("serve", "--port", "0", **({other: values[other]} if other else {}))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"make serve (process {occupied.process.pid}) is already using " in done.stderr
    assert done.stderr.endswith("or set RUN_DIR= to another directory\n")
    assert not (tmp_path / "pgdata").exists()
    assert workspace.dev_env == before
    assert answers(before["API_URL"])


def test_serve_of_another_run_dir_on_the_same_data_is_refused(
    workspace: Workspace, fresh_workspace: Workspace, occupied: Served
) -> None:
    done = fresh_workspace.ask("serve", "--port", "0", DATA_DIR=str(workspace.run_dir / "pgdata"))
    assert done.returncode == 1
    assert f"make serve (process {occupied.process.pid}) is already using " in done.stderr
    assert done.stderr.endswith("or set DATA_DIR= to another directory\n")


def test_requests_are_not_logged(workspace: Workspace, occupied: Served) -> None:
    before = list(occupied.lines)
    for _ in range(3):
        assert workspace.ask("status", "x").returncode == 3
    assert occupied.lines == before


def test_api_login_with_excess_rights_causes_a_warning(
    fresh_workspace: Workspace, database: Database
) -> None:
    urls = {
        "DATABASE_URL": database.migrator_url,
        "API_DATABASE_URL": database.url,
        "WORKER_DATABASE_URL": database.worker_url,
    }
    with fresh_workspace.serving("--port", "0", **urls) as served:
        assert "warning: the login postgres may do more than the HTTP layer needs: " in served.said
        assert "it is a superuser" in served.said
        assert "grant job_http to app_api" in served.said


def test_requested_port_in_use_is_an_error(fresh_workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = fresh_workspace.ask("serve", PORT=port)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert port in done.stderr
    assert "PORT=" in done.stderr


def test_default_port_in_use_is_replaced_by_the_next(
    workspace: Workspace, used_workspace: Workspace, occupied: Served
) -> None:
    with used_workspace.serving() as one:
        first = int(used_workspace.dev_env["API_URL"].rpartition(":")[2])
        assert first >= USUAL_PORT
        assert (f"port {USUAL_PORT} is taken: using {first}\n" in one.said) == (first != USUAL_PORT)
        assert one.end(signal.SIGTERM) == 0
    while True:
        with taken(USUAL_PORT) as by_us, used_workspace.serving() as two:
            second = int(used_workspace.dev_env["API_URL"].rpartition(":")[2])
            if second == USUAL_PORT and not by_us:
                continue  # the port has just become free
            assert second > USUAL_PORT
            assert f"  port {USUAL_PORT} is taken: using {second}\n" in two.said
            break


def test_database_url_replaces_the_embedded_server(
    fresh_workspace: Workspace, database: Database, small_repository: Path
) -> None:
    urls = {
        "DATABASE_URL": database.migrator_url,
        "API_DATABASE_URL": database.api_url,
        "WORKER_DATABASE_URL": database.worker_url,
    }
    with psycopg.connect(database.url) as connection:
        reset.mark_for_development(connection, "a test")
    with fresh_workspace.serving("--port", "0", **urls) as served:
        assert "warning" not in served.said
        assert not (fresh_workspace.run_dir / "pgdata").exists()
        assert fresh_workspace.dev_env["DEV_DATABASE_URL"] == database.migrator_url
        done = fresh_workspace.run("index", small_repository, "--watch")
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://me:hush-hush@127.0.0.1:1/x", "nothing answers"),
        ("mysql://me:hush-hush@127.0.0.1/x", "postgresql://"),
        ("postgresql://me:hush-hush@127.0.0.1:port/x", "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "API_DATABASE_URL", "WORKER_DATABASE_URL"])
def test_invalid_url_is_a_one_line_error_without_the_password(
    workspace: Workspace, occupied: Served, name: str, url: str, word: str
) -> None:
    urls = {"DATABASE_URL": workspace.dev_env["DEV_DATABASE_URL"]} | {name: url}
    done = workspace.ask("serve", "--port", "0", RUN_DIR=str(workspace.run_dir / "other"), **urls)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {name}: ")
    assert word in done.stderr
    assert "hush-hush" not in done.stderr
