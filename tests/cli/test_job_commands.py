"""Every command about jobs: in a pipe, on a terminal, as JSON, in unusual environments."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import psycopg
import pytest

from tests.support.repositories import commit
from tests.support.waiting import until
from tests.support.workspace import Workspace

ESCAPES, BIDI = "\x1b]0;x\x07\x1b[2J\x9b31m", "\u202e\u2066\u200b"
HOSTILE = f"a{ESCAPES}\r\n{BIDI}b"
SPELLED = r"a\x1b]0;x\x07\x1b[2J\x9b31m\r\n\u202e\u2066\u200bb"
# text that a third-party worker may write
SPOIL = """
with job as (
  update public.index_jobs as j set error_message = %(text)s, last_error = %(text)s,
    progress = jsonb_build_object('phase', %(text)s::text, 'done', 1, 'total', 2)
  where j.id = %(job)s returning 1),
event as (
  update public.index_job_events as e set detail = jsonb_build_object('error', %(text)s::text)
  where e.job_id = %(job)s returning 1)
select count(*) from job, event
"""
SPOIL_ROWS = """
with f as (
  update public.indexed_files as f set path = %(text)s, language = %(text)s
  where f.repository_id = %(repository)s and f.path = 'a.py' returning 1),
k as (
  insert into public.skipped_files (repository_id, job_id, path, reason)
  values (%(repository)s, %(job)s, %(text)s, 'binary') returning 1),
s as (
  update public.symbols as s set name = %(text)s, parent = %(text)s
  where s.repository_id = %(repository)s and s.name = 'get' returning 1)
