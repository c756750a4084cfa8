"""Every code that an answer may have, as db/codes.json lists them.

The API takes the status, the sentence and the hint of what it refuses from there, and `make docs`
the table in docs/http.md. A test compares the list with what the SQL functions and api/ raise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means, and who raises it."""

    status: tuple[int, ...]
    """Of HTTP; the first where nothing else is said."""
    sentence: str
    raised_by: tuple[str, ...]
    """SQL functions by name, and modules of api/ by path."""
    hint: str | None = None
    """The remedy, where it is not the SQL function that says it."""
    over_http: bool = True
    """False: no route calls what raises it; callers of `supabase.rpc()` and workers meet it."""


@cache
def codes() -> Mapping[str, Code]:
    """Each code by its name, in the order of the documents."""
    entries = json.loads((Path(__file__).parents[1] / "codes.json").read_text(encoding="utf-8"))
    return {
        name: Code(**entry | {key: tuple(entry[key]) for key in ("status", "raised_by")})
        for name, entry in entries.items()
    }
