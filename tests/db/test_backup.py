"""The backup and restore commands of docs/operations.md, run by an ordinary owner."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.local.binaries import client_program
from db.local.postgres import Server
from db.tools import backup, doctor, migrate
from tests.support.blocks import blocks, section
from tests.support.databases import SETTINGS
from tests.support.kept import Kept

ROOT = Path(__file__).parent.parent.parent
TEXT = section((ROOT / "docs/operations.md").read_text(), "Backups and rollbacks")
SH, SQL = blocks(TEXT, "sh"), blocks(TEXT, "sql")
WORKER = "11111111-1111-4111-8111-111111111111"
DATA = """
insert into auth.users (id, email)
  values ('00000000-0000-4000-8000-0000000000a1', 'sam@example.com');
insert into private.accounts values ('00000000-0000-4000-8000-0000000000a1', 'team');
create table public.notes (id int primary key, body text);
insert into public.notes values (1, 'SET transaction_timeout = 0;'), (2, 'kept');
begin;
grant service_role, authenticated to current_user;
set local role authenticated;
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-0000000000a1"}';
select public.create_api_key(p_name => 'laptop', p_expires_at => null);
select j.id from public.ensure_repository('a/b', 'https://example.org/a/b') as r,
  public.create_index_job(p_repository_id => r.id) as j;
select j.id from public.ensure_repository('a/c', 'https://example.org/a/c') as r,
  public.create_index_job(p_repository_id => r.id) as j;
set local role service_role;
select j.id from public.claim_index_job('11111111-1111-4111-8111-111111111111', '1 hour') as j;
reset role;
revoke service_role, authenticated from current_user;
commit;
"""
JOBS = "select count(*) from public.index_jobs"
FINISH = f"""
set role service_role;
select j.status from public.claim_index_job('{WORKER}') as c,
  public.update_job_status(
    p_job_id => c.id, p_status => 'failed', p_metadata => '{{"error": "enough"}}',
    p_attempt => c.attempt) as j
