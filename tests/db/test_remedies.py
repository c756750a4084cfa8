"""Follows the remedies of migrate, the doctor and refused connections. They work."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import doctor, migrate
from db.tools.connection import ConnectError, connect
from tests.support.blocks import blocks, section

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(new_database: Any) -> Any:
    """A database on which nothing has been applied."""
    return new_database(migrated=False)


def run_sql(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())


def refusal(move: Callable[[], object]) -> str:
    with pytest.raises((migrate.MigrationError, ConnectError)) as refused:
        move()
    return str(refused.value)


@pytest.mark.parametrize(
    "thing",
    ["table public.more (id int)", "view public.more as select 1", "sequence public.more"],
)
def test_object_with_a_conflicting_name_can_be_renamed(
    empty: Any, stamped: Any, thing: str
) -> None:
    def move() -> list[str]:
        return migrate.apply(empty.migrator_url, migrations=stamped.migrations)

    move()
    stamped.stamp("more", ddl="create table public.more ();", undo="drop table public.more;")
    run_sql(empty.migrator_url, f"create {thing}")
    said = refusal(move)
    assert "was rolled back" in said and "rename it" in said
    run_sql(empty.migrator_url, f"alter {thing.split(maxsplit=1)[0]} public.more rename to ours")
    assert len(move()) == 1


def test_dependent_object_that_blocks_a_rollback_can_be_dropped(empty: Any, stamped: Any) -> None:
    def move() -> list[str]:
        return migrate.rollback(empty.migrator_url, migrations=stamped.migrations)

    migrate.apply(empty.migrator_url, migrations=stamped.migrations)
    run_sql(empty.migrator_url, "create view public.bodies as select body from public.notes")
    said = refusal(move)
    assert re.search(r"view \S*bodies depends on table \S*notes", said)
    assert "if it is not needed, drop it" in said
    run_sql(empty.migrator_url, "drop view public.bodies")
    assert len(move()) == 1


def test_session_that_blocks_migrators_can_be_terminated(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_WAIT", timedelta(milliseconds=1))
    migrate.apply(empty.migrator_url)
    with closing(psycopg.connect(empty.migrator_url)) as other:
        other.execute("lock table yoyo.migrator in share row exclusive mode")
        said = refusal(lambda: migrate.apply(empty.migrator_url))
        call = re.search(r"select pg_terminate_backend\(…\)", said)
        session = re.search(r"session ([0-9]+)", said)
        assert call and session
        run_sql(empty.migrator_url, call[0].replace("…", f"{session[1]}, 5000"))
        assert migrate.apply(empty.migrator_url) == []


def test_lock_row_of_yoyo_can_be_deleted(empty: Any, stamped: Any) -> None:
    def move() -> list[str]:
        return migrate.apply(empty.migrator_url, migrations=stamped.migrations)

    move()
    run_sql(
        empty.migrator_url,
        "insert into yoyo.yoyo_lock (locked, ctime, pid) values (1, now() at time zone 'utc', 1)",
    )
    table = re.search(r"empty the table (\S+)$", refusal(move))
    assert table
    run_sql(empty.migrator_url, f"delete from {table[1]}")
    assert move() == []


def test_missing_database_can_be_created(empty: Any) -> None:
    url = empty.server.url("No such", "postgres")
    statement = re.search(r"create database .*$", refusal(lambda: connect(url)))
    assert statement
    run_sql(empty.url, statement[0])
    try:
        connect(url).close()
    finally:
        run_sql(empty.url, 'drop database "No such"')


@pytest.mark.parametrize("major", [18, 15])
def test_urls_of_moved_repositories_are_corrected_as_documented(
    new_database: Any, major: int
) -> None:
    database = new_database(major)
    text = (ROOT / "docs/operations.md").read_text()
    (statements,) = blocks(section(text, "Repositories have moved to another host"), "sql")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            """
            insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
            insert into public.repositories (full_name, git_url, owner_user_id)
            select 'a/' || n, 'https://' || host || '/a/' || n, u.id
            from auth.users as u, (values (1, 'old.example.com'), (2, 'old.example.com'),
              (3, 'old.example.com.other')) as r (n, host)
            """
        )
        run_sql(database.migrator_url, statements)
        moved = connection.execute("select git_url from public.repositories order by full_name")
        assert [url for (url,) in moved] == [
            "https://new.example.com/a/1",
            "https://new.example.com/a/2",
            "https://old.example.com.other/a/3",
        ]


def test_login_with_excess_rights_is_replaced_as_the_doctor_says(new_database: Any) -> None:
    database = new_database()
    run_sql(database.url, f"revoke connect on database {database.name} from public")
    url = database.migrator_url
    found = next(f for f in doctor.examine(url, database.url).findings if f.check == "login")
    statements = found.remedy.partition("API_DATABASE_URL: ")[2]
    run_sql(database.url, statements.replace("…", database.server.password))
    try:
        own = database.url_of("app_api")
        assert [f for f in doctor.examine(url, own).findings if f.check == "login"] == []
    finally:
        run_sql(database.url, f"revoke connect on database {database.name} from app_api")
        run_sql(database.url, "drop role app_api")


def test_login_with_missing_rights_is_fixed_as_the_doctor_says(new_database: Any) -> None:
    database = new_database()
    guest = database.url_of("test_anon")

    def findings() -> list[str]:
        found = doctor.examine(database.migrator_url, guest).findings
        return [each.remedy for each in found if each.check == "login"]

    (statement,) = findings()
    run_sql(database.url, statement)
    try:
        assert findings() == []
    finally:
        run_sql(database.url, "revoke job_http from test_anon")
