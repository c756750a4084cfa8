"""Writes db/tables: each table, type and role of the schema as readable SQL.

One file per table, plus types.sql and roles.sql. Policies are declared in db/policies and not
repeated here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow, dict_row

from db.tools import catalogue

FOLDER: Final = "db/tables"
_HEAD: Final = (
    "-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to\n"
    "-- change a table.\n"
)

Row = Mapping[str, Any]

_TYPES: LiteralString = """
select n.nspname || '.' || t.typname as name,
  obj_description(t.oid, 'pg_type') as comment,
  case t.typtype when 'e' then 'as enum' else 'as' end as kind,
  case t.typtype
    when 'e' then (
      select array_agg(quote_literal(e.enumlabel) order by e.enumsortorder)
      from pg_enum as e
      where e.enumtypid = t.oid)
    else (
      select array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        order by a.attnum)
      from pg_attribute as a
      where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
  end as members
from pg_type as t
join pg_namespace as n on n.oid = t.typnamespace
left join pg_class as c on c.oid = t.typrelid
where n.nspname in ('public', 'private') and (t.typtype = 'e' or c.relkind = 'c')
order by n.nspname desc, t.typname collate "C"
"""

_TABLES: LiteralString = """
select c.oid, c.relname as name, n.nspname || '.' || c.relname as qualified, c.relkind as kind,
  obj_description(c.oid, 'pg_class') as comment,
  case when c.relpersistence = 'u' then 'unlogged ' else '' end as persistence,
  case
    when c.relforcerowsecurity then 'Row-level security is on and forced.'
    when c.relrowsecurity then 'Row-level security is on.'
    else 'No row-level security: only functions and the roles in db/tables/roles.sql reach it.'
  end as security,
  coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') as options,
  case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end as query
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'private') and c.relkind in ('r', 'p', 'v', 'm')
order by n.nspname desc, c.relname collate "C"
"""

_COLUMNS: LiteralString = """
select a.attrelid as "table", col_description(a.attrelid, a.attnum) as comment,
  concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    case
      when a.attidentity <> '' then 'generated always as identity'
      when a.attgenerated <> '' then
        'generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
      when d.oid is not null then 'default ' || pg_get_expr(d.adbin, d.adrelid)
    end) as definition
from pg_attribute as a
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""

_CONSTRAINTS: LiteralString = """
select k.conrelid as "table", k.conname as name, pg_get_constraintdef(k.oid, true) as definition
from pg_constraint as k
where k.contype in ('p', 'u', 'f', 'c', 'x')
order by k.conrelid, position(k.contype::text in 'pufcx'), k.conname collate "C"
"""

_INDEXES: LiteralString = """
select i.indrelid as "table", pg_get_indexdef(i.indexrelid) as definition
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
where not exists (select from pg_constraint as k where k.conindid = i.indexrelid
  and k.contype in ('p', 'u', 'x'))
order by i.indrelid, c.relname collate "C"
"""

_TRIGGERS: LiteralString = """
select t.tgrelid as "table", pg_get_triggerdef(t.oid, true) as definition
from pg_trigger as t
where not t.tgisinternal
order by t.tgrelid, t.tgname collate "C"
"""

_GRANTS: LiteralString = """
select g.role, format('grant %s on %s to %s;',
  string_agg(g.privilege, ', ' order by g.privilege collate "C"), g.target, g.role) as statement
from (
  select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass as target,
    coalesce(r.rolname, 'public') as role, lower(e.privilege_type) as privilege
  from pg_class as c
  cross join aclexplode(c.relacl) as e
  left join pg_roles as r on r.oid = e.grantee
  where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
    and e.grantee <> c.relowner
  union all
  select 'table ' || a.attrelid::regclass, coalesce(r.rolname, 'public'),
    lower(e.privilege_type) || ' (' || string_agg(a.attname, ', ' order by a.attnum) || ')'
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid
  cross join aclexplode(a.attacl) as e
  left join pg_roles as r on r.oid = e.grantee
  where c.relnamespace in ('public'::regnamespace, to_regnamespace('private'))
  group by a.attrelid, r.rolname, e.privilege_type
) as g
group by g.target, g.role
order by g.role collate "C", g.target collate "C"
"""


