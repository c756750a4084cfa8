"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; `remedy` is SQL, a command or a sentence."""

    check: str
    object: str
    problem: str
    remedy: str
