"""index, status, watch and keys against a running `index-jobs serve`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.commands import app
from tests.support.repositories import commit
from tests.support.waiting import wait_out_end_of_hour
from tests.support.workspace import Workspace


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server_of_files(folder: Path) -> Iterator[str]:
    handler = partial(Files, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module", autouse=True)
def served(workspace: Workspace) -> Iterator[None]:
    with workspace.serving("--port", "0"):
        yield


def test_index_prints_the_id_and_watch_exits_0_on_completion(
    workspace: Workspace, small_repository: Path
) -> None:
    made = workspace.run("index", small_repository)
    assert (made.returncode, made.stderr) == (0, "")
    job_id = made.stdout.strip()
    watched = workspace.run("watch", job_id)
    assert (watched.returncode, watched.stdout[:32]) == (0, "completed  2 files · 2 symbols ·")
    now = workspace.run("status", job_id, "--json")
    assert now.returncode == 0
    assert json.loads(now.stdout)["status"] == "completed"
    assert now.stderr == ""


def test_why_prints_the_explanation_as_text_or_json(
    workspace: Workspace, small_repository: Path
) -> None:
    job_id = workspace.ask("index", small_repository).stdout.strip()
    workspace.ask("watch", job_id)
    said = workspace.ask("why", job_id)
    assert (said.returncode, said.stdout, said.stderr) == (0, "The job is completed.\n", "")
    explanation = json.loads(workspace.ask("why", job_id, "--json").stdout)
    assert (explanation["reason"], explanation["position"]) == ("completed", None)


def test_watch_exits_1_when_the_job_failed(workspace: Workspace, small_repository: Path) -> None:
    done = workspace.ask("index", small_repository, "--ref", "no-such", "--watch", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "failed"
    assert "job" in done.stderr


def test_status_of_a_failed_job_exits_0(workspace: Workspace, small_repository: Path) -> None:
    job_id = workspace.ask("index", small_repository, "--ref", "no-such").stdout.strip()
    workspace.ask("watch", job_id)
    done = workspace.ask("status", job_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("failed  ")


def test_same_idempotency_key_gives_the_same_job(
    workspace: Workspace, small_repository: Path
) -> None:
    key = str(uuid4())
    jobs = {
        workspace.ask("index", small_repository, "--idempotency-key", key).stdout for _ in range(2)
    }
    assert len(jobs) == 1


def test_job_of_another_user_is_not_found(workspace: Workspace, small_repository: Path) -> None:
    job_id = workspace.ask("index", small_repository, "--user", "carol").stdout.strip()
    foreign, missing = workspace.ask("status", job_id), workspace.ask("status", str(uuid4()))
    assert (foreign.returncode, foreign.stdout) == (3, "")
    assert (missing.returncode, missing.stderr) == (3, foreign.stderr)


def test_422_of_the_api_is_a_usage_error(workspace: Workspace) -> None:
    done = workspace.ask("index", "no repository")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: REPOSITORY must be owner/name or an https URL.")
    assert workspace.ask("index").returncode == 2
    assert workspace.ask("bogus").returncode == 2


def test_invalid_key_and_unreachable_api_have_their_own_exit_codes(workspace: Workspace) -> None:
    job_id = str(uuid4())
    assert workspace.ask("status", job_id, API_KEY="ij_wrong").returncode == 4
    assert workspace.ask("status", job_id, "--user", "nobody").returncode == 4
    gone = workspace.ask("status", job_id, API_URL="http://127.0.0.1:1")
    assert (gone.returncode, gone.stdout) == (5, "")
    assert "http://127.0.0.1:1" in gone.stderr
    assert workspace.ask("status", job_id, API_URL="nonsense").returncode == 2


def test_flag_overrides_environment_and_environment_overrides_file(workspace: Workspace) -> None:
    job_id, url = str(uuid4()), workspace.dev_env["API_URL"]
    assert workspace.ask("status", job_id).returncode == 3
    assert workspace.ask("status", job_id, API_URL="http://127.0.0.1:1").returncode == 5
    by_flag = workspace.ask("status", job_id, "--api-url", url, API_URL="http://127.0.0.1:1")
    assert by_flag.returncode == 3


def test_used_up_quota_shows_when_it_resets(workspace: Workspace) -> None:
    wait_out_end_of_hour()
    workspace.sql(
        "insert into private.rate_limit_counters values (%s, date_trunc('hour', now()), 1000)"
        " returning 1",
        workspace.dev_env["BOB_ID"],
    )
    done = workspace.ask("status", str(uuid4()), "--user", "bob")
    workspace.sql("delete from private.rate_limit_counters returning 1")
    assert (done.returncode, done.stdout) == (6, "")
    assert "1000" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a/b", "--ref", "a b"], "--ref is not a name that git accepts"),
        (["a/b", "--commit", "x"], "--commit must have 40 hexadecimal digits"),
        (["a/b", "--organization", "no slug"], "--organization is neither a slug nor an id"),
        (["a/b", "--organization", "nowhere"], "--organization is unknown"),
        ([".", "--name", "one-word"], "--name must be a name such as local/project"),
        (["/no/such/folder"], "REPOSITORY is not a folder"),
        (["../no-such"], "Folder ../no-such does not exist."),
    ],
)
def test_error_names_the_typed_argument(
    workspace: Workspace, arguments: list[str], said: str
) -> None:
    done = workspace.ask("index", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}")


def test_reused_idempotency_key_is_named_as_typed(
    workspace: Workspace, small_repository: Path
) -> None:
    key = ("--idempotency-key", str(uuid4()))
    workspace.ask("index", small_repository, *key)
    done = workspace.ask("index", small_repository, *key, "--ref", "other")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --idempotency-key was used for another request.")


def test_folder_name_conflict_suggests_the_option(workspace: Workspace, tmp_path: Path) -> None:
    for number in ("1", "2"):
        commit(tmp_path / number / "twin", {"a.py": ""})
    assert workspace.ask("index", tmp_path / "1/twin").returncode == 0
    done = workspace.ask("index", tmp_path / "2/twin")
    assert (done.returncode, done.stdout) == (1, "")
    assert "indexed as local/twin: give this one its own name with --name" in done.stderr
    assert workspace.ask("index", tmp_path / "2/twin", "--name", "local/twin-2").returncode == 0


def test_error_of_key_creation_names_the_typed_argument(workspace: Workspace) -> None:
    done = workspace.ask("keys", "create", "", "--user", "bob")
    assert done.stderr.startswith("error: NAME is empty")
    done = workspace.ask("keys", "create", "x", "--user", "bob", "--expires", "1999-12-31")
    assert done.stderr.startswith("error: --expires is not in the future")


@pytest.mark.parametrize(("count", "code"), [("0", 2), ("-1", 2), ("two", 2), ("99", 1)])
def test_rollback_of_an_invalid_count_changes_nothing(
    workspace: Workspace, count: str, code: int
) -> None:
    done = workspace.ask("rollback", COUNT=count)
    assert (done.returncode, done.stdout) == (code, "")
    assert "COUNT" in done.stderr
    assert workspace.ask("migrate").stdout == ""


def commands() -> Iterator[list[str]]:
    """Returns the words of every command and group."""
    waiting: list[tuple[list[str], Any]] = [([], get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words
        waiting += [([*words, name], c) for name, c in getattr(command, "commands", {}).items()]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_of_each_command_lists_its_exit_codes(words: list[str]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Exit codes:" in shown.stdout


def test_help_lists_the_exit_codes(workspace: Workspace) -> None:
    for arguments in (["--help"], ["watch", "--help"]):
        shown = workspace.run(*arguments)
        assert shown.returncode == 0
        assert all(f"{code} " in shown.stdout for code in (0, 1, 2, 3, 4, 5, 6, 130))


def test_key_is_created_used_listed_and_revoked(workspace: Workspace) -> None:
    made = workspace.ask("keys", "create", "laptop", "--user", "carol")
    key = made.stdout.strip()
    assert (made.returncode, key[:3], len(key)) == (0, "ij_", 84)
    assert key.split("_")[2] not in made.stderr

    assert workspace.ask("status", str(uuid4()), "--api-key", key).returncode == 3
    listed = workspace.ask("keys", "list", "--user", workspace.dev_env["CAROL_ID"], "--json")
    names = {row["key_id"]: row["name"] for row in json.loads(listed.stdout)}
    assert names[key.split("_")[1]] == "laptop"
    assert key.split("_")[2] not in listed.stdout

    assert workspace.ask("keys", "revoke", key, "--user", "bob").returncode == 3
    assert workspace.ask("keys", "revoke", key, "--user", "carol").returncode == 0
    assert workspace.ask("status", str(uuid4()), "--api-key", key).returncode == 4
    assert "revoked" in workspace.ask("keys", "list", "--user", "carol").stdout


def test_any_key_name_is_shown_on_one_line(workspace: Workspace) -> None:
    assert workspace.ask("keys", "create", "a\u202eb", "--user", "bob").returncode == 0
    assert r"a\u202eb" in workspace.ask("keys", "list", "--user", "bob").stdout


def test_key_may_expire_and_its_owner_must_exist(workspace: Workspace) -> None:
    made = workspace.ask(
        "keys", "create", "x", "--user", "bob", "--expires", "2999-12-31", "--json"
    )
    assert json.loads(made.stdout)["expires_at"].startswith("2999-12-31T00:00:00")
    past = workspace.ask("keys", "create", "x", "--user", "bob", "--expires", "1999-12-31")
    assert (past.returncode, past.stdout) == (1, "")
    for user in ("nobody", str(uuid4())):
        done = workspace.ask("keys", "create", "x", "--user", user)
        assert (done.returncode, done.stdout) == (1, "")
        assert user in done.stderr


def test_psql_migrate_and_rollback_work_on_a_running_server(workspace: Workspace) -> None:
    asked = workspace.run("psql", "-Atc", "select 1 + 1")
    assert (asked.returncode, asked.stdout) == (0, "2\n")
    assert workspace.run("psql", "-c", "no sql").returncode == 1
    assert workspace.run("migrate").stdout == ""
    newest = workspace.ask("rollback").stdout
    assert newest.count("\n") == 1
    assert workspace.ask("migrate").stdout == newest


def test_dry_run_prints_pending_migrations_and_applies_nothing(workspace: Workspace) -> None:
    assert workspace.ask("migrate", "--dry-run").stdout == ""
    newest = workspace.ask("rollback").stdout
    for _ in range(2):
        assert workspace.ask("migrate", "--dry-run").stdout == newest
    assert workspace.ask("migrate").stdout == newest


def test_folder_is_indexed_under_its_own_name(workspace: Workspace, tmp_path: Path) -> None:
    commit(tmp_path / "a project, no 2", {"a.py": "def f(): ...\n"})
    job_id = workspace.ask("index", tmp_path / "a project, no 2").stdout.strip()
    name = workspace.sql(
        "select full_name from public.repositories as r"
        " join public.index_jobs as j on j.repository_id = r.id where j.id = %s",
        job_id,
    )
    assert name == [("local/a-project-no-2",)]


@pytest.mark.parametrize("job_id", ["../jobs", "?limit=1", "", "..", "a\x01", "\udcff"])
def test_invalid_id_is_not_found(workspace: Workspace, job_id: str) -> None:
    for command in ("status", "watch", "why"):
        done = workspace.ask(command, job_id)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("error: There is no such ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        ("~no-such-user/project",),
        ("a" * 5000,),
        ("/" + "a" * 5000,),
        ("\udcff/b",),
        ("a/b", "--idempotency-key", "ü"),
        ("a/b", "--idempotency-key", "a\nb"),
        ("a/b", "--api-key", "a\nb"),
    ],
    ids=["empty", "home", "long", "long path", "bytes", "no ascii", "line end", "key"],
)
def test_unsendable_argument_is_a_usage_error(
    workspace: Workspace, arguments: tuple[str, ...]
) -> None:
    done = workspace.ask("index", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"status": "ok"}'])
def test_unknown_server_is_named_in_the_error(
    workspace: Workspace, tmp_path: Path, body: bytes
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "x").write_bytes(body)
    with server_of_files(tmp_path) as url:
        done = workspace.ask("status", "x", "--api-url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: The server at {url} is not the index-jobs API")


def test_damaged_dev_env_is_named(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "dev.env").write_bytes(b"API_URL=\xff\n")
    done = workspace.ask("status", "x", RUN_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}/dev.env is damaged")