select count(*) from f, k, s
"""


@dataclass(frozen=True)
class Jobs:
    """A server with jobs of alice."""

    workspace: Workspace
    done: str
    failed: str

    def of(self, arguments: tuple[str, ...]) -> list[str]:
        return [word.format(done=self.done, failed=self.failed) for word in arguments]


@pytest.fixture(scope="module")
def jobs(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    folder = tmp_path_factory.mktemp("indexed")
    commit(
        folder,
        {"a.py": "def get(): ...\ndef put(): ...\n", "b.py": "def get_all(): ...\n", "c.bin": "\0"},
    )
    with workspace.serving("--port", "0"):
        done = workspace.ask("index", folder, "--user", "carol").stdout.strip()
        failed = workspace.ask(
            "index", folder, "--ref", "no-such", "--user", "carol"
        ).stdout.strip()
        ended = "select completed_at is not null from public.index_jobs where id = %s"
        for job_id in (done, failed):
            until(lambda job_id=job_id: workspace.sql(ended, job_id)[0][0], 60)
        yield Jobs(workspace, done, failed)


@pytest.fixture(scope="module")
def spoiled(jobs: Jobs) -> Jobs:
    """The same jobs with terminal control sequences in every text that a worker can set."""
    values = {"text": HOSTILE, "job": jobs.failed}
    ((repository,),) = jobs.workspace.sql(
        "select repository_id from public.index_jobs where id = %s", jobs.done
    )
    assert sql(jobs.workspace, SPOIL, values) != [(0,)]
    assert sql(jobs.workspace, SPOIL_ROWS, values | {"repository": repository}) == [(1,)]
    return jobs


def sql(workspace: Workspace, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with psycopg.connect(workspace.dev_env["DEV_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        return connection.execute(query.encode(), values).fetchall()


# arguments -> pattern of the piped lines
COMMANDS: dict[tuple[str, ...], str] = {
    ("list",): r"failed\t{failed}\t\S+ \S+Z\t\d/3\tlocal/\S+@no-such\t.+\ncompleted\t{done}\t.*\n",
    ("list", "--status", "completed"): r"completed\t{done}\t.*\t2 files · 3 symbols · [\d.]+ s\n",
    ("status", "{done}"): r"completed  {done}  local/\S+@HEAD  2 files .*  created_at \S+ \S+Z  "
    r"started_at \S+ \S+Z  completed_at \S+ \S+Z  attempt 1 of 3\n",
    ("status", "{failed}"): r"failed  {failed}  local/\S+@no-such  .+  attempt \d of 3\n",
    ("show", "{done}"): r"id\t{done}\n(\w+\t.*\n)*commit_sha\t[0-9a-f]{40}\n",
    ("why", "{done}"): r"The job is completed\.\n",
    ("history", "{done}"): r"1\t\S+ \S+Z\tpending\t\t\n2\t\S+ \S+Z\tprocessing\tattempt 1\t\n"
    r"3\t\S+ \S+Z\tcompleted\tattempt 1\t\n",
    ("files", "{done}"): r".*\t\S+\t\d+\t2\nb\.py\tPython\t\d+\t1\n",
    ("skipped", "{done}"): r"c\.bin\tbinary\n(.*\tbinary\n)?",
    ("skipped", "{done}", "--reason", "vendored"): r"",
    ("symbols", "{done}", "--name", "put"): r"put\tfunction\t\S+:2\t-\n",
    ("symbols", "{done}", "--prefix", "get_"): r"get_all\tfunction\tb\.py:1\t-\n",
    ("watch", "{done}"): r"completed  2 files · 3 symbols · [\d.]+ s\n",
}
TYPED = pytest.mark.parametrize("typed", COMMANDS, ids=" ".join)


@TYPED
def test_piped_output_is_tab_separated_lines(jobs: Jobs, typed: tuple[str, ...]) -> None:
    done = jobs.workspace.ask(*jobs.of(typed), "--user", "carol")
    assert (done.returncode, done.stderr) == (0, "")
    pattern = COMMANDS[typed].replace("{done}", jobs.done).replace("{failed}", jobs.failed)
    assert re.fullmatch(pattern, done.stdout), done.stdout


@TYPED
def test_json_output_is_the_response_on_one_line(jobs: Jobs, typed: tuple[str, ...]) -> None:
    done = jobs.workspace.ask(*jobs.of(typed), "--json", "--user", "carol")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert isinstance(json.loads(done.stdout), dict)


@TYPED
def test_terminal_output_has_the_same_words(jobs: Jobs, typed: tuple[str, ...]) -> None:
    words = jobs.of(typed)
    piped = jobs.workspace.ask(*words, "--user", "carol").stdout
    for surroundings in ({}, {"COLUMNS": "0", "NO_COLOR": "1", "TERM": "dumb"}):
        code, shown = jobs.workspace.ask_on_terminal(*words, "--user", "carol", **surroundings)
        assert code == 0
        if surroundings or typed[0] != "watch":  # watch may move the cursor
            assert "\x1b" not in shown
            assert shown.split() == piped.split()


@TYPED
def test_hostile_strings_are_escaped(spoiled: Jobs, typed: tuple[str, ...]) -> None:
    words = [*spoiled.of(typed), "--user", "carol"]
    for shown in (
        spoiled.workspace.ask(*words).stdout,
        spoiled.workspace.ask(*words, "--json").stdout,
        spoiled.workspace.ask_on_terminal(*words, NO_COLOR="1", TERM="dumb")[1],
    ):
        assert not set(shown) & set(ESCAPES + BIDI) - set("]0;x[2J31m"), ascii(shown)


@pytest.mark.parametrize(
    "typed",
    [
        ("status", "{failed}"),
        ("show", "{failed}"),
        ("list",),
        ("history", "{failed}"),
        ("watch", "{failed}"),
        ("why", "{failed}"),
        ("files", "{done}"),
        ("skipped", "{done}"),
        ("symbols", "{done}"),
    ],
    ids=" ".join,
)
def test_every_command_shows_the_hostile_strings(spoiled: Jobs, typed: tuple[str, ...]) -> None:
    assert SPELLED in spoiled.workspace.ask(*spoiled.of(typed), "--user", "carol").stdout


@TYPED
def test_jobs_of_other_users_are_not_found(jobs: Jobs, typed: tuple[str, ...]) -> None:
    done = jobs.workspace.ask(*jobs.of(typed), "--user", "bob")
    assert done.stdout == ""
    assert (done.returncode, done.stderr == "") == ((0, True) if typed[0] == "list" else (3, False))


def test_page_of_a_list_prints_the_command_for_the_next(jobs: Jobs) -> None:
    seen: list[str] = []
    words = ["symbols", jobs.done, "--limit", "2", "--user", "carol"]
    while words:
        done = jobs.workspace.ask(*words)
        assert done.returncode == 0
        seen += done.stdout.splitlines()
        more = re.fullmatch(r"  more: \S+ (.*)\n", done.stderr)
        words = more[1].split() if more else []
    assert len(seen) == 3
    assert seen == jobs.workspace.ask("symbols", jobs.done, "--user", "carol").stdout.splitlines()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("list", "--limit", "0"), "--limit is not a number from 1 to 100. Use a number"),
        (("list", "--since", "yesterday"), "--since is "),
        (("list", "--cursor", "x"), "--cursor does not come from an earlier page. Use the cursor"),
        (("list", "--repository", "no/such"), "--repository is unknown"),
        (("files", "{done}", "--cursor", "x"), "--cursor does not come from an earlier page. Use"),
        (
            ("symbols", "{done}", "--name", "a", "--prefix", "b"),
            "name and prefix cannot be combined",
        ),
    ],
)
def test_invalid_option_is_named_as_typed(jobs: Jobs, typed: tuple[str, ...], said: str) -> None:
    done = jobs.workspace.ask(*jobs.of(typed), "--user", "carol")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_results_before_the_first_index_give_an_error_with_the_next_step(
    jobs: Jobs, tmp_path: Path
) -> None:
    commit(tmp_path / "empty", {"a.py": ""})
    job_id = jobs.workspace.ask(
        "index", tmp_path / "empty", "--ref", "no", "--user", "carol"
    ).stdout
    done = jobs.workspace.ask("files", job_id.strip(), "--user", "carol")
    assert (done.returncode, done.stdout) == (1, "")
    assert "index-jobs why JOB_ID" in done.stderr


def test_finished_and_foreign_jobs_cannot_be_cancelled(jobs: Jobs, small_repository: Path) -> None:
    job_id = jobs.workspace.ask("index", small_repository, "--user", "carol").stdout.strip()
    jobs.workspace.ask("watch", job_id, "--user", "carol")
    refused = jobs.workspace.ask("cancel", job_id, "--user", "carol")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "A finished job cannot be changed." in refused.stderr
    assert jobs.workspace.ask("cancel", job_id, "--user", "bob").returncode == 3
    assert jobs.workspace.ask("cancel", str(uuid4())).returncode == 3


def test_moved_folder_can_be_indexed_with_the_printed_command(jobs: Jobs, tmp_path: Path) -> None:
    commit(tmp_path / "old", {"a.py": ""})
    here, there = tmp_path / "old", tmp_path / "new place"
    assert (
        jobs.workspace.ask("index", here, "--name", "local/it", "--user", "carol").returncode == 0
    )
    here.rename(there)
    index = ("index", there, "--name", "local/it", "--user", "carol")
    refused = jobs.workspace.ask(*index)
    assert (refused.returncode, refused.stdout) == (1, "")
    told = re.search(r"moved here, run \S+ (.*)", refused.stderr)
    assert told
    changed = jobs.workspace.ask(*shlex.split(told[1].rstrip(".")), "--user", "carol")
    assert changed.stdout == f"local/it  {there.as_uri()}\n"
    assert jobs.workspace.ask(*index).returncode == 0


def test_url_is_corrected_by_name_or_id(jobs: Jobs) -> None:
    owner = ("--user", "carol")
    shown = json.loads(jobs.workspace.ask("show", jobs.done, "--json", *owner).stdout)
    for named in (shown["repository"], shown["repository_id"]):
        set_url = ("repository", "set-url", named)
        done = jobs.workspace.ask(*set_url, "HTTPS://Git.example/a/", "--json", *owner)
        assert json.loads(done.stdout)["git_url"] == "https://git.example/a"
        for address, said in (
            ("http://git.example/a", "ADDRESS: Repository must be owner/name or an https URL."),
            ("./nowhere", "Folder ./nowhere does not exist."),
        ):
            refused = jobs.workspace.ask(*set_url, address, *owner)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert said in refused.stderr
    assert jobs.workspace.ask(*set_url, "a/b", "--user", "bob").returncode == 3
    assert jobs.workspace.ask("repository", "set-url", "no/such", "a/b", *owner).returncode == 2


def test_token_signs_the_user_in(jobs: Jobs) -> None:
    token = jobs.workspace.ask("token", "--user", "carol", "--minutes", "5").stdout.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == jobs.workspace.dev_env["CAROL_ID"]
    assert claims["exp"] - claims["iat"] == 300
    assert jobs.workspace.ask("status", jobs.done, "--api-key", token).returncode == 0
    other = jobs.workspace.ask("token").stdout.strip()
    assert jobs.workspace.ask("status", jobs.done, "--api-key", other).returncode == 3
    unknown = jobs.workspace.ask("token", "--user", "nobody")
    assert (unknown.returncode, unknown.stdout) == (1, "")


def test_token_is_created_only_for_a_development_database(jobs: Jobs) -> None:
    mark = jobs.workspace.sql("delete from private.development returning made_by")
    try:
        done = jobs.workspace.ask("token", DATABASE_URL=jobs.workspace.dev_env["DEV_DATABASE_URL"])
    finally:
        jobs.workspace.sql(
            "insert into private.development (made_by) values (%s) returning 1", *mark[0]
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert "not marked for development" in done.stderr
