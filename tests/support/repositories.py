"""Git repositories for tests of the whole product."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Commits the files to the repository in the folder, created if needed. Returns the SHA."""
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=x"], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def modules(count: int, lines: int) -> dict[str, str]:
    """Returns this many Python files with one function each that are slow to parse."""
    body = "".join(f"    x = x + {n} * (x - 1) if x else [x, {n}]\n" for n in range(lines))
    return {f"src/m{n}.py": f"def f{n}(x):\n{body}    return x\n" for n in range(count)}
