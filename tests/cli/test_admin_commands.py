"""`index-jobs admin` against a running server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import until
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def failed(workspace: Workspace) -> Iterator[str]:
    """One of alice's jobs, failed."""
    with workspace.serving("--port", "0"):
        job_id = workspace.ask("index", Path.cwd(), "--ref", "no-such").stdout.strip()
        ended = "select completed_at is not null from public.index_jobs where id = %s"
        until(lambda: workspace.sql(ended, job_id)[0][0], 60)
        yield job_id


def test_support_finds_and_shows_a_job(workspace: Workspace, failed: str) -> None:
    found = workspace.ask("admin", "list", "--status", "failed", "--reason", "ticket 7")
    assert re.fullmatch(rf"failed\t{failed}\t\S+ \S+Z\t\S+\tlocal/\S+@no-such\t.+\n", found.stdout)
    alice = workspace.dev_env["ALICE_ID"]
    page = json.loads(workspace.ask("admin", "list", "--tenant", alice, "--json").stdout)
    assert [job["id"] for job in page["jobs"]] == [failed]
    assert workspace.ask("admin", "list", "--until", "2020-01-01T00:00Z").stdout == ""
    assert f"id\t{failed}\n" in workspace.ask("admin", "show", failed).stdout
    assert json.loads(workspace.ask("admin", "show", failed, "--json").stdout)["id"] == failed


def test_support_retries_a_job_and_refusals_give_the_reason(
    workspace: Workspace, failed: str
) -> None:
    repeat = json.loads(workspace.ask("admin", "retry", failed, "--reason", "x", "--json").stdout)
    assert repeat["repeats_job_id"] == failed
    done = workspace.ask("admin", "fail", failed, "--reason", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The job is already failed." in done.stderr
    done = workspace.ask("admin", "release", failed, "--reason", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No worker has the job." in done.stderr
    actions = workspace.sql(
        "select action, outcome from private.admin_audit where job_id = %s order by id", failed
    )
    assert actions[-3:] == [
        ("retry", "ok"),
        ("fail", "invalid_transition"),
        ("release", "no_lease"),
    ]


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (("fail", "JOB"), 2, "--reason"),
        (("list", "--tenant", "x"), 2, "--tenant is not a UUID"),
        (("list", "--queue-job-id", "x"), 2, "--queue-job-id is not a UUID"),
        (("list", "--service-key", "x"), 4, "key"),
        (("show", "x"), 3, "no such job"),
    ],
)
def test_invalid_argument_is_named(
    workspace: Workspace, failed: str, typed: tuple[str, ...], code: int, said: str
) -> None:
    done = workspace.ask("admin", *[failed if word == "JOB" else word for word in typed])
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_user_key_is_rejected(workspace: Workspace, failed: str) -> None:
    done = workspace.ask("admin", "show", failed, "--service-key", workspace.dev_env["BOB_KEY"])
    assert (done.returncode, done.stdout) == (4, "")
