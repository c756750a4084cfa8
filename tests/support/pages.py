"""The pages for operators, and their code blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/operations.md", *sorted((ROOT / "docs/deploy").rglob("*.md"))]


class Block(NamedTuple):
    """A code block: its heading, language and text."""

    heading: str
    language: str
    text: str


def blocks_of(text: str) -> list[Block]:
    """Returns the blocks of a page in order, in any language."""
    parts = re.split(r"^```(\w*)\n(.*?)^```\n", text, flags=re.M | re.S)
    found: list[Block] = []
    heading = ""
    for prose, language, code in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        headings = re.findall(r"^#+ (.*)$", prose, re.M)
        heading = headings[-1] if headings else heading
        found.append(Block(heading, language, code))
    return found
