"""The findings of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem. `remedy` is SQL, a command or a sentence."""

    check: str
    object: str
    problem: str
    remedy: str
