"""Finds what would keep the migrations from being applied, before a statement fails.

Changes nothing. Each obstacle says what to do, and a test follows each remedy.
"""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from db.tools import catalogue
from db.tools.versions import Obstacle

SHARED_ROLES = (
    "authenticated",
    "service_role",
    "job_writer",
    "job_gateway",
    "job_tenant",
    "job_http",
    "job_worker",
)
"""Server-wide roles that migrations, backups and new logins grant to others."""

_DATABASE: LiteralString = """
select quote_ident(d.datname) as name, pg_encoding_to_char(d.encoding) as encoding,
  quote_ident(current_user) as login, quote_ident(pg_get_userbyid(d.datdba)) as owner,
  pg_has_role(d.datdba, 'usage') as is_owner,
  pg_has_role(n.nspowner, 'usage') as owns_public
from pg_database as d
join pg_namespace as n on n.oid = 'public'::regnamespace
where d.datname = current_database()
"""
# Up to Postgres 15, createrole was enough to grant any role. Revoking a role also revokes the right
# to grant it, so nothing less is enough.
_UNGRANTABLE: LiteralString = """
select string_agg(r.rolname, ', ' order by array_position(%(roles)s::text[], r.rolname::text))
from pg_roles as r, pg_roles as me
where r.rolname = any (%(roles)s::text[]) and me.rolname = current_user
  and not me.rolsuper
  and not pg_has_role(r.oid, 'member with admin option')
  and not (me.rolcreaterole and current_setting('server_version_num')::integer < 160000)
"""
_MISSING: LiteralString = """
select string_agg(n.name, ', ')
from unnest(%(roles)s::text[]) as n (name), pg_roles as me
where me.rolname = current_user and not me.rolsuper and not me.rolcreaterole
  and not exists (select from pg_roles as r where r.rolname = n.name)
"""
_TAKEN: LiteralString = """
select string_agg(t.name, ', ') from (
  select 'schema private' as name where to_regnamespace('private') is not null
  union all
  select 'schema auth, without Supabase''s table of users'
  where to_regnamespace('auth') is not null and to_regclass('auth.users') is null
  union all
  select 'table auth.users, whose id is not a uuid'
  where to_regclass('auth.users') is not null and not exists (
    select from pg_attribute as a
    where a.attrelid = to_regclass('auth.users') and a.attname = 'id'
      and a.atttypid = 'uuid'::regtype)
  union all
  select 'table ' || n from unnest(%(tables)s::text[]) as n where to_regclass(n) is not null
  union all
  select 'type ' || n from unnest(%(types)s::text[]) as n where to_regtype(n) is not null
  union all
  select distinct 'function ' || n
  from unnest(%(functions)s::text[]) as n
  join pg_proc as p on format('%%I.%%I', p.pronamespace::regnamespace, p.proname) = n
) as t
"""


def check_login(connection: Connection[TupleRow]) -> Obstacle | None:
    """Returns why this login cannot migrate this database, if so."""
    connection.execute("set client_encoding to 'UTF8'")
    name, encoding, login, owner, is_owner, owns_public = _row(connection, _DATABASE)
    if encoding != "UTF8":
        return Obstacle(
            f"{name} is in {encoding}, and the schema needs UTF8",
            f"create another one, and migrate that: create database index_jobs owner {login} "
            "encoding 'UTF8' locale 'C' template template0",
        )
    if not is_owner:
        return Obstacle(
            f"{name} does not belong to {login}",
            f"connect as its owner, {owner}, or transfer it as a superuser: "
            f"alter database {name} owner to {login}",
        )
    if not owns_public:  # created before Postgres 15, where the bootstrap superuser owned it
        return Obstacle(
            f"{name} has a schema public that does not belong to its owner",
            "as a superuser: alter schema public owner to pg_database_owner",
        )
    return _check_roles(connection, login)


def _check_roles(connection: Connection[TupleRow], login: str) -> Obstacle | None:
    """Returns why it cannot create and grant the roles that the schema needs, if so."""
    (missing,) = _row(connection, _MISSING, roles=list(SHARED_ROLES))
    if missing:
        return Obstacle(
            f"needs roles that {login} cannot create: {missing}",
            f"let it create roles: alter role {login} createrole",
        )
    (ungrantable,) = _row(connection, _UNGRANTABLE, roles=list(SHARED_ROLES))
    if ungrantable and connection.info.server_version < 160000:
        return Obstacle(
            f"needs server roles that {login} cannot grant: {ungrantable}",
            f"let it manage roles: alter role {login} createrole",
        )
    if ungrantable:
        return Obstacle(
            f"needs server roles that {login} did not create, such as those of another "
            "installation",
            "as a superuser, or as their creator, let it pass them on: "
            f"grant {ungrantable} to {login} with admin option",
        )
    return None


def check_names(connection: Connection[TupleRow]) -> Obstacle | None:
    """Returns the objects whose names the schema needs, in a database without it."""
    facts = catalogue.expected().values()
    (taken,) = _row(
        connection,
        _TAKEN,
        tables=[fact.name for fact in facts if fact.kind == "table"],
        types=[fact.name for fact in facts if fact.kind == "enum"],
        functions=[fact.object for fact in facts if fact.kind == "function"],
    )
    if not taken:
        return None
    return Obstacle(
        f"already has objects with names that this schema needs: {taken}",
        "nothing was changed; migrate a database without them, such as a new one: create "
        "database index_jobs. Or rename them, if everything that uses them can follow",
    )


def _row(connection: Connection[TupleRow], query: LiteralString, **values: Any) -> TupleRow:
    row = connection.execute(query, values).fetchone()
    assert row is not None  # noqa: S101  (each query gives one row)
    return row
