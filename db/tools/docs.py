"""Writes what is made from the schema, by what a database says of itself.

    python -m db.tools.docs           migrate a new embedded database, and write from it

docs/schema.md and the marked parts of README.md; those of docs/http.md, from db/codes.json;
supabase/database.types.ts, for supabase-js; and db/catalogue.json, which `index-jobs doctor`
compares with. The rest comes from the catalogue: so what is wrong in these files is mended in db/,
never in them. Exit code 0: written; 1: a problem, named on stderr.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow, dict_row

from db.local import postgres
from db.local.bootstrap import bootstrap, scaffold
from db.tools import catalogue, migrate
from db.tools.codes import codes
from db.tools.connection import ConnectError, connect
from db.tools.typescript import typescript
from tests.support.fetch import FetchError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "docs/schema.md"
README = "README.md"
HTTP = "docs/http.md"
TYPES = "supabase/database.types.ts"

Row = Mapping[str, Any]

_TRANSITIONS: LiteralString = """
select t.from_status::text as source, t.to_status::text as target
from private.job_transitions() as t
order by t.from_status, t.to_status
"""

_TYPES: LiteralString = """
select n.nspname || '.' || t.typname as name,
  obj_description(t.oid, 'pg_type') as comment,
  case t.typtype
    when 'e' then (
      select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
      from pg_enum as e
      where e.enumtypid = t.oid)
    else (
      select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
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
select c.oid, n.nspname || '.' || c.relname as name,
  obj_description(c.oid, 'pg_class') as comment,
  concat_ws(', ',
    case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' end,
    case c.relpersistence when 'u' then 'unlogged' end,
    case
      when c.relkind <> 'r' then null
      when c.relforcerowsecurity then 'row-level security on and forced'
      when c.relrowsecurity then 'row-level security on'
      else 'no row-level security: reached by functions and the roles below only'
    end) as kind
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'private') and c.relkind in ('r', 'p', 'v', 'm')
order by n.nspname desc, c.relname collate "C"
"""

_COLUMNS: LiteralString = """
select a.attrelid as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
  case when a.attnotnull then 'no' else 'yes' end as "null",
  case a.attidentity when '' then pg_get_expr(d.adbin, d.adrelid) else 'identity' end as "default",
  col_description(a.attrelid, a.attnum) as comment
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
select i.indrelid as "table", c.relname as name,
  case when i.indisunique then 'unique ' else '' end
    || substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)$') as definition
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
where not exists (select from pg_constraint as k where k.conindid = i.indexrelid
  and k.contype in ('p', 'u', 'x'))
order by i.indrelid, c.relname collate "C"
"""

_TRIGGERS: LiteralString = """
select t.tgrelid as "table", t.tgname as name,
  substring(pg_get_triggerdef(t.oid, true)
    from '^CREATE (?:CONSTRAINT )?TRIGGER [^ ]+ (.*)$') as definition
from pg_trigger as t
where not t.tgisinternal
order by t.tgrelid, t.tgname collate "C"
"""

_POLICIES: LiteralString = """
select p.polrelid as "table", p.polname as name,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
    when 'd' then 'delete' else 'all' end as command,
  (
    select string_agg(r.rolname, ', ' order by r.rolname collate "C")
    from pg_roles as r
    where r.oid = any (p.polroles)) as roles,
  obj_description(p.oid, 'pg_policy') as comment
