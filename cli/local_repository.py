"""Repositories as the user types them: a folder, or what POST /index accepts."""

from __future__ import annotations

import re
from pathlib import Path

from cli.errors import CommandError


def folder_of(text: str) -> Path | None:
    """Returns the real path of the folder, or None if there is no such folder.

    Raises CommandError for a file, and for a folder inside a repository.
    """
    try:
        path = Path(text).expanduser()
        is_folder = text != "" and path.is_dir()
        is_file = path.is_file()
        real = path.resolve()
    except (
        OSError,
        RuntimeError,
    ):  # the name is too long, links form a loop, or ~user does not exist
        return None
    if is_file:
        raise CommandError(f"{text} is a file: use the folder of its repository")
    if not is_folder:
        return None
    if not _is_repository(real):
        for above in real.parents:
            if _is_repository(above):
                raise CommandError(
                    f"{real} is a folder inside the repository {above}: index {above} "
                    "instead, because only whole repositories can be indexed"
                )
    return real


def _is_repository(path: Path) -> bool:
    """Whether the folder looks like a work tree or a bare repository. Does not run git."""
    if (path / ".git").exists():
        return True
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def is_path(text: str) -> bool:
    """Whether the text can only be a path."""
    return text.startswith(("/", "./", "../", "~"))


def local_name(path: Path) -> str:
    """Returns the default name for a folder's repository."""
    return "local/" + (re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name).strip("-.") or "repository")
