"""Postgres COPY text format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED = re.compile(r"\\(.)")
# The escapes that Postgres writes for control characters. Other characters stand for themselves.
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def line(*values: str | int | None) -> str:
    """Returns one row. Text must not contain NUL, which Postgres cannot store."""
    return "\t".join(map(_field, values)) + "\n"


def _field(value: str | int | None) -> str:
    if isinstance(value, str):
        return value if value.isidentifier() else value.translate(_ESCAPES)
    return "\\N" if value is None else str(value)


def rows(path: Path) -> Iterator[list[str | None]]:
    """Yields the rows of a file written by Postgres."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for row in file:
            yield [_value(field) for field in row[:-1].split("\t")]


def _value(field: str) -> str | None:
    if "\\" not in field:
        return field
    if field == "\\N":
        return None
    return _ESCAPED.sub(lambda escaped: _LETTERS.get(escaped[1], escaped[1]), field)


class Writer:
    """Writes rows to a new file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file: IO[bytes] = path.open("xb")

    def write(self, *values: str | int | None) -> None:
        self.add(line(*values).encode(), 1)

    def add(self, lines: bytes, rows: int) -> None:
        """Writes this many rows, formatted by `line`."""
        self._file.write(lines)
        self.rows += rows

    def flush(self) -> None:
        """Makes written rows visible to readers."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
