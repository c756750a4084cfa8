"""Reads a repository's .gitattributes, with the attribute names of GitHub's linguist."""

from __future__ import annotations

import fnmatch
import re
from typing import NamedTuple

from worker.indexer.skip_rules import Reason

NAME = ".gitattributes"
# The maximum number of lines that are read.
_RULES = 500
_PATTERN_CHARACTERS = 500
_REASONS: dict[str, Reason] = {
    "linguist-vendored": "vendored",
    "linguist-generated": "generated",
    "linguist-documentation": "documentation",
}
_FIELD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\S+)(.*)')


class _Rule(NamedTuple):
    folder: str
    parts: list[str]
    anywhere: bool
    settings: dict[Reason, bool | None]

    def matches(self, path: str) -> bool:
        if not path.startswith(self.folder):
            return False
        below = path[len(self.folder) :].split("/")
        return _matches(self.parts, below[-1:] if self.anywhere else below)


class Attributes:
    """The attributes of all files of a commit. The later of two lines wins, as in git."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(self, path: str, content: bytes) -> None:
        """Reads one attributes file. Call it for a folder before its subfolders."""
        folder = path.removesuffix(NAME)
        for line in content.decode(errors="backslashreplace").splitlines():
            if len(self._rules) < _RULES and (rule := _rule(folder, line)):
                self._rules.append(rule)

    def of(self, path: str) -> dict[Reason, bool]:
        """Returns the reasons to skip a file (True) and those that do not apply (False)."""
        said: dict[Reason, bool | None] = {}
        for rule in self._rules:
            if rule.matches(path):
                said |= rule.settings
        return {reason: value for reason, value in said.items() if value is not None}


def _rule(folder: str, line: str) -> _Rule | None:
    """Returns the rule of a line, or None if it has no relevant attribute."""
    if "linguist-" not in line or line.lstrip().startswith(("#", "[attr]")):
        return None
    field = _FIELD.match(line)
    if field is None:
        return None
    pattern, attributes = field[1], field[2].split()
    if pattern.startswith('"'):
        pattern = re.sub(r"\\(.)", r"\1", pattern[1:-1])
    settings = dict(filter(None, map(_setting, attributes)))
    # git ignores negative patterns and those for folders only
    if not settings or pattern.startswith("!") or len(pattern) > _PATTERN_CHARACTERS:
        return None
    parts = pattern.removeprefix("/").split("/")
    return _Rule(folder, parts, "/" not in pattern, settings)


def _setting(attribute: str) -> tuple[Reason, bool | None] | None:
    name, _, value = attribute.partition("=")
    reason = _REASONS.get(name.lstrip("-!"))
    if reason is None:
        return None
    if name.startswith("!"):
        return reason, None
    return reason, not name.startswith("-") and value.lower() not in {"false", "0", "no", "off"}


def _matches(pattern: list[str], parts: list[str]) -> bool:
    """Whether the parts of a path match those of a pattern. ** matches any number of parts."""
    at = place = 0
    star, resume = -1, 0
    while place < len(parts):
        if at < len(pattern) and pattern[at] == "**":
            if at == len(pattern) - 1:
                return True
            star, resume = at, place
            at += 1
        elif at < len(pattern) and fnmatch.fnmatchcase(parts[place], pattern[at]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return at == len(pattern)
