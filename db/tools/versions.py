"""The schema version: the comment on schema private, set by the last line of each migration.

Whatever tool applied the migrations, the database records its newest one, a hash of its text, and
the oldest code that this schema serves.
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
    """A migration's 14 digits, 12 digits of the hash of its text, and the oldest code it serves.

    `text` and `serves` are empty in a database from before 0.1.0.
    """

    number: str
    text: str
    serves: str

    @property
    def line(self) -> str:
        """Returns the last line of the migration, without the newline."""
        return (
            "comment on schema private is "
            f"'schema version {self.number}, text {self.text}, serves {self.serves}';"
        )


def from_comment(comment: str | None) -> SchemaVersion | None:
    """Parses the comment on schema private. Returns None if it names no version."""
    found = _COMMENT.fullmatch(comment or "")
    return (
        SchemaVersion(found["number"], found["text"] or "", found["serves"] or "")
        if found
        else None
    )


def split(text: str) -> tuple[str, SchemaVersion | None]:
    """Returns a migration without its last line, and the version in that line."""
    found = _LINE.search(text)
    if found is None or (version := from_comment(found[1])) is None:
        return text, None
    return text[: found.start()], version


def digest(text: str) -> str:
    """Returns 12 digits of the hash of a migration without its last line."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_migrations(files: list[Path]) -> dict[str, SchemaVersion]:
    """Returns the version in each of these forward files, by stem."""
    said = {file.stem: split(file.read_text(encoding="utf-8"))[1] for file in files}
    return {name: version for name, version in said.items() if version is not None}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why this code's migrations cannot continue from a database, and what to do."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"the database {self.problem}: {self.remedy}"


def obstacle(found: SchemaVersion | None, ours: Mapping[str, SchemaVersion]) -> Obstacle | None:
    """Returns None if the database is empty or at one of `ours`, with the same text."""
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
                "make reset, or roll it back with the checkout that made it",
            )
    return Obstacle(
        "was made before 0.1.0 and cannot be upgraded",
        "make reset (a development database), or dump what you need and migrate an empty one",
    )
