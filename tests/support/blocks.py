"""The code blocks of a Markdown page, which tests run as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def section(text: str, title: str) -> str:
    """Returns the text under the heading, up to the next one of its level or above."""
    found = re.search(rf"^(##+) {re.escape(title)}\n", text, re.M)
    assert found, f"there is no heading {title}"
    rest = text[found.end() :]
    # a line that starts with a single # may be a comment in code
    end = re.search(rf"^#{{2,{len(found[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def blocks(text: str, language: str = "sh") -> list[str]:
    """Returns the code blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
