"""What a reset removes from a database that contains other objects too."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from db.tools import migrate, reset
from tests.support.databases import Database
from tests.support.dumps import dump

STRAY = """
alter table public.index_jobs add column note text;
create table private.left_over (id int);
create view public.open_jobs as select j.id from public.index_jobs as j;
create function public.left_over() returns int language sql as 'select 1';
alter function public.left_over() owner to job_writer;
create or replace function public.list_api_keys(p_all boolean) returns int
  language sql as 'select 1';
comment on schema private is 'schema version 20261125044947';
"""
THEIRS = """
create table public.theirs (id int);
create function public.theirs() returns int language sql as 'select 1';
insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1');
"""


@pytest.mark.parametrize("major", [18, 15])
def test_migrations_work_after_a_reset_of_any_earlier_schema(
    new_database: Callable[..., Database], major: int
) -> None:
    new, old = (new_database(major, "ordinary", migrated=False) for _ in range(2))
    for database in (new, old):
        migrate.apply(database.migrator_url)
    with psycopg.connect(old.url) as connection:
        connection.execute(STRAY)
    with pytest.raises(migrate.MigrationError, match="make reset"):
        migrate.apply(old.migrator_url)
    for database in (new, old):
        with psycopg.connect(database.url) as connection:
            connection.execute(THEIRS)
    with psycopg.connect(old.migrator_url) as connection:
        reset.remove(connection)
    assert migrate.current_version(old.url) is None
    assert migrate.apply(old.migrator_url) == migrate.names()
    assert dump(old) == dump(new)
    with psycopg.connect(old.url) as connection:
        assert connection.execute("select count(*) from auth.users").fetchone() == (1,)


def test_empty_database_has_nothing_to_remove(new_database: Callable[..., Database]) -> None:
    database = new_database(migrated=False)
    before = dump(database)
    with psycopg.connect(database.migrator_url) as connection:
        reset.remove(connection)
    assert dump(database) == before


def test_database_is_for_development_when_a_row_says_so(
    new_database: Callable[..., Database],
) -> None:
    empty, database = new_database(migrated=False), new_database()
    with psycopg.connect(empty.migrator_url) as connection:
        assert reset.made_by(connection) is None
    with psycopg.connect(database.migrator_url) as connection:
        assert reset.made_by(connection) is None
        reset.mark_for_development(connection, "a test")
        assert reset.made_by(connection) == "a test"
