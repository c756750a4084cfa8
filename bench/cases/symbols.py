"""A page of find_symbols among five million symbols, under row-level security."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, LiteralString

import psycopg

from bench.measure import Comparison, Goal, Rounds
from bench.world import World, user_id

_FILES, _SYMBOLS_PER_FILE = 50_000, 100
_CALLS = 100
_MOST = 10.0  # milliseconds
# all in one repository; a fifth have the same name
_FILL: LiteralString = """
insert into public.indexed_files (repository_id, path, language, bytes, blob_sha, symbol_count)
select %(repository)s, 'src/' || n %% 1000 || '/' || n || '.py', 'Python', 100, repeat('b', 40),
  %(symbols)s
from generate_series(1, %(files)s) as n;
insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id,
  case when n %% 5 = 0 then '__init__' else 'name_' || md5(f.id || '.' || n) end, 'function', n, n
from public.indexed_files as f, generate_series(1, %(symbols)s) as n
where f.repository_id = %(repository)s;
insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (%(repository)s, gen_random_uuid(), repeat('c', 40), 'bench', '{}');
"""
_EMPTY: LiteralString = """
delete from public.symbols where repository_id = %(repository)s;
delete from public.indexed_files where repository_id = %(repository)s;
delete from public.indexed_commits where repository_id = %(repository)s;
"""
_FIND: LiteralString = """
select s.cursor from public.find_symbols(
  %(repository)s, p_name => %(name)s, p_prefix => %(prefix)s, p_cursor => %(cursor)s,
  p_limit => 100) as s
"""


def run(world: World, rounds: Rounds) -> Iterator[Comparison]:
    """Yields the comparison. Leaves the database unchanged."""
    with filled(world) as connection:
        late = _last_cursor(connection, _wanted(prefix="name_8"))
        pages = {
            "a name, 1,000,000 have it": _wanted(name="__init__"),
            "a name that none has": _wanted(name="nothing"),
            "a prefix, about 60 have it": _wanted(prefix="name_1234"),
            "a prefix, 4,000,000 have it": _wanted(prefix="name_"),
            "the same, from the middle on": _wanted(prefix="name_", cursor=late),
        }
        probes = {title: partial(cost, connection, wanted) for title, wanted in pages.items()}
        figures = rounds.run("symbols", probes)
    count = _FILES * _SYMBOLS_PER_FILE
    yield Comparison(
        "symbols",
        f"A page of 100 of {count:,} symbols, as an ordinary user",
        "ms, median of a round",
        figures,
        tuple(Goal(title, None, _MOST, at_most=True) for title in pages),
    )


@contextmanager
def filled(world: World) -> Iterator[psycopg.Connection[Any]]:
    """Yields a connection of the user who owns the symbols, which are removed at the end."""
    user = user_id(1)
    values = {"repository": user, "files": _FILES, "symbols": _SYMBOLS_PER_FILE}
    with psycopg.connect(world.owner_url, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica; set synchronous_commit = off")
        with psycopg.ClientCursor(owner) as cursor:
            cursor.execute(_FILL, values)
        owner.execute("vacuum analyze public.symbols, public.indexed_files, public.indexed_commits")
        try:
            with psycopg.connect(world.owner_url, autocommit=True) as connection:
                claims = json.dumps({"sub": user, "role": "authenticated"})
                connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
                connection.execute("set role authenticated")
                yield connection
        finally:
            with psycopg.ClientCursor(owner) as cursor:
                cursor.execute(_EMPTY, values)
            owner.execute("vacuum public.symbols, public.indexed_files")


def cost(connection: psycopg.Connection[Any], wanted: Mapping[str, str | None]) -> float:
    """Returns the median milliseconds of a call."""
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        connection.execute(_FIND, wanted).fetchall()
        taken.append(1_000 * (time.perf_counter() - began))
    return statistics.median(taken)


def _wanted(
    name: str | None = None, prefix: str | None = None, cursor: str | None = None
) -> Mapping[str, str | None]:
    return {"repository": user_id(1), "name": name, "prefix": prefix, "cursor": cursor}


def _last_cursor(connection: psycopg.Connection[Any], wanted: Mapping[str, str | None]) -> str:
    return str(connection.execute(_FIND, wanted).fetchall()[-1][0])
