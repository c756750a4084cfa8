"""A repository as a person types it: a folder, or what POST /index takes."""

from __future__ import annotations

import re
from pathlib import Path

from cli.errors import CommandError


def folder_of(text: str) -> Path | None:
    """The real path of a folder that is typed, or None when there is no such folder.

    Raises CommandError for a file, and for a folder inside of a repository, which is none itself.
    """
    try:
        path = Path(text).expanduser()
        is_folder = text != "" and path.is_dir()
        is_file = path.is_file()
        real = path.resolve()
    except (OSError, RuntimeError):  # a name too long, links in a circle, no such user's home
        return None
    if is_file:
        raise CommandError(f"{text} is a file: give the folder of its repository")
    if not is_folder:
        return None
    if not _is_repository(real):
        for above in real.parents:
            if _is_repository(above):
                raise CommandError(
                    f"{real} is a folder inside the repository {above}: index that one, "
                    "because only whole repositories can be indexed"
                )
    return real


def _is_repository(path: Path) -> bool:
    """Whether it is a work tree, or bare, as far as can be seen without git."""
    if (path / ".git").exists():
        return True
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def is_path(text: str) -> bool:
    """Whether it can be meant as a path only."""
    return text.startswith(("/", "./", "../", "~"))


def local_name(path: Path) -> str:
    """What a folder's repository is called when nobody says."""
    return "local/" + (re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name).strip("-.") or "repository")
