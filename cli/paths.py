"""Paths as you would type them in the current directory."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def display_path(path: Path) -> str:
    """Returns the path, relative if it is below the current directory."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def program() -> str:
    """Returns how to call this program here: by name, or by path if PATH lacks it."""
    script = Path(sys.executable).with_name("index-jobs")
    found = shutil.which(script.name)
    return script.name if found and Path(found) == script else display_path(script)
