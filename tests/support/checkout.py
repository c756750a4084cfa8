"""A copy of this project in its own git repository, which a test may release and change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "cli", "db", "docs/deploy", "docs/examples", "supabase", "worker")
FILES = ("CHANGELOG.md", "Makefile", "README.md", "pyproject.toml")

# generated files count as up to date, and check runs only the part about migrations
_MADE = (".venv/app", ".venv/test", "lint", "types", "imports", "guards")
_KEPT = [f"--old-file={name}" for name in _MADE]


@dataclass(frozen=True)
class Checkout:
    """The copy. All files are committed at the start."""

    root: Path

    @property
    def migrations(self) -> Path:
        return self.root / "db/migrations"

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs make there with the Python of these tests."""
        command = ["make", f"BIN={Path(sys.executable).parent}", *_KEPT, *arguments]
        # independent of the make that runs these tests
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1))

    def commit(self, title: str = "Change something") -> None:
        for words in (("add", "--all"), ("commit", "--quiet", "--message", title)):
            self.git(*words)

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def add_migration(self, name: str, ddl: str, undo: str) -> Path:
        """Adds a migration with this DDL and the changes of the declared files."""
        path = self._make_migration(f"name={name}", "EMPTY=1")
        self.edit(path, "-- begin stamped part", f"{ddl}\n-- begin stamped part")
        self.edit(path.replace(".sql", ".rollback.sql"), "notify pgrst", f"{undo}\nnotify pgrst")
        return self.root / self._make_migration()

    def _make_migration(self, *arguments: str) -> str:
        done = self.make("migration", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def copy_to(self, folder: Path) -> Checkout:
        """Copies it with its history to a new folder."""
        shutil.copytree(self.root, folder, symlinks=True)
        return Checkout(folder)


def clone(folder: Path, *, checks: bool = True) -> Checkout:
    """Copies every file that git tracks or would add, with this environment as its .venv.

    `checks` includes the mypy cache, which saves `make check` half a minute.
    """
    listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    for name in filter(None, found.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    environment = folder / ".venv"
    environment.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (environment / part).symlink_to(Path(sys.prefix) / part)
    for stamp in ("app", "test"):
        (environment / stamp).touch()
    if checks and (types := ROOT / ".mypy_cache").exists():
        shutil.copytree(types, folder / types.name)
    copy = Checkout(folder)
    copy.git("init", "--quiet")
    copy.commit("Begin")
    return copy


def checkout(folder: Path) -> Checkout:
    """Copies the working tree to this folder."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / ".gitignore").write_text("__pycache__\n.mypy_cache\n.ruff_cache\n")
    copy = Checkout(folder)
    copy.git("init", "--quiet")
    copy.commit("Begin")
    return copy
