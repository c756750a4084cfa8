"""Postgres COPY text format."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Self

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def line(*values: str | int | None) -> str:
    """One row. Text must hold no NUL: Postgres has no place for it."""
    return "\t".join(map(_field, values)) + "\n"


def _field(value: str | int | None) -> str:
    if value is None:
        return "\\N"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


class Writer:
    """Writes rows to a new file as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file: IO[str] = path.open("x", encoding="utf-8", newline="\n")

    def write(self, *values: str | int | None) -> None:
        self._file.write(line(*values))
        self.rows += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
