"""Reads this schema from a database's catalog, as facts that can be compared.

db/catalogue.json contains the facts of a freshly migrated database; `make docs` writes it. Facts do
not depend on the server version, nor on the role that ran the migrations, which is called `the
migrator`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow, class_row

SNAPSHOT = Path(__file__).resolve().parents[1] / "catalogue.json"


@dataclass(frozen=True, slots=True)
class Fact:
    """One property of one object. `kind` and `name` identify it."""

    kind: str
    name: str
    object: str
    """The table, function, type, schema or role."""
    definition: str
    make: str
    """The statement that creates it, or empty if one statement is not enough."""
    unmake: str
    """The statement that removes it, or empty likewise."""


Facts = Mapping[tuple[str, str], Fact]


def facts(connection: psycopg.Connection[TupleRow]) -> Facts:
    """Returns the facts about the schemas public and private and the job_ roles."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Fact)) as cursor:
        cursor.execute("set local search_path = pg_catalog")
        rows = [row for query in _QUERIES for row in cursor.execute(query)]
    return {(row.kind, row.name): row for row in sorted(rows, key=astuple)}


def snapshot(facts: Facts) -> str:
    """The text of db/catalogue.json: a fact a line."""
    lines = (json.dumps(astuple(fact)) for fact in facts.values())
    return "[\n" + ",\n".join(lines) + "\n]\n"


def expected() -> Facts:
    """The facts of a database that is as this release makes it."""
    rows = (Fact(*row) for row in json.loads(SNAPSHOT.read_text(encoding="utf-8")))
    return {(row.kind, row.name): row for row in rows}


# --- the catalogue --------------------------------------------------------------------------------
# Each query gives the fields of Fact. With search_path = pg_catalog all names come out qualified.

_ROLES: LiteralString = """
select 'role' as kind, a.name, a.name as object, a.definition,
  format('alter role %s %s', a.name, a.definition) as make, '' as unmake
from (
  select quote_ident(r.rolname) as name, concat_ws(' ',
    case when r.rolcanlogin then 'login' else 'nologin' end,
    case when r.rolsuper then 'superuser' else 'nosuperuser' end,
    case when r.rolcreaterole then 'createrole' else 'nocreaterole' end,
    case when r.rolbypassrls then 'bypassrls' else 'nobypassrls' end) as definition
  from pg_roles as r
  where left(r.rolname, 4) = 'job_'
) as a
"""

_MEMBERSHIPS: LiteralString = """
select distinct 'membership' as kind, format('%s in %s', m.member, m.role) as name,
  case when left(m.role, 4) = 'job_' then m.role else m.member end as object, '' as definition,
  format('grant %s to %s', m.role, m.member) as make,
  format('revoke %s from %s', m.role, m.member) as unmake
from (
  select quote_ident(g.rolname) as role, quote_ident(r.rolname) as member
  from pg_auth_members as m
  join pg_roles as g on g.oid = m.roleid
  join pg_roles as r on r.oid = m.member
  where 'job_' in (left(g.rolname, 4), left(r.rolname, 4))
    and (r.rolname in ('anon', 'authenticated', 'service_role', 'authenticator')
      or left(r.rolname, 4) = 'job_'
      -- roles that own functions are for nobody; who made one may be left with the admin option
      or g.rolname in ('job_writer', 'job_gateway', 'job_tenant') and not r.rolsuper
        and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean
          or (to_jsonb(m) ->> 'set_option')::boolean, true))
) as m
"""

