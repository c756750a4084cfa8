"""docs/examples/worker.py: a third-party worker completes real jobs with real rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.support.repositories import commit
from tests.worker.conftest import Database

EXAMPLE = Path(__file__).parents[2] / "docs/examples/worker.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a module, a text, a binary and a symbolic link."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "link").symlink_to("README")
    module = "import os\n\nclass Shop:\n    pass\n\n\nasync def sell(): ...\n"
    commit(folder, {"src/shop.py": module, "README": "A shop.\n", "logo.png": "\0\0"})
    return folder


def job_for(connection: psycopg.Connection, git_url: Path) -> UUID:
    user = uuid4()
    connection.execute("insert into auth.users (id) values (%s)", (user,))
    row = connection.execute(
        "with made as (insert into public.repositories (full_name, git_url, owner_user_id)"
        " values ('example/app', %s, %s) returning id) select id from made",
        (str(git_url), user),
    ).fetchone()
    assert row is not None
    job = connection.execute(
        "select j.id from public.create_index_job(p_repository_id => %s) as j", row
    ).fetchone()
    assert job is not None
    return UUID(str(job[0]))


def run(database: Database) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env=os.environ | {"WORKER_DATABASE_URL": database.worker_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example_completes_a_job_with_its_rows(database: Database, folder: Path) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        job = job_for(connection, folder)
        assert run(database) == f"job {job} attempt 1: stored\n"
        head = commit(folder, {"later": ""})
        row = connection.execute(
            "select status::text, length(commit_sha), commit_sha <> %s, stats, progress"
            " from public.index_jobs",
            (head,),
        ).fetchone()
        stats = {
            "files_indexed": 2,
            "symbols_extracted": 2,
            "files_skipped": 2,
            "skipped": {"symlink": 1, "binary": 1},
        }
        progress = {"phase": "symbols", "done": 4, "total": 4}
        assert row == ("completed", 40, True, stats, progress)
        found = connection.execute(
            "select f.path, f.language, s.name, s.kind, s.start_line from public.indexed_files as f"
            " left join public.symbols as s on s.file_id = f.id order by f.path, s.start_line"
        ).fetchall()
        assert found == [
            ("README", None, None, None, None),
            ("src/shop.py", "Python", "Shop", "class", 3),
            ("src/shop.py", "Python", "sell", "function", 7),
        ]
        skipped = connection.execute("select path, reason from public.skipped_files order by path")
        assert skipped.fetchall() == [("link", "symlink"), ("logo.png", "binary")]


def test_example_reports_when_no_job_is_pending(database: Database) -> None:
    assert run(database) == "there is nothing to do\n"


def test_missing_repository_is_retried(database: Database, folder: Path) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        job = job_for(connection, folder / "gone")
        assert run(database) == f"job {job} attempt 1: failed\n"
        row = connection.execute(
            "select status::text, retry_at > created_at, last_error from public.index_jobs"
        ).fetchone()
        assert row == ("processing", True, "The repository could not be read.")


def test_example_cancels_a_job_on_request(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    commit(folder, {f"{number}.txt": "x" for number in range(100)})
    with psycopg.connect(database.url, autocommit=True) as connection:
        job = job_for(connection, folder)
        # requested at the moment of the claim
        connection.execute("""
            create function tests.ask_to_cancel() returns trigger language plpgsql as $$
            begin
              new.cancel_requested_at := new.started_at;
              return new;
            end;
            $$;
            create trigger ask_to_cancel before update of attempt on public.index_jobs
              for each row execute function tests.ask_to_cancel();
        """)
        assert run(database) == f"job {job} attempt 1: cancelled\n"
        row = connection.execute(
            "select status::text, (select count(*) from public.indexed_files)"
            " from public.index_jobs"
        ).fetchone()
        assert row == ("cancelled", 0)