from pg_policy as p
order by p.polrelid, p.polname collate "C"
"""

_GRANTS: LiteralString = """
select g."table", g.role, string_agg(g.privilege, ', ' order by g.privilege collate "C") as may
from (
  select c.oid as "table", coalesce(r.rolname, 'public') as role,
    lower(e.privilege_type) as privilege
  from pg_class as c
  cross join aclexplode(c.relacl) as e
  left join pg_roles as r on r.oid = e.grantee
  where e.grantee <> c.relowner
  union all
  select a.attrelid, coalesce(r.rolname, 'public'),
    lower(e.privilege_type) || ' (' || string_agg(a.attname, ', ' order by a.attnum) || ')'
  from pg_attribute as a
  cross join aclexplode(a.attacl) as e
  left join pg_roles as r on r.oid = e.grantee
  group by a.attrelid, r.rolname, e.privilege_type
) as g
group by g."table", g.role
order by g."table", g.role collate "C"
"""

_FUNCTIONS: LiteralString = """
select n.nspname as schema, p.proname as name,
  pg_get_function_arguments(p.oid) as arguments,
  pg_get_function_result(p.oid) as returns,
  (
    select string_agg(a.name || case when a.ordinality > p.pronargs - p.pronargdefaults
      then '?' else '' end, ', ' order by a.ordinality)
    from unnest(p.proargnames) with ordinality as a (name, ordinality)
    where a.ordinality <= p.pronargs) as names,
  case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
    as volatility,
  case
    when not p.prosecdef then 'invoker'
    when p.proowner = d.datdba then 'definer, as the owner of the database'
    else 'definer, as ' || pg_get_userbyid(p.proowner)
  end as security,
  (
    select string_agg(coalesce(r.rolname, 'everybody'), ', ' order by r.rolname collate "C")
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as e
    left join pg_roles as r on r.oid = e.grantee
    where e.grantee <> p.proowner) as callers,
  p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) as is_trigger,
  obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