_GRANTS: LiteralString = """
select distinct 'grant' as kind, format('%s on %s to %s', g.privilege, g.target, g.role) as name,
  g.object, case when g.is_grantable then 'with grant option' else '' end as definition,
  format('grant %s on %s to %s', g.privilege, g.target, g.role) as make,
  format('revoke %s on %s from %s', g.privilege, g.target, g.role) as unmake
from (
  select a.object, a.target, a.is_grantable, lower(a.privilege_type) || a.columns as privilege,
    case
      when a.grantee = (select n.nspowner from pg_namespace as n where n.nspname = 'private')
        then 'the migrator'
      else coalesce(quote_ident(r.rolname), 'public')
    end as role
  from (
    select n.nspname::text as object, format('schema %I', n.nspname) as target, '' as columns,
      n.nspowner as owner, e.*
    from pg_namespace as n, aclexplode(n.nspacl) as e
    where n.nspname = 'private'
      or n.nspname = 'public' and left(pg_get_userbyid(e.grantee), 4) = 'job_'
      or n.nspname = 'public' and e.privilege_type = 'CREATE' and (e.grantee = 0
        or pg_get_userbyid(e.grantee) in ('anon', 'authenticated', 'service_role'))
    union all
    select c.oid::regclass::text,
      format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass),
      '', c.relowner, e.*
    from pg_class as c,
      aclexplode(coalesce(c.relacl,
        acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) as e
    where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
      and c.relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select c.oid::regclass::text, format('table %s', c.oid::regclass),
      format(' (%I)', t.attname), c.relowner, e.*
    from pg_class as c
    join pg_attribute as t on t.attrelid = c.oid, aclexplode(t.attacl) as e
    where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
    union all
    select p.oid::regprocedure::text, format('function %s', p.oid::regprocedure), '', p.proowner,
      e.*
    from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as e
    where p.pronamespace in ('public'::regnamespace, to_regnamespace('private'))
    union all
    select t.oid::regtype::text, format('type %s', t.oid::regtype), '', t.typowner, e.*
    from pg_type as t
    left join pg_class as c on c.oid = t.typrelid,
      aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) as e
    where t.typnamespace in ('public'::regnamespace, to_regnamespace('private'))
      and (t.typtype in ('e', 'd') or c.relkind = 'c')
  ) as a
  left join pg_roles as r on r.oid = a.grantee
  where a.grantee <> a.owner
) as g
"""

_OWNERS: LiteralString = """
select 'owner' as kind, o.target as name, o.object,
  case when o.owner = n.nspowner then 'the migrator' else pg_get_userbyid(o.owner)::text end
    as definition,
  '' as make, '' as unmake
from (
  select c.oid::regclass::text as object,
    format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass)
      as target,
    c.relowner as owner
  from pg_class as c
  where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
    and c.relkind in ('r', 'p', 'v', 'm', 'S')
  union all
  select p.oid::regprocedure::text, format('function %s', p.oid::regprocedure), p.proowner
  from pg_proc as p
  where p.pronamespace in ('public'::regnamespace, to_regnamespace('private'))
) as o
join pg_namespace as n on n.nspname = 'private'
"""

_TABLES: LiteralString = """
select 'table' as kind, c.oid::regclass::text as name, c.oid::regclass::text as object,
  concat_ws(' ', case c.relpersistence when 'u' then 'unlogged' else 'logged' end,
    array_to_string(c.reloptions, ' ')) as definition,
  '' as make, '' as unmake
from pg_class as c
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  and c.relkind in ('r', 'p', 'v', 'm')
union all
select 'row-level security', c.oid::regclass::text, c.oid::regclass::text,
  case when c.relrowsecurity then 'enabled' else 'disabled' end
    || case when c.relforcerowsecurity then ' and forced' else '' end,
  case when c.relrowsecurity then format(
    'alter table %1$s enable row level security; alter table %1$s force row level security',
    c.oid::regclass) else '' end,
  ''
from pg_class as c
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  and c.relkind in ('r', 'p')
union all
select 'column', format('%s.%I', c.oid::regclass, a.attname), c.oid::regclass::text, d.definition,
  format('alter table %s add column %I %s', c.oid::regclass, a.attname, d.definition), ''
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as e on e.adrelid = a.attrelid and e.adnum = a.attnum,
  concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    case a.attidentity when 'a' then 'generated always as identity'
      when 'd' then 'generated by default as identity' end,
    'default ' || pg_get_expr(e.adbin, e.adrelid)) as d (definition)
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  and c.relkind in ('r', 'p', 'c')
union all
select 'enum', t.oid::regtype::text, t.oid::regtype::text,
  (
    select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
    from pg_enum as e
    where e.enumtypid = t.oid),
  '', ''
from pg_type as t
where t.typnamespace in ('public'::regnamespace, to_regnamespace('private')) and t.typtype = 'e'
"""

