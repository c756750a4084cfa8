"""Commands in unusual environments, and with logins that have their own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import environment, migrate
from tests.support.repositories import commit
from tests.support.surroundings import set_for
from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[2]
OF_OTHER_SERVERS = {
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "EUC_JP",
    "PGDATESTYLE": "German",
    "PGHOSTADDR": "203.0.113.1",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGPORT": "1",
    "PGREQUIREAUTH": "none",
    "PGSERVICE": "nowhere",
    "PGSSLMODE": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Asia/Tokyo",
}
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """An unrelated repository."""
    commit(tmp_path / "other", {"a.txt": "a\n"})
    return tmp_path / "other"


def of_a_hook(repository: Path) -> dict[str, str]:
    """The variables that git sets for a hook in a linked worktree."""
    return {
        "GIT_DIR": str(repository / ".git"),
        "GIT_INDEX_FILE": str(repository / ".git/index"),
        "GIT_PREFIX": "",
        "GIT_WORK_TREE": str(repository),
    }


def state_of(repository: Path) -> list[str]:
    said = []
    for words in (["log", "--all", "--format=%H"], ["config", "--local", "--list"], ["status"]):
        done = subprocess.run(
            ["git", "-C", repository, *words], capture_output=True, text=True, check=True
        )
        said.append(done.stdout)
    return said


def test_embedded_server_is_found_despite_libpq_variables(
    workspace: Workspace, other: Path, tmp_path: Path
) -> None:
    sha = commit(tmp_path / "grün", {"a.py": "class Größe: ...\n"})
    before = state_of(other)
    foreign = OF_OTHER_SERVERS | of_a_hook(other) | {"COLUMNS": "0"}
    done = workspace.run("demo", tmp_path / "grün", **foreign)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["status"], record["commit_sha"]) == ("completed", sha)
    assert record["created_at"].endswith("+00:00")
    listed = workspace.run("keys", "list", "--user", "alice", "--json", **foreign)
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)[0]["created_at"].endswith("+00:00")
    assert workspace.run("doctor", **foreign).returncode == 0
    assert state_of(other) == before


def test_text_is_utf_8_in_any_locale(workspace: Workspace, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"grün/a.py": "class Größe: ...\n"})
    warn = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    for words in (
        ["demo", tmp_path / "small"],
        ["migrate"],
        ["doctor", "--json"],
        ["keys", "create", "key", "--user", "alice", "--json"],
    ):
        done = workspace.run(*words, **ASCII, **warn)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout or "{}") is not None
        ours = [f"{ROOT / part}/" for part in ("api", "cli", "db", "worker")]
        warned = [line for line in done.stderr.splitlines() if "EncodingWarning" in line]
        assert [line for line in warned if line.startswith(tuple(ours))] == []


def test_tests_in_a_hook_do_not_commit_to_its_repository(other: Path) -> None:
    before = state_of(other)
    test = "tests/cli/test_surroundings.py::test_commit_helper_uses_the_given_repository"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=ROOT, env=os.environ | of_a_hook(other), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert state_of(other) == before


def test_commit_helper_uses_the_given_repository(tmp_path: Path) -> None:
    sha = commit(tmp_path / "mine", {"b.txt": "b\n"})
    assert state_of(tmp_path / "mine")[0] == f"{sha}\n"


def test_variables_of_hooks_are_those_local_to_a_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = subprocess.run(
        ["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True
    )
    for name in done.stdout.split():
        monkeypatch.setenv(name, "x")
    environment.clean_up()
    assert not os.environ.keys() & set(done.stdout.split())


def test_make_uses_this_checkout_and_its_venv(other: Path) -> None:
    foreign = of_a_hook(other) | {"PIP_USER": "1", "PIP_TARGET": "/nowhere", "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        ["make", "--no-print-directory", "--eval=shown: ; @env", "shown"],
        cwd=ROOT, env=os.environ | foreign, capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert (shown["PIP_USER"], shown["PYTHONUTF8"]) == ("0", "1")
    assert not shown.keys() & (foreign.keys() - {"PIP_USER"})


def test_settings_of_the_migrating_login_do_not_change_output(
    new_database: Callable[..., Any], fresh_workspace: Workspace
) -> None:
    place = new_database(migrated=False)
    url = {"DATABASE_URL": place.migrator_url}
    with psycopg.connect(place.url, autocommit=True) as connection:
        set_for(connection, "migrator", place.name)
        migrate.apply(place.migrator_url)
        found = [json.loads(fresh_workspace.ask("doctor", "--json", **url).stdout)]
        connection.execute(f"alter role migrator in database {place.name} reset all".encode())
        found.append(json.loads(fresh_workspace.ask("doctor", "--json", **url).stdout))
        assert found[0] == found[1]
        set_for(connection, "migrator", place.name)
        (user,) = connection.execute(
            "insert into auth.users (id) values (gen_random_uuid()) returning id::text"
        ).fetchone() or ("",)
        connection.execute("insert into private.accounts (user_id) values (%s)", (user,))
    made = fresh_workspace.ask(
        "keys", "create", "x", "--user", user, "--expires", "2099-02-03", "--json", **url
    )
    assert made.returncode == 0, made.stderr
    listed = fresh_workspace.ask("keys", "list", "--user", user, "--json", **url)
    assert json.loads(listed.stdout)[0]["expires_at"] == "2099-02-03T00:00:00+00:00"
