"""What a schema says of itself: the comment on schema private, the last line of each migration.

Whichever tool applied the migrations, the database then says at which one it is, which text of it
was applied, and the oldest code that this schema still serves.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_COMMENT = re.compile(
    r"schema version (?P<number>[0-9]{14})"
    r"(?:, text (?P<text>[0-9a-f]{12}), serves (?P<serves>[0-9]{14}))?"
)
_LINE = re.compile(r"comment on schema private is '([^']*)';\n\Z", re.M)


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The 14 digits of a migration, 12 of the hash of its text, and the oldest code it serves.

    `text` and `serves` are empty on a database that was made before 0.1.0.
    """

    number: str
    text: str
    serves: str

    @property
    def line(self) -> str:
        """The last line of the migration, without its newline."""
        return (
            "comment on schema private is "
            f"'schema version {self.number}, text {self.text}, serves {self.serves}';"
        )


def from_comment(comment: str | None) -> SchemaVersion | None:
    """What the comment on schema private says; None when it says nothing of a version."""
    found = _COMMENT.fullmatch(comment or "")
    return (
        SchemaVersion(found["number"], found["text"] or "", found["serves"] or "")
        if found
        else None
    )


def split(text: str) -> tuple[str, SchemaVersion | None]:
    """The lines of a migration above its last one, and what that says."""
    found = _LINE.search(text)
    if found is None or (version := from_comment(found[1])) is None:
        return text, None
    return text[: found.start()], version


def digest(text: str) -> str:
    """The 12 digits that stand for the lines of a migration above its last one."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_migrations(files: list[Path]) -> dict[str, SchemaVersion]:
    """What each of these forward files says of itself, by its name without the ending."""
    said = {file.stem: split(file.read_text(encoding="utf-8"))[1] for file in files}
    return {name: version for name, version in said.items() if version is not None}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the migrations of this code cannot go on from what a database says, and what to do."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"the database {self.problem}: {self.remedy}"


def obstacle(found: SchemaVersion | None, ours: Mapping[str, SchemaVersion]) -> Obstacle | None:
    """None when the database is empty, or at one of `ours`, made by the very text of it."""
    if found is None:
        return None
    if found.number > max(version.number for version in ours.values()):
        return Obstacle(f"is at {found.number}, newer than this code", "use the newer release")
    for name, version in ours.items():
        if version.number == found.number and version.text == found.text:
            return None
        if version.number == found.number:
            return Obstacle(
                f"was made by an earlier form of the unreleased migration {name}",
                "make reset, or take it back with the checkout that made it",
            )
    return Obstacle(
        "was made before 0.1.0, which cannot be upgraded",
        "make reset (a development database), or dump what you need and migrate an empty one",
    )
