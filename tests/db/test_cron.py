"""Rescue of stuck jobs by pg_cron, when it is installed before the migrations.

pg_cron comes by no package manager that these tests may count on. So these databases have what the
migrations use of it, with the signatures, rights and rows of pg_cron 1.6: a schema, a table of
schedules and two functions. What pg_cron does at the minute is done here: a new connection as the
role that made the schedule, and the whole command in one message.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from db.tools import migrate

NAME = "index_jobs: retry_or_fail_stuck_jobs"
PG_CRON = """
create schema cron;
create table cron.job (
  jobid bigint generated always as identity primary key,
  schedule text not null,
  command text not null,
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant select on cron.job to public;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language plpgsql security definer as $$
declare
  v_jobid bigint;
begin
  insert into cron.job (jobname, schedule, command, username)
  values (job_name, schedule, command, session_user)
  on conflict on constraint jobname_username_uniq
  do update set schedule = excluded.schedule, command = excluded.command
  returning jobid into v_jobid;
  return v_jobid;
end;
$$;

create function cron.unschedule(job_name text) returns boolean
language plpgsql security definer as $$
begin
  delete from cron.job as j where j.jobname = job_name and j.username = session_user;
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_name;
  end if;
  return true;
end;
$$;
"""


def with_pg_cron(database: Any) -> Any:
    with psycopg.connect(database.url) as connection:
        connection.execute(PG_CRON.encode())
    return database


def grant(database: Any, privilege: str, options: str = "") -> None:
    """Grants to the role that migrates."""
    role = conninfo_to_dict(database.migrator_url)["user"]
    with psycopg.connect(database.url) as connection:
        connection.execute(f"grant {privilege} to {role} {options}".encode())


def schedules(database: Any) -> list[tuple[str, str, str]]:
    """Returns (name, schedule, role) of each."""
    with psycopg.connect(database.url) as connection:
        return connection.execute("select jobname, schedule, username from cron.job").fetchall()


def the_minute_comes(database: Any) -> list[tuple[Any, ...]]:
    """Runs what is scheduled. Returns the rows of the last command."""
    with psycopg.connect(database.url) as connection:
        [(role, command)] = connection.execute(
            "select username, command from cron.job where active"
        ).fetchall()
    with psycopg.connect(database.url_of(role), autocommit=True) as worker:
        cursor = worker.execute(command.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall()


def stuck_job(database: Any) -> str:
    """Creates a job whose worker has been silent for more than an hour."""
    with psycopg.connect(database.url) as connection:
        [(job_id,)] = connection.execute("""
            with u as (insert into auth.users (id) values (gen_random_uuid()) returning id),
            r as (
              insert into public.repositories (full_name, git_url, owner_user_id)
              select 'a/b', '/a/b', u.id from u returning id)
            select j.id::text from r, public.create_index_job(r.id) as j
        """).fetchall()
        connection.execute("select from public.update_job_status(%s, 'processing')", (job_id,))
        connection.execute(
            "update public.index_jobs set created_at = created_at - interval '2 hours',"
            " started_at = started_at - interval '2 hours',"
            " heartbeat_at = heartbeat_at - interval '2 hours' where id = %s",
            (job_id,),
        )
    return str(job_id)


@pytest.mark.parametrize(("major", "owner"), [(18, "ordinary"), (15, "ordinary"), (17, "supabase")])
def test_stuck_jobs_are_rescued_each_minute_until_rollback(
    new_database: Any, major: int, owner: str
) -> None:
    database = with_pg_cron(new_database(major, owner, migrated=False))
    if owner == "ordinary":
        grant(database, "usage on schema cron")
        if major >= 16:
            grant(database, "service_role", "with set true")
    migrate.apply(database.migrator_url)
    [(name, schedule, _)] = schedules(database)
    assert (name, schedule) == (NAME, "* * * * *")
    job_id = stuck_job(database)
    assert the_minute_comes(database) == [(1, 0, 0)]
    with psycopg.connect(database.url) as connection:
        row = connection.execute(
            "select status::text, retry_at is not null, last_error from public.index_jobs"
            " where id = %s",
            (job_id,),
        ).fetchone()
    assert row == ("processing", True, "the worker was lost")
    assert the_minute_comes(database) == [(0, 0, 0)], "what was handled is not stuck"

    migrations = [name.partition("_")[2] for name in reversed(migrate.names())]
    if newer := migrations.index("functions_and_policies"):
        migrate.rollback(database.migrator_url, newer)
    assert schedules(database) != []
    migrate.rollback(database.migrator_url, 1)
    assert schedules(database) == []
    migrate.apply(database.migrator_url)
    assert [name for name, *_ in schedules(database)] == [NAME]


def test_owner_without_rights_on_cron_gets_the_grant_to_run(new_database: Any) -> None:
    database = with_pg_cron(new_database(migrated=False))
    with pytest.raises(migrate.MigrationError, match='grant usage on schema cron to "migrator"'):
        migrate.apply(database.migrator_url)
    grant(database, "usage on schema cron")
    migrate.apply(database.migrator_url)
    assert [name for name, *_ in schedules(database)] == [NAME]