"""


@dataclass(frozen=True)
class Owned:
    """A separate server with one database that an ordinary role owns, as the README says."""

    server: Server

    @property
    def url(self) -> str:
        return self.server.url("app", "app_owner", "secret")

    @property
    def superuser_url(self) -> str:
        return self.server.url("app")

    def run(self, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
        """Runs a block of commands on this database."""
        text = re.sub("^export DATABASE_URL=.*\n", "", text, flags=re.M)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"DATABASE_URL": self.url, "PATH": path}
        return subprocess.run(
            ["bash", "-euc", text],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def own(server: Server) -> None:
    """Creates an empty database as its owner."""
    for statement in SQL[0].replace("…", "secret").split(";\n"):
        if statement:
            execute(server.url(), statement)


def fill(server: Server) -> None:
    own(server)
    old = Owned(server)
    assert old.run(Path("/"), "index-jobs migrate").returncode == 0
    execute(old.url, DATA)


@pytest.fixture(scope="module", params=[18, 15])
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def old(kept: Kept, major: int) -> Iterator[Owned]:
    """A server whose database was migrated and filled."""
    with kept.server(major, settings=SETTINGS, name="filled", fill=fill) as server:
        yield Owned(server)


@pytest.fixture
def new(kept: Kept, major: int) -> Iterator[Owned]:
    """A server of the same major version with an empty database."""
    with kept.server(major, settings=SETTINGS, name="owned", fill=own) as server:
        yield Owned(server)


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def value(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    return row[0] if row else None


def dumped(owned: Owned) -> str:
    """Dumps everything as a superuser, without the parts that differ between any two dumps."""
    command = [client_program("pg_dump"), owned.superuser_url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # a policy lists its roles in order of creation
    text = re.sub(r" TO (\w+(?:, \w+)+)", lambda to: f" TO {sorted(to[1].split(', '))}", text)
    return "\n".join(sorted(line for line in text.splitlines() if "restrict " not in line))


def test_documented_commands_back_up_and_restore_everything(
    old: Owned, new: Owned, tmp_path: Path
) -> None:
    done = old.run(tmp_path, SH[0])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "jobs.dump").stat().st_mode & 0o777 == 0o600
    done = new.run(tmp_path, SH[1])
    assert done.returncode == 0, done.stderr
    assert "no problems found" in done.stderr
    assert dumped(new) == dumped(old), "rows, grants, policies, owners"
    assert doctor.examine(new.url).findings == ()
    for owned in (old, new):
        memberships = "select count(*) from pg_auth_members where grantor = 'app_owner'::regrole"
        assert value(owned.superuser_url, memberships) == 2, "authenticated to two job_ roles"
    assert value(new.url, JOBS) == 0, "row-level security is forced again"


def test_restored_job_can_be_completed(old: Owned, new: Owned, tmp_path: Path) -> None:
    backup.save(old.url, tmp_path / "jobs.dump")
    backup.restore(new.url, tmp_path / "jobs.dump")
    execute(new.superuser_url, "create role app_worker login password 'w' in role service_role")
    assert value(new.server.url("app", "app_worker", "w"), FINISH) == "failed"
    statuses = "select string_agg(status::text, ' ' order by status) from public.index_jobs"
    assert value(new.superuser_url, statuses) == "processing failed"


def test_owner_can_count_jobs_as_documented(old: Owned) -> None:
    assert value(old.url, JOBS) == 0
    with psycopg.connect(old.url, autocommit=True) as connection:
        *before, count, _ = SQL[1].strip().split("\n")
        for statement in before:
            connection.execute(statement.encode())
        assert connection.execute(count.encode()).fetchone() == (2,)
        connection.execute("rollback")
    assert value(old.url, JOBS) == 0


def test_plain_pg_dump_fails_or_saves_no_rows(old: Owned) -> None:
    """This is why the project has its own command."""
    command = [client_program("pg_dump"), "--data-only", "--table=public.index_jobs", old.url]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "row-level security" in refused.stderr
    silent = subprocess.run(
        [*command, "--enable-row-security"], check=True, capture_output=True, text=True
    )
    assert "'a/b'" not in silent.stdout
    assert "a/b" not in silent.stdout


@pytest.mark.parametrize(
    "hiding",
    [
        "drop policy index_jobs_select_workers on public.index_jobs",
        "alter policy index_jobs_select_workers on public.index_jobs using (version > 0)",
        "alter policy index_jobs_select_workers on public.index_jobs to job_worker",
        "create policy few on public.index_jobs as restrictive for select using (version > 0)",
        """alter table public.notes enable row level security;
           alter table public.notes force row level security""",
    ],
)
def test_incomplete_backup_is_deleted(new_database: Any, tmp_path: Path, hiding: str) -> None:
    database = new_database(plain=True)
    url = database.migrator_url
    migrate.apply(url)
    execute(url, "create table public.notes (id int)")
    execute(url, hiding)
    file = tmp_path / "jobs.dump"
    file.write_text("the one before")
    with pytest.raises(backup.BackupError, match="may hide rows of public"):
        backup.save(url, file)
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.dump"]
    assert file.read_text() == "the one before"


def test_failed_restore_leaves_nothing(old: Owned, new: Owned, tmp_path: Path) -> None:
    execute(old.superuser_url, "create role reporting")
    execute(old.url, "grant select on public.notes to reporting")
    file = tmp_path / "jobs.dump"
    backup.save(old.url, file)
    with pytest.raises(backup.BackupError, match="create role reporting first, then try again"):
        backup.restore(new.url, file)
    assert value(new.url, "select to_regnamespace('private')") is None
    torn = tmp_path / "torn.dump"
    torn.write_bytes(file.read_bytes()[:-20_000])
    execute(new.superuser_url, "create role reporting")
    with pytest.raises(backup.BackupError, match="nothing was restored"):
        backup.restore(new.url, torn)
    assert value(new.url, "select to_regnamespace('private')") is None
    backup.restore(new.url, file)
    with pytest.raises(backup.BackupError, match="is not empty"):
        backup.restore(new.url, file)
