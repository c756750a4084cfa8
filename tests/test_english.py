"""Phrases and names that readers had to read twice are not used again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PHRASES = {  # phrase -> what to write instead
    r"comes? along": "is bundled",
    r"gates? a change": "what a change must pass",
    r"long forms?": "extended versions",
    r"so many requests|so many seconds|has so many": "a number: at most N seconds",
    r"the tier free": "the free tier",
    r"how things stand": "name what is told: the current quota",
    r"a known user": "an authenticated user",
    r"(?:member that|a member|a name) occurs twice": "duplicate keys",
    r"half (?:of )?a surrogate pair": "an unpaired surrogate",
    r"(?:nesting|wait\w*|\w+ed for|connection|unfold) without end": "excessive; without a limit",
    r"without a word of it": "without reporting",
    r"another size than": "a size outside",
    r"by chance": "random",
    r"watchm[ae]n": "supervisor",
    r"taking the old process": "send traffic to the old process again",
    r"it is looked": "name who looks: X checks",
    r"anew": "again",
    r"for ever": "forever; never expires",
    r"(?:what|that|which|if it|be|it) is no (?!longer\b|more\b|such\b)": "is not a",
    r"be no (?!longer\b|more\b)": "not be a",
    r"whoever": "anyone who",
    r"no superuser": "not a superuser",
    r"and none was": "nothing was changed",
    r"at work on": "is using",
    r"until lately": "how it is; history goes to the changelog",
}
NAMES = (
    r"\b(?:Arriving|Latest|Turns|CallTurns|_STANDING|OccupiedError|for_ever|said_of|_patiently"
    r"|_spare_the_collector|(?:borrow|occupy|furnish|near|explained|patiently|telling)\()"
)
# files that other programs write, and this list
SKIPPED = re.compile(r"(^tests/test_english\.py|\.(png|svg|lock|json)|database\.types\.ts)$")


def texts() -> dict[str, str]:
    listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    paths = [path for path in found.split("\0") if path and not SKIPPED.search(path)]
    paths.append("db/codes.json")
    return {path: (ROOT / path).read_text() for path in paths if (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return texts()


def matches_in(written: dict[str, str], pattern: str) -> list[str]:
    """Returns each match with its position. Matches may span lines and comment marks."""
    spaced = pattern if "(?m)" in pattern else pattern.replace(" ", r"(?:\s|--|#|//|\*)+")
    found = re.compile(spaced)
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path, text in written.items()
        for match in found.finditer(text)
    ]


@pytest.mark.parametrize("phrase", PHRASES)
def test_listed_phrase_is_not_used(written: dict[str, str], phrase: str) -> None:
    found = matches_in(written, rf"(?i:\b(?:{phrase})\b)")
    assert found == [], f"write instead: {PHRASES[phrase]}"


def test_listed_names_are_not_used(written: dict[str, str]) -> None:
    code = {path: text for path, text in written.items() if path.endswith((".py", ".sql"))}
    assert matches_in(code, NAMES) == []


def test_imports_are_not_renamed(written: dict[str, str]) -> None:
    """The exception is hypothesis.strategies, by convention imported as st."""
    pattern = r"(?m)^ *(?:from [\w.]+ )?import [\w.]+ as (?!st$)\w+"
    assert matches_in({p: t for p, t in written.items() if p.endswith(".py")}, pattern) == []