join pg_database as d on d.datname = current_database()
where n.nspname in ('public', 'private')
order by n.nspname desc, p.proname like 'api\\_%', p.proname collate "C"
"""


def documents(connection: psycopg.Connection[TupleRow], root: Path = ROOT) -> dict[str, str]:
    """The text of each file as it has to be, by its path from `root`.

    Of README.md only the marked parts are made; the rest is as it is. Raises ValueError when it
    lacks a part's marks.
    """
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        readme = (root / README).read_text(encoding="utf-8")
        transitions = _rows(connection, _TRANSITIONS)
        functions = _rows(connection, _FUNCTIONS)
        public = [f for f in functions if f["schema"] == "public" and not f["is_trigger"]]
        readme = _replace(README, readme, "states", _diagram(transitions))
        of_users = [f for f in public if "authenticated" in (f["callers"] or "")]
        readme = _replace(README, readme, "functions", _summary(of_users))
        return {SCHEMA: _schema(connection, transitions, functions), README: readme}


def http_page(root: Path = ROOT) -> str:
    """docs/http.md with the codes of db/codes.json; in brackets what no route answers."""
    rows = []
    for name, code in codes().items():
        status = ", ".join(map(str, code.status))
        rows.append((f"`{name}`", status if code.over_http else f"({status})", code.sentence))
    table = _table(("code", "status", "when"), rows)
    return _replace(HTTP, (root / HTTP).read_text(encoding="utf-8"), "codes", table)


def _rows(connection: psycopg.Connection[TupleRow], query: LiteralString) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(query))


def _replace(path: str, text: str, part: str, body: str) -> str:
    """`text` with `body` between the marks of that part."""
    begin, end = f"<!-- begin {part}: made by `make docs` -->", f"<!-- end {part} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not found.search(text):
        raise ValueError(f"{path} has lost the marks {begin} and {end}: put them back")
    return found.sub(lambda _: f"{begin}\n{body}{end}", text)


# --- Markdown -----------------------------------------------------------------------------------


def _diagram(transitions: Sequence[Row]) -> str:
    sources = dict.fromkeys(move["source"] for move in transitions)
    targets = dict.fromkeys(move["target"] for move in transitions)
    lines = [f"  [*] --> {status}" for status in sources if status not in targets]
    lines += [f"  {move['source']} --> {move['target']}" for move in transitions]
    lines += [f"  {status} --> [*]" for status in targets if status not in sources]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def _summary(functions: Iterable[Row]) -> str:
    return _table(
        ("function", "who may call", "what it does"),
        ((f"`{f['name']}({f['names'] or ''})`", f["callers"], f["comment"]) for f in functions),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


def _list(title: str, lines: Sequence[str]) -> str:
    return f"\n{title}:\n\n" + "".join(f"- {line}\n" for line in lines) if lines else ""


def _definitions(title: str, rows: Iterable[Row]) -> str:
    return _list(title, [f"`{r['name']}`: `{' '.join(r['definition'].split())}`" for r in rows])


def _schema(
    connection: psycopg.Connection[TupleRow], transitions: Sequence[Row], functions: Sequence[Row]
) -> str:
    parts = [
        "# Schema\n\nMade by `make docs` from the catalogue and the comments of a migrated "
        "database. Do not edit it: edit db/, and run `make docs` again.\n",
        "\n## The life of a job\n\n",
        _diagram(transitions),
        "\nThe moves that there are; every other one is refused with `invalid_transition`.\n\n",
        _table(
            ("from", "to"), ((f"`{move['source']}`", f"`{move['target']}`") for move in transitions)
        ),
        "\n## Types\n\n",
        _table(
            ("type", "members", "what it is"),
            ((f"`{t['name']}`", t["members"], t["comment"]) for t in _rows(connection, _TYPES)),
        ),
        "\n## Tables\n",
        *_tables(connection),
    ]
    for schema, group in groupby(functions, itemgetter("schema")):
        parts.append(f"\n## Functions in {schema}\n")
        parts += map(_function, group)
    return "".join(parts)


def _tables(connection: psycopg.Connection[TupleRow]) -> Iterable[str]:
    def of_table(query: LiteralString) -> dict[int, list[Row]]:
        rows = groupby(_rows(connection, query), itemgetter("table"))
        return {table: list(group) for table, group in rows}

    columns, constraints, indexes = map(of_table, (_COLUMNS, _CONSTRAINTS, _INDEXES))
    triggers, policies, grants = map(of_table, (_TRIGGERS, _POLICIES, _GRANTS))
    for table in _rows(connection, _TABLES):
        oid = table["oid"]
        yield f"\n### {table['name']}\n\n{table['comment']}\n"
        yield f"\nKind: {table['kind']}.\n\n" if table["kind"] else "\n"
        yield _table(
            ("column", "type", "null", "default", "what it is"),
            (
                (
                    f"`{c['name']}`",
                    f"`{c['type']}`",
                    c["null"],
                    f"`{c['default']}`" if c["default"] else "",
                    c["comment"],
                )
                for c in columns[oid]
            ),
        )
        yield _definitions("Constraints", constraints.get(oid, ()))
        yield _definitions("Indexes besides those of the keys", indexes.get(oid, ()))
        yield _definitions("Triggers", triggers.get(oid, ()))
        yield _list(
            "Policies",
            [
                f"`{p['name']}` (`{p['command']}` to {p['roles'] or 'everybody'}): {p['comment']}"
                for p in policies.get(oid, ())
            ],
        )
        yield _list("Grants", [f"{g['role']}: {g['may']}" for g in grants.get(oid, ())])


def _function(function: Row) -> str:
    callers = "the trigger only" if function["is_trigger"] else function["callers"] or "its owner"
    return (
        f"\n### {function['name']}\n\n"
        f"{function['comment']}\n\n"
        f"- arguments: {_code(function['arguments'])}\n"
        f"- returns: {_code(function['returns'])}\n"
        f"- callers: {callers}\n"
        f"- runs as: {function['security']}; {function['volatility']}\n"
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


# --- command line -------------------------------------------------------------------------------


def main() -> int:
    """Writes the files; returns the exit code."""
    try:
        with postgres.temporary() as server, connect(server.url()) as connection:
            bootstrap(connection)
            scaffold(connection)
            migrate.apply(server.url())
            written = documents(connection)
            facts = catalogue.facts(connection)
            written["db/catalogue.json"] = catalogue.snapshot(facts)
            written[HTTP] = http_page()
            written[TYPES] = typescript(server.url())
    except (
        FetchError,
        postgres.PostgresError,
        ConnectError,
        migrate.MigrationError,
        ValueError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path, text in written.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
