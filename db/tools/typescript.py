"""The types of the schema public for TypeScript: what Supabase's command line makes of it, and what
that does not know: the members of progress and stats, which arguments and columns may be null, and
which functions a user may call.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import Final, LiteralString

from db.tools.connection import connect
from tests.support.fetch import supabase_cli

_FUNCTIONS: LiteralString = """
select p.proname::text, coalesce((
    select array_agg(p.proargnames[n])
    from generate_series(1, p.pronargs) as n
    where pg_get_function_arg_default(p.oid, n) like 'NULL::%'), '{}')
from pg_proc as p
where p.pronamespace = 'public'::regnamespace
  and has_function_privilege('authenticated', p.oid, 'execute')
"""
# Of the tables that functions return no catalogue tells which columns may be null.
_MAY_BE_NULL: Final[Mapping[str, frozenset[str]]] = {
    "create_api_key": frozenset({"expires_at"}),
    "explain_index_job": frozenset(
        {"position", "own_ahead", "until", "eta_p50", "eta_p90", "eta_basis", "eta_samples"}
    ),
    "find_symbols": frozenset({"language", "parent"}),
    "job_counts": frozenset(
        {"oldest_pending_at", "wait_p50", "wait_p95", "duration_p50", "duration_p95"}
    ),
    "list_api_keys": frozenset({"expires_at", "last_used_at"}),
    "list_indexed_files": frozenset({"language", "symbol_count"}),
}
_JSON: Final = {"progress": "JobProgress", "stats": "JobStats"}
_DECLARED: Final = """
/** Where the work on a job is; `total` is null while it is unknown. */
export type JobProgress = { phase: string; done: number; total: number | null }

/** What a completed job counted; which members there are depends on the indexer. */
export type JobStats = {
  files_indexed?: number
  symbols_extracted?: number
  files_skipped?: number
  files_unchanged?: number
  bytes?: number
  languages?: { [language: string]: number }
  skipped?: { [reason: string]: number }
  unparsed?: number
  reused?: boolean
  reused_job_id?: string
  [name: string]: Json | undefined
}
"""


def typescript(url: str) -> str:
    """The text of supabase/database.types.ts, from a migrated database.

    Raises FetchError when there is no command line of Supabase for this machine, ValueError when it
    says no.
    """
    remote = f"--remote={url}?sslmode=disable"
    with tempfile.TemporaryDirectory(prefix="index-jobs-docs-") as home:
        done = subprocess.run(
            [supabase_cli(), "gen", "types", "--schema", "public", remote],
            cwd=home,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode != 0:
        raise ValueError(f"supabase gen types failed: {done.stderr[-2000:]}")
    with connect(url) as connection:
        return _refined(done.stdout, dict(connection.execute(_FUNCTIONS).fetchall()))


def _refined(text: str, nullable: Mapping[str, list[str]]) -> str:
    """`nullable`: the functions that users may call -> their arguments that null leaves out."""
    head, functions, tail = re.split(r"(?<=Functions: \{\n)|(?=\n *Enums: \{)", text, maxsplit=2)
    for column, kind in _JSON.items():
        head = re.sub(rf'("{column}"\??): Json \| null', rf"\1: {kind} | null", head)
    declared = head.replace("export type Database", f"{_DECLARED.lstrip()}\nexport type Database")
    kept = [
        _refined_function(name, text, nullable[name])
        for name, text in _each_function(functions)
        if name in nullable
    ]
    return declared + ",\n".join(kept) + "\n          }" + tail


def _each_function(text: str) -> Iterator[tuple[str, str]]:
    """(name, its text) of each, without the comma between them."""
    body = text.rstrip().removesuffix("}")
    starts = [*re.finditer(r'^ *"(\w+)":\n\{ Args', body, re.MULTILINE)]
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        end = following.start() if following else len(body)
        yield start[1], body[start.start() : end].rstrip().removesuffix(",")


def _refined_function(name: str, text: str, nullable: list[str]) -> str:
    arguments, returns, result = re.split(r"(?<=\}|>)(; Returns: )", text, maxsplit=1)
    for argument in nullable:
        arguments = re.sub(rf'("{argument}"\?: [^,}}]*[^,}} ])', r"\1 | null", arguments)
    for column, kind in _JSON.items():
        result = result.replace(f'"{column}": Json | null', f'"{column}": {kind} | null')
    for column in _MAY_BE_NULL.get(name, ()):
        result = re.sub(rf'("{column}": \w+)', r"\1 | null", result)
    return arguments + returns + result
