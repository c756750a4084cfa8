"""Removes everything that any form of the migrations created in a database."""

from __future__ import annotations

from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from db.tools import catalogue

_UNSCHEDULE: LiteralString = """
do $$
begin
  if to_regclass('cron.job') is not null then
    perform cron.unschedule(j.jobname) from cron.job as j where j.jobname like 'index_jobs: %';
  end if;
end;
$$
"""
_OURS: LiteralString = """
select format('drop table if exists %%s cascade', c.oid::regclass)
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and c.relname = any(%(table)s)
union all
select format('drop routine if exists %%s cascade', p.oid::regprocedure)
from pg_proc as p
where p.pronamespace = 'public'::regnamespace
  and (p.proname = any(%(function)s)
    or p.proowner in (
      select r.oid from pg_roles as r
      where r.rolname in ('job_writer', 'job_gateway', 'job_tenant')))
union all
select format('drop type if exists %%s cascade', t.oid::regtype)
from pg_type as t
where t.typnamespace = 'public'::regnamespace and t.typname = any(%(enum)s)
"""


def made_by(connection: Connection[TupleRow]) -> str | None:
    """Returns what marked this database for development, or None."""
    there = connection.execute("select to_regclass('private.development') is not null").fetchone()
    if there != (True,):
        return None
    row = connection.execute("select d.made_by from private.development as d limit 1").fetchone()
    return str(row[0]) if row else None


def mark_for_development(connection: Connection[TupleRow], made_by: str) -> None:
    """Marks this database for development."""
    connection.execute("insert into private.development (made_by) values (%s)", [made_by])


def remove(connection: Connection[TupleRow]) -> None:
    """Drops our schemas, tables and functions, their data, and everything that depends on them.

    Roles stay, and so does what is in other schemas: the users in auth among it. All or nothing.
    """
    names: dict[str, list[str]] = {"table": [], "function": [], "enum": []}
    for fact in catalogue.expected().values():
        if fact.kind in names and fact.object.startswith("public."):
            names[fact.kind].append(fact.object.removeprefix("public."))
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        connection.execute(_UNSCHEDULE)
        for (drop,) in connection.execute(_OURS, names).fetchall():
            connection.execute(drop)
        connection.execute("drop schema if exists private, yoyo cascade")