def tables(connection: psycopg.Connection[TupleRow]) -> dict[str, str]:
    """Returns the text of each file of db/tables, by its path from the root of the repository."""
    facts = catalogue.facts(connection)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local search_path = pg_catalog")

        def rows(query: LiteralString) -> list[Row]:
            return list(cursor.execute(query))

        def by_table(query: LiteralString) -> dict[int, list[Row]]:
            grouped = groupby(rows(query), itemgetter("table"))
            return {table: list(group) for table, group in grouped}

        columns, constraints = by_table(_COLUMNS), by_table(_CONSTRAINTS)
        indexes, triggers = by_table(_INDEXES), by_table(_TRIGGERS)
        files = {
            table["name"]: _table(
                table,
                columns[table["oid"]],
                constraints.get(table["oid"], []),
                [*indexes.get(table["oid"], []), *triggers.get(table["oid"], [])],
            )
            for table in rows(_TABLES)
        }
        if {"types", "roles"} & set(files):
            raise ValueError(f"{FOLDER} cannot contain a table named types or roles")
        files["types"] = _HEAD + "".join(map(_type, rows(_TYPES)))
        files["roles"] = _roles(facts, rows(_GRANTS))
    return {f"{FOLDER}/{name}.sql": text for name, text in files.items()}


def _comment(text: str | None, indent: str = "") -> str:
    head = f"{indent}-- "
    wrap = textwrap.TextWrapper(100, initial_indent=head, subsequent_indent=head)
    return "".join(f"{line}\n" for line in wrap.wrap(text or ""))


def _type(row: Row) -> str:
    members = ",\n".join(f"  {member}" for member in row["members"])
    return f"\n{_comment(row['comment'])}create type {row['name']} {row['kind']} (\n{members}\n);\n"


def _table(
    table: Row, columns: Iterable[Row], constraints: Iterable[Row], others: Iterable[Row]
) -> str:
    text = f"{_HEAD}\n{_comment(table['comment'])}"
    if table["query"]:
        said = "".join(_comment(c["definition"] + ": " + (c["comment"] or "")) for c in columns)
        kind = "materialized view" if table["kind"] == "m" else "view"
        return f"{text}--\n{said}create {kind} {table['qualified']} as\n{table['query']}\n"
    parts = [f"{_comment(c['comment'], '  ')}  {_line(c['definition'], '    ')}" for c in columns]
    parts += [
        f"  constraint {c['name']}\n    {_line(c['definition'], '      ')}" for c in constraints
    ]
    body = ",\n".join(parts)
    text += f"-- {table['security']}\n"
    text += f"create {table['persistence']}table {table['qualified']} (\n{body}\n)"
    text += f"{table['options']};\n"
    return text + "".join(f"\n{_line(other['definition'])};\n" for other in others)


def _line(definition: str, indent: str = "  ") -> str:
    """Formats a statement or a part of one: lower case, 100 columns."""
    said = re.sub(r"'[^']*'|[A-Z]{2,}", lambda m: m[0] if "'" in m[0] else m[0].lower(), definition)
    wrap = textwrap.TextWrapper(
        100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrap.fill(" ".join(said.split()))


def _roles(facts: catalogue.Facts, grants: Iterable[Row]) -> str:
    """Returns the job_ roles, their memberships and their privileges in both schemas."""
    kinds: dict[str, list[str]] = {"role": [], "membership": [], "grant": []}
    for fact in facts.values():
        if fact.kind == "role":
            kinds["role"].append(f"create role {fact.name} {fact.definition};\n")
        elif fact.kind == "membership" or (fact.kind == "grant" and " on schema " in fact.name):
            kinds[fact.kind].append(f"{fact.make};\n")
    text = _HEAD.replace("a table", "a role") + "-- What each role is for: db/CONVENTIONS.md.\n"
    text += "".join("\n" + "".join(lines) for lines in kinds.values())
    for role, group in groupby(grants, itemgetter("role")):
        text += f"\n-- {role}\n" + "".join(f"{_line(row['statement'])}\n" for row in group)
    return text
