"""CONTRIBUTING.md: its commands work in a clone exactly as written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.blocks import blocks, section
from tests.support.checkout import Checkout, clone

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
SECTIONS = [title for title in re.findall(r"^## (.*)$", TEXT, re.M) if blocks(section(TEXT, title))]
# commands that need servers or minutes, each on its own line
LONG = re.compile(r"^(make (docs|check|format)|\.venv/bin/pytest (?:.*\\\n)*.*)$", re.M)


# an edit with an outdated pattern would silently change nothing
SED = """
sed() {
  for file; do :; done
  before=$(cat "$file")
  command sed "$@"
  [ "$before" != "$(cat "$file")" ] || { echo "sed changed nothing: $*" >&2; exit 1; }
}
"""


def typed(copy: Checkout, text: str) -> None:
    """Runs the text in this clone, with the clone's own code."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    environment = kept | {"PYTHONPATH": str(copy.root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["sh", "-ec", SED + text],
        cwd=copy.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, proving: bool) -> Checkout:
    return clone(tmp_path_factory.mktemp("contributing") / "clone", checks=proving)


@pytest.mark.parametrize("title", SECTIONS)
def test_commands_work_in_a_clone(title: str, copy: Checkout, proving: bool) -> None:
    """The short form edits and stamps. The extended one also checks and tests the result."""
    copy.git("reset", "--quiet", "--hard")
    copy.git("clean", "--quiet", "--force", "-d")
    text = "".join(blocks(section(TEXT, title)))
    if not proving:
        text = LONG.sub("", text)
    typed(copy, text)


def test_every_section_with_commands_is_run() -> None:
    assert set(SECTIONS) == {
        "Run one test",
        "Add a column",
        "Add a metric",
        "Add a route",
        "Write a migration by hand",
    }