_PARTS: LiteralString = """
select 'constraint' as kind, format('%I on %s', k.conname, k.conrelid::regclass) as name,
  k.conrelid::regclass::text as object,
  -- whether rows from before it have been looked at is no difference
  regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') as definition,
  format('alter table %s add constraint %I %s', k.conrelid::regclass, k.conname,
    pg_get_constraintdef(k.oid)) as make,
  format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as unmake
from pg_constraint as k
where k.connamespace in ('public'::regnamespace, to_regnamespace('private'))
  and k.contype in ('p', 'u', 'f', 'c', 'x') and k.conrelid <> 0
union all
select 'index', format('%I on %s', c.relname, i.indrelid::regclass), i.indrelid::regclass::text,
  pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ', invalid' end,
  pg_get_indexdef(i.indexrelid), format('drop index %s', i.indexrelid::regclass)
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  and not exists (select from pg_constraint as k where k.conindid = i.indexrelid
    and k.contype in ('p', 'u', 'x'))
union all
select 'trigger', format('%I on %s', t.tgname, t.tgrelid::regclass), t.tgrelid::regclass::text,
  pg_get_triggerdef(t.oid), '', format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
join pg_proc as p on p.oid = t.tgfoid
where (c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
    -- a bridge has one on a table of its queue, of which partitions have copies
    or p.pronamespace = to_regnamespace('private') and t.tgparentid = 0)
  and not t.tgisinternal
union all
select 'trigger state', format('%I on %s', t.tgname, t.tgrelid::regclass),
  t.tgrelid::regclass::text,
  case t.tgenabled when 'O' then 'enabled' when 'D' then 'disabled' else 'enabled on replicas' end,
  format('alter table %s enable trigger %I', t.tgrelid::regclass, t.tgname), ''
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
join pg_proc as p on p.oid = t.tgfoid
where (c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
    -- a bridge has one on a table of its queue, of which partitions have copies
    or p.pronamespace = to_regnamespace('private') and t.tgparentid = 0)
  and not t.tgisinternal
union all
select 'rule', format('%I on %s', r.rulename, r.ev_class::regclass), r.ev_class::regclass::text,
  pg_get_ruledef(r.oid), '', format('drop rule %I on %s', r.rulename, r.ev_class::regclass)
from pg_rewrite as r
join pg_class as c on c.oid = r.ev_class
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  and c.relkind in ('r', 'p')
union all
select 'policy', format('%I on %s', p.polname, p.polrelid::regclass), p.polrelid::regclass::text,
  d.definition,
  format('create policy %I on %s %s', p.polname, p.polrelid::regclass, d.definition),
  format('drop policy %I on %s', p.polname, p.polrelid::regclass)
from pg_policy as p
join pg_class as c on c.oid = p.polrelid,
  concat_ws(' ', case when p.polpermissive then null else 'as restrictive' end,
    'for ' || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
      when 'd' then 'delete' else 'all' end,
    'to ' || (
      select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end,
        ', ' order by pg_get_userbyid(r) collate "C")
      from unnest(p.polroles) as r),
    'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') as d (definition)
where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
"""

_FUNCTIONS: LiteralString = """
select 'function' as kind, p.oid::regprocedure::text as name,
  format('%I.%I', n.nspname, p.proname) as object,
  concat_ws(', ',
    format('(%s) returns %s', pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)),
    l.lanname,
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
    case when p.prosecdef then 'security definer' else 'security invoker' end,
    case when p.proisstrict then 'strict' end,
    array_to_string(p.proconfig, ', '),
    'text ' || left(encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 16)) as definition,
  '' as make, format('drop function %s', p.oid::regprocedure) as unmake
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
join pg_language as l on l.oid = p.prolang
where n.nspname in ('public', 'private')
"""

_QUERIES = (_ROLES, _MEMBERSHIPS, _GRANTS, _OWNERS, _TABLES, _PARTS, _FUNCTIONS)
