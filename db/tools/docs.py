"""Writes the files that are generated from the schema of a database.

    python -m db.tools.docs           migrate a new embedded database, and write the files

docs/schema.md, db/tables and the marked parts of README.md; those of docs/http.md, from
db/codes.json, and of CONTRIBUTING.md, from the code; supabase/database.types.ts, for supabase-js;
and db/catalogue.json, for `index-jobs doctor`. To correct one of these files, edit its source and
run this again. Exit code 0: written; 1: failed, with the reason on stderr.
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
from db.tools.flows import FLOWS, flow
from db.tools.tables import FOLDER, tables
from db.tools.typescript import typescript
from tests.support.fetch import FetchError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "docs/schema.md"
README = "README.md"
HTTP = "docs/http.md"
CONTRIBUTING = "CONTRIBUTING.md"
TYPES = "supabase/database.types.ts"

Row = Mapping[str, Any]

_TRANSITIONS: LiteralString = """
select t.from_status::text as source, t.to_status::text as target
from private.job_transitions() as t
order by t.from_status, t.to_status
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
    """Returns the correct text of each file, by its path from `root`.

    Changes only the marked parts of README.md. Raises ValueError if it lacks a part's marks.
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
        return {
            SCHEMA: _schema(transitions, functions),
            README: readme,
            **tables(connection),
        }


def http_page(root: Path = ROOT) -> str:
    """Returns docs/http.md with the codes of db/codes.json. Parentheses: no route answers it."""
    rows = []
    for name, code in codes().items():
        status = ", ".join(map(str, code.status))
        rows.append((f"`{name}`", status if code.over_http else f"({status})", code.sentence))
    table = _table(("code", "status", "when"), rows)
    return _replace(HTTP, (root / HTTP).read_text(encoding="utf-8"), "codes", table)


def contributing_page(root: Path = ROOT) -> str:
    """Returns CONTRIBUTING.md with a diagram of each flow, drawn from the code."""
    text = (root / CONTRIBUTING).read_text()
    for name in FLOWS:
        text = _replace(CONTRIBUTING, text, f"flow of {name}", flow(name, root))
    return text


def _rows(connection: psycopg.Connection[TupleRow], query: LiteralString) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(query))


def _replace(path: str, text: str, part: str, body: str) -> str:
    """Returns `text` with `body` between the marks of this part."""
    begin, end = f"<!-- begin {part}: made by `make docs` -->", f"<!-- end {part} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    if not found.search(text):
        raise ValueError(f"{path} lacks the marks {begin} and {end}: restore them")
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


def _schema(transitions: Sequence[Row], functions: Sequence[Row]) -> str:
    parts = [
        "# Schema\n\nMade by `make docs` from the catalogue and the comments of a migrated "
        "database. Do not edit it: edit db/, and run `make docs` again. Tables, types and roles: "
        "[db/tables](../db/tables).\n",
        "\n## The life of a job\n\n",
        _diagram(transitions),
        "\nThe allowed transitions; all others are refused with `invalid_transition`.\n\n",
        _table(
            ("from", "to"), ((f"`{move['source']}`", f"`{move['target']}`") for move in transitions)
        ),
    ]
    for schema, group in groupby(functions, itemgetter("schema")):
        parts.append(f"\n## Functions in {schema}\n")
        parts += map(_function, group)
    return "".join(parts)


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
    """Writes the files and returns the exit code."""
    try:
        with postgres.temporary() as server, connect(server.url()) as connection:
            bootstrap(connection)
            scaffold(connection)
            migrate.apply(server.url())
            written = documents(connection)
            facts = catalogue.facts(connection)
            written["db/catalogue.json"] = catalogue.snapshot(facts)
            written[HTTP] = http_page()
            written[CONTRIBUTING] = contributing_page()
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
    for old in (ROOT / FOLDER).glob("*.sql"):
        old.unlink()
    (ROOT / FOLDER).mkdir(exist_ok=True)
    for path, text in written.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
