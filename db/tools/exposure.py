"""Finds other objects that give access to this schema's rows or to a login's privileges.

Findings must be fixed. Advice is optional: it covers the defaults of Postgres, and what may be
intended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row

from db.tools import catalogue
from db.tools.findings import Finding

_VIEWS: LiteralString = """
with recursive readers as (
  select c.oid from pg_class as c where c.oid::regclass::text = any(%(tables)s)
  union
  select r.ev_class
  from readers as t
  join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
    and d.classid = 'pg_rewrite'::regclass
  join pg_rewrite as r on r.oid = d.objid
)
select c.oid::regclass::text as name, c.relkind = 'm' as is_stored, (
    select string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ')
    from aclexplode(c.relacl) as e left join pg_roles as r on r.oid = e.grantee
    where e.grantee <> c.relowner) as readers
from readers as v
join pg_class as c on c.oid = v.oid
where c.relkind in ('v', 'm') and not coalesce((
  select o.option_value::boolean from pg_options_to_table(c.reloptions) as o
  where o.option_name = 'security_invoker'), false)
order by 1
"""

_FUNCTIONS: LiteralString = """
select p.oid::regprocedure::text as name, pg_get_userbyid(p.proowner)::text as owner,
  pg_get_userbyid(p.proowner) in ('job_writer', 'job_gateway', 'job_tenant') as is_owned
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
  and p.oid::regprocedure::text <> all(%(functions)s)
  and format('%%I.%%I', n.nspname, p.proname) <> all(%(objects)s)
  and (pg_get_userbyid(p.proowner) in ('job_writer', 'job_gateway', 'job_tenant')
    or p.prosrc ~ '\\m(index_jobs|index_job_events|indexed_(files|commits)|skipped_files)\\M'
      and exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as e
        where e.grantee <> p.proowner))
order by 1
"""

# Supabase grants its API roles everything that is created later, and expects it to be revoked. On
# other databases an earlier release did, unless they are marked for development.
_IS_OURS: LiteralString = """
select coalesce(obj_description(to_regnamespace('auth'), 'pg_namespace'), '')
  = 'Stand-in for Supabase Auth.'
"""

_DEFAULTS: LiteralString = """
select quote_ident(pg_get_userbyid(d.defaclrole)) as maker,
  coalesce(' in schema ' || quote_ident(n.nspname), '') as place,
  case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
    when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end as kind,
  string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ') as roles
from pg_default_acl as d
left join pg_namespace as n on n.oid = d.defaclnamespace,
  aclexplode(d.defaclacl) as e
left join pg_roles as r on r.oid = e.grantee
where e.grantee <> d.defaclrole
  and (left(r.rolname, 4) = 'job_'
    or %(ours)s and r.rolname in ('anon', 'authenticated', 'service_role')
    or %(ours)s and e.grantee = 0 and d.defaclobjtype in ('r', 'S'))
group by 1, 2, 3
order by 1, 2, 3
"""

_LEFT_OPEN: LiteralString = """
select o.target from (
  select c.oid::regclass::text as name,
    case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass as target,
    c.relowner as owner, c.relacl as acl,
    case c.relkind when 'S' then 'UPDATE' else 'TRUNCATE' end as right
  from pg_class as c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  union all
  select p.oid::regprocedure::text, 'function ' || p.oid::regprocedure, p.proowner, p.proacl,
    'EXECUTE'
  from pg_proc as p where p.pronamespace = 'public'::regnamespace
) as o, aclexplode(o.acl) as e
join pg_roles as r on r.oid = e.grantee and r.rolname = 'anon'
where e.privilege_type = o.right and o.name <> all(%(objects)s) and o.name <> all(%(functions)s)
order by 1
"""

_ROOM: LiteralString = """
select quote_ident(current_database()) as name,
  has_database_privilege('public', current_database(), 'temporary') as has_tables,
  current_setting('temp_file_limit') = '-1' as has_files, (
    select string_agg(f.name, ', ')
    from unnest(array['pg_catalog.lo_creat(integer)', 'pg_catalog.lo_create(oid)',
      'pg_catalog.lo_from_bytea(oid, bytea)']) as f (name)
    where has_function_privilege('public', f.name, 'execute')) as functions
"""

# A login that can connect and is a member of a role that works for all tenants.
_COMERS: LiteralString = """
select quote_ident(current_database()) as name, (
    select string_agg(m.login, ', ' order by m.login)
    from (
      select format('%%s (%%s)', quote_ident(r.rolname), string_agg(g.rolname, ', ')) as login
      from pg_roles as r
      join pg_roles as g on pg_has_role(r.oid, g.oid, 'member')
      where r.rolcanlogin and not r.rolsuper and r.rolname <> session_user
        and g.rolname in ('service_role', 'job_http', 'job_worker', 'job_writer', 'job_gateway',
          'job_tenant')
      group by r.rolname
    ) as m) as logins
where has_database_privilege('public', current_database(), 'connect')
  and to_regrole('supabase_admin') is null
"""

_HAS_NO_BROADCASTS: LiteralString = """
select from pg_class as c
where c.relname = 'messages' and c.relnamespace = to_regnamespace('realtime')
  and not exists (
    select from pg_policy as p
    where p.polrelid = c.oid and p.polname = 'index_jobs_select_authenticated')
