"""The schema of a database as text, for comparisons."""

from __future__ import annotations

import itertools
import subprocess

from tests.support.databases import Database
from tests.support.fetch import postgres_binaries


def dump(database: Database) -> str:
    """Returns the schema from pg_dump, without yoyo's tables and the dump's random key.

    The grants of each object are sorted, because a repeated grant moves to the end.
    """
    command = [postgres_binaries(18) / "bin/pg_dump", "--schema-only", "-N", "yoyo", database.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if "restrict " not in line]
    runs = itertools.groupby(lines, key=lambda line: line.startswith("GRANT "))
    return "\n".join(itertools.chain(*(sorted(run) if grants else run for grants, run in runs)))
