"""The migrator on real servers, with this project's migrations and those of a small project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import bridges, lock, migrate, stamp
from db.tools.connection import ConnectError
from tests.support.dumps import dump
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parent.parent.parent
IS_OPEN = "db/functions/private/is_open.sql"
CAN_SEE = "db/functions/private/can_see.sql"
WRITE_NOTE = "db/functions/write_note.sql"
NOTES = "db/policies/notes.sql"
ALL = len(stamp.migration_files())

MAJORS = pytest.mark.parametrize("major", [18, 15])
OWNERS = pytest.mark.parametrize("owner", ["ordinary", "superuser"])


@pytest.fixture
def empty(new_database: Any) -> Any:
    """A database on which nothing has been applied."""
    return new_database(migrated=False)


def query(url: str, text: str) -> Any:
    """Returns the first column of the first row."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(text).fetchone()
    return row[0] if row else None


def run_sql(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(text)


def migrator(database: Any, folder: Path = migrate.MIGRATIONS, **streams: Any) -> Any:
    """Starts a process that applies pending migrations and prints their names."""
    code = (
        "import pathlib, sys; from db.tools import migrate; "
        "print(*migrate.apply(sys.argv[1], migrations=pathlib.Path(sys.argv[2])))"
    )
    arguments = [sys.executable, "-c", code, database.migrator_url, str(folder)]
    return subprocess.Popen(arguments, text=True, **streams)


def waiters(database: Any) -> int:
    """Returns how many sessions of this database wait for a lock."""
    text = f"""select count(*) from pg_stat_activity
               where datname = '{database.name}' and wait_event_type = 'Lock'"""
    return int(query(database.url, text))


# --- this project's migrations --------------------------------------------------------------------


@OWNERS
@MAJORS
def test_migrations_declared_files_and_mirror_give_the_same_schema(
    new_database: Any, major: int, owner: str
) -> None:
    database = new_database(major, "ordinary")  # first, because its owner creates the roles
    database, mirrored = (new_database(major, owner, migrated=False) for _ in range(2))
    assert len(migrate.apply(database.migrator_url)) == ALL
    schema = dump(database)

    run_sql(database.migrator_url, stamp.declared_sql())
    assert dump(database) == schema, "re-applying all declared files changes nothing"

    for file in sorted((ROOT / "supabase/migrations").iterdir()):
        run_sql(mirrored.migrator_url, file.read_text())
    assert dump(mirrored) == schema, "the mirror, each file one transaction, makes the same"

    assert len(migrate.rollback(database.migrator_url, ALL)) == ALL
    assert migrate.current_version(database.url) is None
    assert len(migrate.apply(database.migrator_url)) == ALL
    assert dump(database) == schema, "down, then up, makes the same"


def test_full_rollback_restores_the_previous_state(empty: Any) -> None:
    before = dump(empty)
    migrate.apply(empty.migrator_url)
    migrate.rollback(empty.migrator_url, ALL)
    assert dump(empty) == before


def test_rollback_and_migrate_keep_the_remaining_rows(database: Any) -> None:
    run_sql(
        database.url,
        """
        insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
        insert into public.repositories (id, full_name, git_url, owner_user_id)
        values ('00000000-0000-4000-8000-0000000000b1', 'a/b', 'https://example.org/a/b',
                '00000000-0000-4000-8000-0000000000a1');
        insert into public.index_jobs (
          id, repository_id, repository, owner_user_id, created_at, updated_at)
        values ('00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000b1',
                'a/b', '00000000-0000-4000-8000-0000000000a1', now(), now());
        """,
    )
    tables = ("auth.users", "public.repositories", "public.index_jobs")
    rows = [query(database.url, f"select jsonb_agg(t) from {table} as t") for table in tables]
    migrate.rollback(database.migrator_url, ALL - 1)
    assert query(database.url, "select count(*) from public.index_jobs") == 1
    migrate.apply(database.migrator_url)
    assert rows == [query(database.url, f"select jsonb_agg(t) from {t} as t") for t in tables]


def test_apply_names_the_migrations_and_a_second_run_does_nothing(empty: Any) -> None:
    reported: list[str] = []
    done = migrate.apply(empty.migrator_url, report=lambda name, _: reported.append(name))
    assert done == reported == [file.stem for file in stamp.migration_files()]
    assert migrate.current_version(empty.url) == migrate.newest_version() == done[-1][:14]
    assert migrate.apply(empty.migrator_url) == []


def test_status_shows_applied_and_pending_migrations(empty: Any) -> None:
    every = [file.stem for file in stamp.migration_files()]
    assert migrate.status(empty.migrator_url) == migrate.Status(None, every)
    migrate.apply(empty.migrator_url)
    assert migrate.status(empty.migrator_url) == migrate.Status(migrate.newest_version(), [])
    migrate.rollback(empty.migrator_url)
    assert migrate.status(empty.migrator_url) == migrate.Status(every[-2][:14], every[-1:])


def test_rollback_without_migrations_is_an_error(empty: Any) -> None:
    with pytest.raises(migrate.MigrationError, match=r"^no migration is applied: there is nothing"):
        migrate.rollback(empty.migrator_url)


@pytest.mark.parametrize("count", [-1, 0, ALL + 1])
def test_rollback_of_an_invalid_count_changes_nothing(database: Any, count: int) -> None:
    before = dump(database)
    with pytest.raises(
        migrate.MigrationError, match=f"so {count} cannot be rolled back.* to 1 to {ALL}$"
    ):
        migrate.rollback(database.migrator_url, count)
    assert migrate.current_version(database.url) == migrate.newest_version()
    assert dump(database) == before


def test_migrations_are_found_from_any_folder(empty: Any, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("index-jobs"), "migrate"]
    environment = {**os.environ, "DATABASE_URL": empty.migrator_url}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert migrate.current_version(empty.url) == migrate.newest_version()


def test_plain_yoyo_works_with_its_configuration(empty: Any) -> None:
    run_sql(empty.migrator_url, "create schema yoyo")
    url = empty.migrator_url.replace("postgresql://", "postgresql+psycopg://") + "?schema=yoyo"
    yoyo = [Path(sys.executable).with_name("yoyo"), "apply", "--database", url]
    subprocess.run(yoyo, cwd=ROOT, check=True, capture_output=True)
    assert migrate.current_version(empty.url) == migrate.newest_version()
    assert migrate.apply(empty.migrator_url) == []


# --- several migrators, killed ones ---------------------------------------------------------------


def test_second_of_two_migrators_finds_nothing_to_apply(empty: Any) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with lock.migrator_lock(empty.migrator_url, migrate.LOCK_WAIT):
        migrators = [migrator(empty, **pipes) for _ in range(2)]
        until(lambda: waiters(empty) == 2)
    said = sorted(each.communicate(timeout=PATIENCE) for each in migrators)
    assert [each.returncode for each in migrators] == [0, 0]
    assert [out for out, _ in said] == ["\n", f"{' '.join(migrate.names())}\n"]
    for _, err in said:
        assert re.search(r"^waiting for session [0-9]+ \(user migrator\)$", err, re.M)


def test_concurrent_first_migrations_give_one_schema(empty: Any) -> None:
    """Neither finds the table that they lock: it does not exist yet."""
    migrators = [migrator(empty, stdout=subprocess.PIPE) for _ in range(3)]
    said = sorted(each.communicate(timeout=PATIENCE)[0] for each in migrators)
    assert [each.returncode for each in migrators] == [0, 0, 0]
    assert said == ["\n", "\n", f"{' '.join(migrate.names())}\n"]


def test_migrator_lock_timeout_names_the_blocking_session(empty: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(migrate, "LOCK_WAIT", timedelta(milliseconds=1))
    migrate.apply(empty.migrator_url)
    with psycopg.connect(empty.migrator_url, application_name="a second desk") as other:
        other.execute("lock table yoyo.migrator in share row exclusive mode")
        said = (
            rf"^another migrator has .* in session {other.info.backend_pid} "
            r"\(user migrator, a second desk\); wait for it, or end it"
        )
        with pytest.raises(migrate.MigrationError, match=said):
            migrate.apply(empty.migrator_url)


@MAJORS
def test_login_without_rights_cannot_block_a_migrator(
    new_database: Any, monkeypatch: Any, major: int
) -> None:
    """It can take any advisory lock, but it cannot see or lock yoyo's tables."""
    database = new_database(major)
    monkeypatch.setattr(migrate, "LOCK_WAIT", timedelta(milliseconds=1))
    urls = (database.anon_url, database.authenticated_url, database.service_role_url)
    for url in (*urls, database.api_url, database.worker_url):
        with psycopg.connect(url, autocommit=True) as guest:
            guest.execute(
                "select pg_advisory_lock(%s)", [0x1DE8_0B5]
            )  # the advisory lock of an earlier version
            for mode in ("access share", "row exclusive", "share row exclusive"):
                for table in ("migrator", "yoyo_lock", "_yoyo_migration"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        guest.execute(f"begin; lock table yoyo.{table} in {mode} mode")
                    guest.execute("rollback")
            assert migrate.apply(database.migrator_url) == []


@pytest.fixture
def behind(empty: Any, stamped: Any) -> Any:
    """A database that lacks one migration, which adds a column to the table of notes."""
    migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    stamped.stamp(
        "more",
        ddl="alter table public.notes add column more text;",
        undo="alter table public.notes drop column more;",
    )
    run_sql(empty.url, "grant select on public.notes to test_authenticated")
    return empty


def test_migration_lock_timeout_names_the_blocking_session(
    behind: Any, stamped: Any, monkeypatch: Any, capfd: Any
) -> None:
    """A statement that waits for a table blocks all statements that queue behind it."""
    monkeypatch.setattr(lock, "TABLES_WAIT", timedelta(seconds=1))
    with psycopg.connect(behind.authenticated_url, application_name="a reader") as guest:
        guest.execute("lock table public.notes in access share mode")
        session = f"session {guest.info.backend_pid} (user test_authenticated, a reader)"
        said = f"(?s)was rolled back: .*the tables that it changes were .* by {re.escape(session)}"
        with pytest.raises(migrate.MigrationError, match=said):
            migrate.apply(behind.migrator_url, migrations=stamped.migrations)
        assert f"waiting for {session}\n" in capfd.readouterr().err
    assert len(migrate.apply(behind.migrator_url, migrations=stamped.migrations)) == 1


@pytest.mark.parametrize("back", [False, True])
def test_migration_that_waits_for_a_reader_blocks_no_other_session(
    behind: Any, stamped: Any, monkeypatch: Any, back: bool, proving: bool
) -> None:
    monkeypatch.setattr(lock, "PAUSE", 0.2)
    run_sql(behind.url, f"alter role migrator in database {behind.name} set lock_timeout = 0")
    if back:
        migrate.apply(behind.migrator_url, migrations=stamped.migrations)
    run = migrate.rollback if back else migrate.apply
    slowest = 0.0
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(behind.authenticated_url) as reader,
        psycopg.connect(behind.authenticated_url, autocommit=True) as guest,
    ):
        reader.execute("lock table public.notes in access share mode")
        done = pool.submit(run, behind.migrator_url, migrations=stamped.migrations)
        guest.execute("set statement_timeout = '3s'")
        until(lambda: waiters(behind) == 1)
        for _ in range(200 if proving else 40):
            began = time.monotonic()
            guest.execute("select count(*) from public.notes")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
        assert not done.done()
        reader.rollback()
        assert len(done.result(60)) == 1
    if proving:
        assert slowest < 0.5


def test_bridge_installation_has_the_lock_timeout_of_migrations(
    new_database: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock, "TABLES_WAIT", timedelta(0))
    monkeypatch.setattr(bridges, "FOLDER", tmp_path)
    (tmp_path / "x.sql").write_text(
        "create trigger t after insert on public.index_jobs"
        " for each row execute function private.broadcast_index_job();"
    )
    database = new_database()
    with psycopg.connect(database.url) as writer:
        writer.execute("lock table public.index_jobs in row exclusive mode")
        with pytest.raises(bridges.BridgeError, match="in use for 0 minutes"):
            bridges.install(database.migrator_url, "x")
    bridges.install(database.migrator_url, "x")


def test_migration_files_set_a_short_lock_timeout(behind: Any, stamped: Any) -> None:
    """Supabase runs them with its own timeouts."""
    files = sorted(stamped.migrations.glob("*more*.sql"))
    assert len(files) == 2
    with psycopg.connect(behind.authenticated_url) as reader:
        reader.execute("lock table public.notes in access share mode")
        for file in files:
            with (
                psycopg.connect(behind.migrator_url) as connection,
                pytest.raises(psycopg.errors.LockNotAvailable),
            ):
                connection.execute(file.read_text())


def test_next_run_continues_after_a_killed_one(empty: Any, stamped: Any) -> None:
    stamped.stamp(
        "slow",
        ddl="create table public.half ();\nselect pg_advisory_xact_lock(1);\n",
        undo="drop table public.half;",
    )
    with psycopg.connect(empty.url, autocommit=True) as gate:
        gate.execute("select pg_advisory_lock(1)")
        process = migrator(empty, stamped.migrations)
        until(lambda: waiters(empty) == 1)
        process.kill()
        process.wait()
        assert query(empty.url, "select pid from yoyo.yoyo_lock") == process.pid
    done = migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    assert [name[15:] for name in done] == ["slow"]
    assert query(empty.url, "select count(*) from yoyo.yoyo_lock") == 0


def test_lock_row_of_a_live_process_is_respected_until_stale(empty: Any, stamped: Any) -> None:
    migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    insert = "insert into yoyo.yoyo_lock (locked, ctime, pid) values (1, {}, {})"
    run_sql(empty.url, insert.format("now() at time zone 'utc'", os.getppid()))
    with pytest.raises(migrate.MigrationError, match=f"process {os.getppid()} has held"):
        migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    age = migrate.STALE_LOCK_ROW + timedelta(minutes=1)
    run_sql(empty.url, f"update yoyo.yoyo_lock set ctime = ctime - '{age}'::interval")
    assert migrate.apply(empty.migrator_url, migrations=stamped.migrations) == []


def test_migration_killed_before_its_mark_is_not_applied_twice(database: Any) -> None:
    run_sql(database.url, "delete from yoyo._yoyo_migration")
    assert migrate.apply(database.migrator_url) == []
    assert query(database.url, "select count(*) from yoyo._yoyo_migration") == ALL


def test_migrations_applied_by_supabase_can_be_rolled_back(empty: Any, stamped: Any) -> None:
    for file in sorted(stamped.path("supabase/migrations").iterdir()):
        run_sql(empty.migrator_url, file.read_text())
    assert len(migrate.rollback(empty.migrator_url, migrations=stamped.migrations)) == 1
    assert migrate.current_version(empty.url) is None


def test_newer_database_is_left_unchanged(database: Any) -> None:
    run_sql(database.url, "comment on schema private is 'schema version 29991231235959'")
    for move in (migrate.apply, migrate.rollback):
        with pytest.raises(migrate.MigrationError, match="newer than this code"):
            move(database.migrator_url)


def test_database_of_another_unreleased_migration_is_left_unchanged(
    empty: Any, stamped: Any
) -> None:
    migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    before = dump(empty)
    stamped.edit(IS_OPEN, "select false", "select true")
    (init,) = [stamp.write(root=stamped.root).forward]
    said = (
        f"^the database was made by an earlier form of the unreleased migration {init.stem}: "
        "make reset, or roll it back with the checkout that made it$"
    )
    for move in (migrate.apply, migrate.rollback, migrate.status):
        with pytest.raises(migrate.MigrationError, match=said):
            move(empty.migrator_url, migrations=stamped.migrations)
    assert dump(empty) == before
    stamped.edit(IS_OPEN, "select true", "select false")
    stamp.write(root=stamped.root)
    assert migrate.apply(empty.migrator_url, migrations=stamped.migrations) == []


def test_prerelease_database_is_left_unchanged(database: Any) -> None:
    run_sql(database.url, "comment on schema private is 'schema version 20261125044947'")
    before = dump(database)
    said = (
        r"^the database was made before 0\.1\.0 and cannot be upgraded: make reset \(a "
        r"development database\), or dump what you need and migrate an empty one$"
    )
    for move in (migrate.apply, migrate.rollback, migrate.status):
        with pytest.raises(migrate.MigrationError, match=said):
            move(database.migrator_url)
    assert dump(database) == before


def test_lost_version_comment_is_reported_and_marks_are_kept(database: Any) -> None:
    run_sql(database.url, "comment on schema private is null")
    with pytest.raises(migrate.MigrationError, match="restore it"):
        migrate.apply(database.migrator_url)
    assert query(database.url, "select count(*) from yoyo._yoyo_migration") == ALL


# --- what goes wrong ------------------------------------------------------------------------------


def test_failed_migration_leaves_nothing_behind(empty: Any, stamped: Any) -> None:
    stamped.stamp(
        "bad", ddl="create table public.half ();\nselect 1 / 0;", undo="drop table public.half;"
    )
    good, bad = stamp.migration_files(stamped.root)
    said = rf"(?s)^{bad.name} failed and was rolled back: division by zero.*\nremedy: "
    with pytest.raises(migrate.MigrationError, match=said):
        migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    assert query(empty.url, "select to_regclass('public.half')") is None
    assert migrate.current_version(empty.url) == good.name[:14]

    stamped.edit(f"db/migrations/{bad.name}", "select 1 / 0;", "")
    assert migrate.apply(empty.migrator_url, migrations=stamped.migrations) == [bad.stem]


def test_failed_rollback_changes_nothing(empty: Any, stamped: Any) -> None:
    migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    run_sql(empty.migrator_url, "create view public.bodies as select body from public.notes")
    before = dump(empty)
    with pytest.raises(migrate.MigrationError, match=r"(?s)_init\.rollback\.sql failed.*depend"):
        migrate.rollback(empty.migrator_url, migrations=stamped.migrations)
    assert dump(empty) == before
    assert migrate.apply(empty.migrator_url, migrations=stamped.migrations) == []


def test_login_without_rights_gets_the_missing_grant(empty: Any) -> None:
    with pytest.raises(
        migrate.MigrationError, match="connect as its owner, migrator, or transfer it as a superu"
    ):
        migrate.apply(empty.url_of("test_anon"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("postgresql://", "mysql://"), "begins with 'mysql', but must begin with postgresql://"),
        (("postgresql://", ""), "begins with 'no scheme', but must begin with postgresql://"),
        (("postgresql://", "PGPASSWORD=s3cret psql postgresql://"), "'no scheme', but must begin"),
        (("127.0.0.1:", "127.0.0.1:x"), "cannot be read"),
        (("{password}@", "s3cret/w@rd@"), "cannot be read"),
        (("{password}@", "pass@s3cret@"), "cannot be read"),
        (("{database}", "{database}?pool=yes"), "after \\? only parameters of libpq"),
        (("{password}@", "s3cret@"), "the password of migrator is wrong"),
        (("migrator:", "nobody:"), "nobody is wrong|there is no login nobody"),
        (("{database}", "nowhere"), 'there is no database nowhere; create database "nowhere"'),
        (("127.0.0.1:{port}", "127.0.0.1:1"), "nothing answers at 127.0.0.1 port 1"),
        (("127.0.0.1", "no-such-host.invalid"), "host no-such-host.invalid does not exist"),
    ],
)
def test_invalid_url_error_names_the_fault_and_hides_the_password(
    empty: Any, change: tuple[str, str], said: str
) -> None:
    server = empty.server
    names = {"password": server.password, "database": empty.name, "port": server.port}
    old, new = (part.format(**names) for part in change)
    url = empty.migrator_url
    assert old in url
    with pytest.raises(ConnectError, match=said) as caught:
        migrate.apply(url.replace(old, new))
    assert server.password not in str(caught.value)
    assert "s3cret" not in str(caught.value)


# --- stamped migrations on a real server ----------------------------------------------------------


@MAJORS
def test_ordinary_owner_transfers_functions_and_keeps_no_membership(
    new_database: Any, stamped: Any, major: int
) -> None:
    database = new_database(major, "ordinary", migrated=False)
    migrate.apply(database.migrator_url, migrations=stamped.migrations)
    stamped.edit(WRITE_NOTE, "% 2", "% 3")
    stamped.stamp("again")
    migrate.apply(database.migrator_url, migrations=stamped.migrations)
    owner = "select proowner::regrole::text from pg_proc where proname = 'write_note'"
    assert query(database.url, owner) == "job_writer"
    own = """select count(*) from pg_auth_members
             where member = 'migrator'::regrole and grantor = 'migrator'::regrole
               and roleid in ('job_writer'::regrole, 'job_gateway'::regrole,
                              'job_tenant'::regrole)"""
    assert query(database.url, own) == 0
    for schema in ("public", "private"):
        may = f"select has_schema_privilege('job_writer', '{schema}', 'create')"
        assert not query(database.url, may)


@MAJORS
def test_special_characters_in_migrations_are_preserved(
    new_database: Any, stamped: Any, major: int
) -> None:
    database = new_database(major, "ordinary", migrated=False)
    migrate.apply(database.migrator_url, migrations=stamped.migrations)
    body = "select prosrc from pg_proc where proname = 'write_note'"
    assert query(database.url, body) == stamped.path(WRITE_NOTE).read_text().split("$$")[1]
    note = query(database.url, "select body from public.write_note(1)")
    assert note == 'it\'s; $1 at 100%; -- "no" comment'


@MAJORS
def test_rollback_restores_the_exact_schema(new_database: Any, stamped: Any, major: int) -> None:
    database = new_database(major, "ordinary", migrated=False)
    migrate.apply(database.migrator_url, migrations=stamped.migrations)
    before = dump(database)
    run_sql(database.url, "insert into public.notes values (1, 'migrator', 'kept')")

    stamped.edit(CAN_SEE, "p_owner", "p_who")  # a policy depends on it
    stamped.edit(WRITE_NOTE, "p_id bigint, p_body text", "p_id integer, p_body text")
    stamped.edit(WRITE_NOTE, "(bigint, text)", "(integer, text)")
    stamped.edit(IS_OPEN, "to authenticated, job_writer", "to job_writer")
    stamped.edit(IS_OPEN, "Callers: authenticated, job_writer", "Callers: job_writer")
    stamped.edit(NOTES, "select, insert (id, body)", "select, insert")
    stamped.edit(NOTES, "notes_all_job_writer", "notes_every_job_writer")
    shut = stamped.path(IS_OPEN).read_text().replace("is_open", "is_shut")
    stamped.write("db/functions/private/is_shut.sql", shut)
    stamped.stamp("much")
    stamped.path(WRITE_NOTE).unlink()
    stamped.path("db/functions/private/is_shut.sql").unlink()
    stamped.stamp("less")
    assert stamped.check() == []

    migrate.apply(database.migrator_url, migrations=stamped.migrations)
    after = dump(database)
    run_sql(database.migrator_url, stamp.declared_sql(stamped.root))
    assert dump(database) == after
    migrate.rollback(database.migrator_url, 2, migrations=stamped.migrations)
    assert dump(database) == before
    assert query(database.url, "select body from public.notes") == "kept"
