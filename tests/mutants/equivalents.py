"""The changes that no test can catch, with reasons, from equivalents.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.sources import Mutant
from tests.mutants.verdicts import Verdict

FILE = Path(__file__).with_name("equivalents.toml")
MOST = 15


@dataclass(frozen=True)
class Equivalent:
    """A change without an effect that a caller could see."""

    name: str
    reason: str
    states: tuple[str, str]
    """The effects with and without the change, in the two most different states."""


def equivalents(file: Path = FILE) -> list[Equivalent]:
    """Returns the entries of the file. Raises ValueError for more than 15, or a missing state."""
    listed = [
        Equivalent(entry["name"], entry["reason"], tuple(entry["states"]))
        for entry in tomllib.loads(file.read_text()).get("equivalent", [])
    ]
    if len(listed) > MOST:
        raise ValueError(f"{len(listed)} are listed as equivalent, at most {MOST} may be")
    for one in listed:
        if len(one.states) != 2 or not one.reason:
            raise ValueError(f"{one.name}: say the reason and the two states that show it")
    return listed


def complaints(
    verdicts: Sequence[Verdict], listed: Sequence[Equivalent], all_mutants: Sequence[Mutant]
) -> list[str]:
    """Returns a sentence for each unlisted survivor, and for each listed change that is none."""
    names = {one.name for one in listed}
    existing = {mutant.name for mutant in all_mutants}
    found = [
        f"no test noticed: {v.mutant.place}"
        for v in verdicts
        if v.outcome == "survived" and v.mutant.name not in names
    ]
    found += [
        f"listed as equivalent, but {v.outcome} by {v.by or 'nothing'}: {v.mutant.place}"
        for v in verdicts
        if v.outcome != "survived" and v.mutant.name in names
    ]
    found += [
        f"listed as equivalent, but there is no such change any more: {one.name}"
        for one in listed
        if one.name not in existing
    ]
    return found