"""

# Row-level security of auth.users hides bans from private.banned_users, unless the function's owner
# bypasses it, owns the table, or has a policy that shows all rows.
_HIDDEN_BANS: LiteralString = """
select quote_ident(r.rolname) as reader
from pg_class as c
join pg_proc as p on p.oid = to_regprocedure('private.banned_users(uuid[])')
join pg_roles as r on r.oid = p.proowner
where c.oid = to_regclass('auth.users') and c.relrowsecurity
  and not (r.rolsuper or r.rolbypassrls)
  and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage'))
  and not exists (
    select from pg_policy as y, unnest(y.polroles) as g (oid)
    where y.polrelid = c.oid and y.polpermissive and y.polcmd in ('r', '*')
      and pg_get_expr(y.polqual, y.polrelid) = 'true'
      and (g.oid = 0 or pg_has_role(r.oid, g.oid, 'usage')))
"""


def findings(connection: Connection[TupleRow], *, development: bool) -> Iterator[Finding]:
    """Returns what must be fixed. Databases for development allow more."""
    ours = _known() | {"ours": not development and _is_ours(connection)}
    for row in _rows(connection, _VIEWS, ours):
        if not row["is_stored"]:
            yield Finding(
                "view",
                row["name"],
                "shows rows of this schema with the privileges of its owner, not of the reader",
                f"alter view {row['name']} set (security_invoker = true);",
            )
        elif row["readers"]:
            yield Finding(
                "materialized view",
                row["name"],
                f"shows its copy of all tenants' rows to {row['readers']}",
                f"revoke all on table {row['name']} from {row['readers']};",
            )
    for row in _rows(connection, _FUNCTIONS, ours):
        if row["is_owned"]:
            problem = f"was added, and runs with the privileges of {row['owner']}"
            yield Finding("function", row["name"], problem, f"drop function {row['name']};")
    for row in _rows(connection, _DEFAULTS, ours):
        yield Finding(
            "default privileges",
            row["maker"],
            f"{row['kind']} that it creates later{row['place']} are open to {row['roles']}",
            f"alter default privileges for role {row['maker']}{row['place']} revoke all on "
            f"{row['kind']} from {row['roles']};",
        )
    for row in _rows(connection, _LEFT_OPEN, ours) if ours["ours"] else ():
        yield Finding(
            "left open",
            row["target"],
            "is open to the API roles, through default privileges of an earlier release",
            f"revoke all on {row['target']} from anon, authenticated, service_role;",
        )
    for row in _rows(connection, _HIDDEN_BANS, ours):
        yield Finding(
            "row-level security",
            "auth.users",
            f"hides users from {row['reader']}, so that banned and deleted users are still served",
            "as the owner of auth.users: create policy index_jobs_select on auth.users for select "
            f"to {row['reader']} using (true);",
        )


def advice(connection: Connection[TupleRow]) -> Iterator[Finding]:
    """Returns risks of every login, definers that use our tables, and what Realtime lacks."""
    ours = _known()
    for row in _rows(connection, _FUNCTIONS, ours):
        if not row["is_owned"]:
            yield Finding(
                "function",
                row["name"],
                f"uses a table of this schema and runs as {row['owner']} for others",
                f"alter function {row['name']} security invoker;",
            )
    for row in _rows(connection, _ROOM, ours):
        if row["has_tables"]:
            yield Finding(
                "room",
                f"database {row['name']}",
                "every login can fill the disk with temporary tables",
                f"revoke temporary on database {row['name']} from public;",
            )
        if row["has_files"]:
            yield Finding(
                "room",
                f"database {row['name']}",
                "every login can fill the disk with sorts and held cursors;"
                " only a superuser can change that",
                f"alter database {row['name']} set temp_file_limit = '4GB';",
            )
        if row["functions"]:
            yield Finding(
                "room",
                f"database {row['name']}",
                "every login can fill the disk with large objects; only superusers can change that",
                f"revoke execute on function {row['functions']} from public;",
            )
    for row in _rows(connection, _COMERS, ours):
        yield Finding(
            "connect",
            f"database {row['name']}",
            "every login of the server may come in, and act here when it is a member of a role of"
            f" this schema, as of another installation: {row['logins'] or 'none is now'}",
            f"grant connect on database {row['name']} to each login of this one; "
            f"revoke connect on database {row['name']} from public;",
        )
    if _rows(connection, _HAS_NO_BROADCASTS, ours):
        yield Finding(
            "policy",
            "realtime.messages",
            "has no policy for the topics of jobs: nobody can follow a job by Supabase Realtime",
            "select private.create_broadcast_policy();",
        )


def _known() -> dict[str, Any]:
    """Returns the names of this release's objects."""
    facts = catalogue.expected().values()
    return {
        "tables": [fact.name for fact in facts if fact.kind == "table"],
        "functions": [fact.name for fact in facts if fact.kind == "function"],
        "objects": sorted({fact.object for fact in facts}),
    }


def _is_ours(connection: Connection[TupleRow]) -> bool:
    return connection.execute(_IS_OURS).fetchone() == (True,)


def _rows(
    connection: Connection[TupleRow], query: LiteralString, values: dict[str, Any]
) -> list[DictRow]:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local search_path = pg_catalog")
        return cursor.execute(query, values).fetchall()
