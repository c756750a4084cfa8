"""The schema of a database as text, to be compared."""

from __future__ import annotations

import itertools
import subprocess

from tests.support.databases import Database
from tests.support.fetch import postgres_binaries


def dump(database: Database) -> str:
    """The schema by pg_dump, without yoyo's, without the dump's random key.

    The grants of one object are sorted: a grant taken back and made again goes to their end.
    """
    command = [postgres_binaries(18) / "bin/pg_dump", "--schema-only", "-N", "yoyo", database.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if "restrict " not in line]
    runs = itertools.groupby(lines, key=lambda line: line.startswith("GRANT "))
    return "\n".join(itertools.chain(*(sorted(run) if grants else run for grants, run in runs)))
