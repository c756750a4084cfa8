"""The codes of errors, from db/codes.json.

The API takes the status, the sentence and the hint of its errors from there, and `make docs` the
table in docs/http.md. A test compares the list with what the SQL functions and api/ raise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Code:
    """The meaning of a code, and what raises it."""

    status: tuple[int, ...]
    """The HTTP statuses. The first is the default."""
    sentence: str
    raised_by: tuple[str, ...]
    """SQL functions by name, and modules of api/ by path."""
    hint: str | None = None
    """What to do, unless the SQL function provides the hint."""
    over_http: bool = True
    """False: no route raises it, only functions called by `supabase.rpc()` and workers."""


@cache
def codes() -> Mapping[str, Code]:
    """Returns the codes by name, in the order of the documents."""
    entries = json.loads((Path(__file__).parents[1] / "codes.json").read_text(encoding="utf-8"))
    return {
        name: Code(**entry | {key: tuple(entry[key]) for key in ("status", "raised_by")})
        for name, entry in entries.items()
    }
