"""Reads the declared files, the migrations and the stamps in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from db.tools.stamp.sql import NOISE

ROOT = Path(__file__).resolve().parents[3]

BEGIN_PART = "-- begin stamped part (make migration rewrites it)"
END_PART = "-- end stamped part"
STAMP = "-- stamp: "
STAMP_DELETED = "-- stamp deleted: "
END_STAMP = "-- end stamp"
DEPENDS = "-- depends:"
PREVIOUS_TEXT = "-- previous text:"
RELOAD = "notify pgrst, 'reload schema';"

MIGRATION_NAME = re.compile(r"[0-9]{14}_[a-z0-9_]+(\.rollback)?\.sql")


class StampError(Exception):
    """A request that cannot be fulfilled. The text says why and what to do."""


def declared_files(root: Path = ROOT) -> dict[str, str]:
    """Returns the text of every function and policy file, by path. Raises StampError."""
    files = [*root.glob("db/functions/**/*.sql"), *root.glob("db/policies/*.sql")]
    texts: dict[str, str] = {}
    for file in sorted(files):
        path = file.relative_to(root).as_posix()
        try:
            texts[path] = file.read_bytes().decode()
        except UnicodeDecodeError:
            raise StampError(f"{path}: save it as UTF-8") from None
    return texts


def declared_code(root: Path = ROOT) -> dict[str, str]:
    """Returns the same as it is stamped. Raises StampError.

    Omits the opening comment of each file, and empty lines outside function bodies. Changing only
    these needs no migration.
    """
    return {path: code_of(text) for path, text in declared_files(root).items()}


def code_of(text: str) -> str:
    code = re.sub(r"(?:(?:--[^\n]*)?\n)*", "", text, count=1)
    return re.sub(rf"{NOISE.pattern}|\n(?P<empty>\n+)", _without_empty, code, flags=re.DOTALL)


def _without_empty(found: re.Match[str]) -> str:
    return "\n" if found["empty"] else found[0]


def migration_files(root: Path = ROOT) -> list[Path]:
    """Returns the forward files, oldest first."""
    files = (root / "db/migrations").glob("*.sql")
    return sorted(f for f in files if not f.name.endswith(".rollback.sql"))


def rollback_file(forward: Path) -> Path:
    return forward.with_suffix(".rollback.sql")


def mirrored(root: Path) -> list[str]:
    """Returns the names of the files in supabase/migrations."""
    return sorted(f.name for f in (root / "supabase/migrations").glob("[!.]*"))


def stamps(text: str) -> Iterator[tuple[str, str | None]]:
    """Yields the path and text of each stamped file in a migration; None for a deleted one.

    Raises StampError for a marker without its end.
    """
    path: str | None = None
    lines: list[str] | None = None
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        if bare.startswith((STAMP, STAMP_DELETED)):
            if path is not None:
                raise StampError(f"the stamp of {path} has no '{END_STAMP}' line")
            deleted = bare.startswith(STAMP_DELETED)
            path = bare.removeprefix(STAMP_DELETED if deleted else STAMP)
            lines = None if deleted else []
        elif bare == END_STAMP and path is not None:
            yield path, None if lines is None else "".join(lines)
            path = None
        elif path is not None and lines is not None:
            lines.append(line)
    if path is not None:
        raise StampError(f"the stamp of {path} has no '{END_STAMP}' line")


def stamped_files(texts: Iterable[str]) -> dict[str, str]:
    """Returns the last stamped text of each file that was not deleted."""
    last: dict[str, str] = {}
    for text in texts:
        for path, stamped in stamps(text):
            if stamped is None:
                last.pop(path, None)
            else:
                last[path] = stamped
    return last


# CHECKSUMS (in the format of `sha256sum`) lists the files of every released migration.


def checksums(root: Path) -> dict[str, str]:
    """Returns the checksum of each released file, by name."""
    file = root / "db/migrations/CHECKSUMS"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def unreleased(root: Path) -> list[Path]:
    """Returns the unreleased forward files, oldest first."""
    frozen = checksums(root)
    return [file for file in migration_files(root) if file.name not in frozen]


def freeze(root: Path = ROOT) -> list[str]:
    """Adds the unreleased migrations to CHECKSUMS. Returns their names."""
    files = unreleased(root)
    sums = checksums(root)
    for file in (part for forward in files for part in (forward, rollback_file(forward))):
        sums[file.name] = sha256(file)
    if files:
        text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        (root / "db/migrations/CHECKSUMS").write_text(text, encoding="utf-8")
    return [file.stem for file in files]


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
