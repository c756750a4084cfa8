"""Runs the suites of the SQL against a database, until the first test that fails."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import scalar_row

from db.tools.stamp import ROOT
from tests.mutants.sources import Declared, Mutant

FOLDER = ROOT / "tests/sql"
OPTIONS = '-csearch_path="$user",public,pgtap,tests'
TIMEOUTS = ("10s", "30s")
"""Limit of a statement: a change may loop endlessly, and a busy machine may be slow."""
CATALOGUE = {"drop", "widen"}  # a test of the whole catalog catches these first
SUITES = {  # suites for effects that pgTAP cannot see in one transaction
    "unlock": ("tests/races/test_locks.py", "tests/races/test_moves.py",
               "tests/lifecycle/test_races.py", "tests/lifecycle/test_turns.py"),
    "session": ("tests/races/test_settings.py",),
}  # fmt: skip
SUITES_OF = {  # or in changes of these functions; with the suite that catches them first
    "lock_index_job": ("tests/lifecycle/test_races.py",),
    "lock_next_job": ("tests/lifecycle/test_turns.py",),
    "order_waiting_tenants": ("tests/lifecycle/test_turns.py",),
    "broadcast_index_job": ("tests/supabase/test_broadcast.py",),
    "create_broadcast_policy": ("tests/supabase/test_broadcast.py",),
    "fold_job_metrics": ("tests/races/test_locks.py",),
    "count_claims_before": ("tests/lifecycle/test_explain.py",),
    "bound_claims_before": ("tests/lifecycle/test_explain.py",),
    "count_free_jobs": ("tests/lifecycle/test_explain.py",),
}


def session(url: str) -> psycopg.Connection:
    """Yields a superuser's connection with pgTAP on its search_path."""
    return psycopg.connect(url, options=OPTIONS, autocommit=True)


@cache
def pgtap_files() -> dict[Path, str]:
    """Returns the text of each pgTAP file."""
    return {file: file.read_text() for file in sorted(FOLDER.rglob("test_*.sql"))}


@cache
def files_of(name: str) -> tuple[list[Path], list[Path]]:
    """Returns the pgTAP files named after it, and those that mention it."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    own = [f for f in pgtap_files() if f"{f.stem}_".startswith(f"test_{name}_")]
    return own, [f for f, text in pgtap_files().items() if word.search(text)]


def first_files(declared: Declared, mutant: Mutant) -> list[Path]:
    """Returns the files that mention the changed object: its own first, then its callers'."""
    names = [name.rsplit(".", 1)[-1] for name in mutant.about.split()]
    names += [caller for name in names for caller in declared.callers(name)]
    own = [file for name in names for file in files_of(name)[0]]
    speaking = [file for name in names for file in files_of(name)[1]]
    of_catalogue = [f for f in pgtap_files() if f.parent.name == "catalogue"]
    catalogue_first = mutant.kind in CATALOGUE or mutant.what.startswith("security")
    return list(dict.fromkeys([*(of_catalogue if catalogue_first else ()), *own, *speaking]))


def other_files(first: Iterable[Path]) -> list[Path]:
    taken = set(first)
    return [file for file in pgtap_files() if file not in taken]


def failure(connection: psycopg.Connection, files: Sequence[Path]) -> str | None:
    """Returns the message of the first file that fails twice, or None if all pass."""
    for file in files:
        # a flaky test does not count
        said = _pgtap_failure(connection, pgtap_files()[file], TIMEOUTS[0])
        if said is not None:
            said = _pgtap_failure(connection, pgtap_files()[file], TIMEOUTS[1])
        if said is not None:
            return f"{file.relative_to(FOLDER)}: {said}"
    return None


def _pgtap_failure(connection: psycopg.Connection, script: str, timeout: str) -> str | None:
    """Returns the failure of one pgTAP file, which rolls itself back, or None if it passes."""
    rows: list[Any] = []
    try:
        connection.execute("discard all")  # each file gets a reset session
        connection.execute("select set_config('statement_timeout', %s, false)", (timeout,))
        cursor = connection.cursor(row_factory=scalar_row).execute(script.encode())
        while True:
            if cursor.description:
                rows += cursor.fetchall()
            if not cursor.nextset():
                break
    except psycopg.Error as error:
        connection.execute("rollback")
        return f"{error.sqlstate} {str(error).splitlines()[0]}"
    lines = [line for row in rows if isinstance(row, str) for line in row.splitlines()]
    wrong = next((line for line in lines if line.startswith("not ok")), None)
    if wrong is not None:
        return wrong
    planned = next((int(line[3:]) for line in lines if re.fullmatch(r"1\.\.\d+", line)), -1)
    passed = sum(line.startswith("ok ") for line in lines)
    return None if passed == planned else f"{passed} of {planned} tests ran"


def python_suites(mutant: Mutant) -> list[str]:
    """Returns the Python suites that can see more than pgTAP."""
    names = [name.rsplit(".", 1)[-1] for name in mutant.about.split()]
    of_objects = (suite for name in names for suite in SUITES_OF.get(name, ()))
    return list(dict.fromkeys([*of_objects, *SUITES.get(mutant.kind, ())]))


def python_failure(declared: Declared, mutant: Mutant) -> str | None:
    """Returns the failure of the Python suites for a change that needs several transactions."""
    suites = python_suites(mutant)
    if not suites:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(declared.replacement(mutant))
        file.flush()
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist",
             "--timeout=120", f"--change={file.name}", *suites],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if ran.returncode == 0:
        return None
    if ran.returncode != 1:
        raise RuntimeError(f"pytest could not run: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.M)
    return failed[0] if failed else ran.stdout[-200:]
