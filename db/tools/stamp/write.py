"""Writes migrations. Changes go into the newest one until a release freezes it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.tools import versions
from db.tools.stamp.files import (
    BEGIN_PART,
    DEPENDS,
    END_PART,
    PREVIOUS_TEXT,
    RELOAD,
    ROOT,
    StampError,
    declared_code,
    declared_files,
    migration_files,
    mirrored,
    rollback_file,
    stamped_files,
    unreleased,
)
from db.tools.stamp.rules import shape_problems
from db.tools.stamp.sql import rank
from db.tools.stamp.transition import transition
from db.tools.versions import SchemaVersion

ABOVE = "-- By hand, above the stamped part: what its functions and policies need."
BELOW = "-- By hand, below it: what needs its functions (triggers, defaults); drops of tables."
ABOVE_ROLLBACK = (
    "-- By hand, above the stamped part: what would keep its functions from being dropped."
)
BELOW_ROLLBACK = "-- By hand, below it: drops of what the migration made."

# A session caches plans with the columns that a row had then. Any grant on a schema, even one that
# changes nothing, makes every session plan again (the handover has one too).
REPLAN = """\
-- Makes open sessions plan their statements again.
grant usage on schema private to job_writer;
"""

# Sessions that need a table queue behind a migration that waits for it. The limit is in the files,
# not only in the migrator, because Supabase runs them too.
LOCK_TIMEOUT = "set local lock_timeout = '250ms';"

VERSION_FILE = '''\
"""The schema version of this code. Written by make migration."""

VERSION = "{}"
'''


@dataclass(frozen=True, slots=True)
class Stamped:
    """The newest migration, and a line for each file whose stamp changed."""

    forward: Path
    is_new: bool
    summary: list[str]


def write(
    name: str = "", *, root: Path = ROOT, empty: bool = False, breaking: bool = False
) -> Stamped:
    """Stamps changes into the newest migration, or into a new one if that is released.

    Keeps handwritten parts of an unreleased migration. Also writes its rollback, the last lines of
    all unreleased migrations, the mirror and db/version.py. `breaking`: older code cannot run on
    this schema. Raises StampError if a new migration is needed but has no `name`, or if nothing
    changed and `empty` (a handwritten migration) is false.
    """
    texts = declared_files(root).items()
    if problems := [p for path, text in texts for p in shape_problems(path, text)]:
        raise StampError("\n".join(problems))
    files = declared_code(root)
    is_new = not unreleased(root)
    before = stamped_files(f.read_text(encoding="utf-8") for f in migration_files(root))
    old = _stamped_before(migration_files(root), is_new=is_new)
    forward_part, rollback_part = transition(old, files), transition(files, old, back=True)
    if is_new:
        if not forward_part and not empty:
            _copy(root)
            raise StampError(
                "nothing changed since the last release (EMPTY=1 for a migration by hand)"
            )
        _add(root, name)
    forward = migration_files(root)[-1]
    _restamp(forward, forward_part)
    _restamp(rollback_file(forward), rollback_part)
    _seal(root, breaking=breaking)
    _copy(root)
    return Stamped(forward, is_new, summary(before, files))


def summary(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Returns a line for each declared file that differs, with its change and path."""

    def kind(path: str) -> str:
        return "new" if path not in old else "deleted" if path not in new else "changed"

    return [
        f"{kind(path):8}{path}"
        for path in sorted({*old, *new}, key=rank)
        if old.get(path) != new.get(path)
    ]


def _copy(root: Path) -> None:
    """Copies the forward files to supabase/migrations and writes db/version.py."""
    folder = root / "supabase/migrations"
    folder.mkdir(parents=True, exist_ok=True)
    forward = migration_files(root)
    for stray in set(mirrored(root)) - {f.name for f in forward}:
        (folder / stray).unlink()
    for file in forward:
        (folder / file.name).write_bytes(file.read_bytes())
    if forward:
        version_file(root).write_text(VERSION_FILE.format(forward[-1].name[:14]), encoding="utf-8")


def version_file(root: Path = ROOT) -> Path:
    """Returns the file with the schema version, for code that does not read migrations."""
    return root / "db/version.py"


def _stamped_before(migrations: list[Path], *, is_new: bool) -> dict[str, str]:
    """Returns what all migrations have stamped; without the newest one, unless `is_new`."""
    texts = [file.read_text(encoding="utf-8") for file in migrations]
    if not is_new:
        above, _, rest = texts.pop().partition(f"{BEGIN_PART}\n")
        texts += [above, rest.partition(f"{END_PART}\n")[2]]
    return stamped_files(texts)


def _add(root: Path, name: str) -> None:
    """Writes the skeleton of a new migration and its rollback."""
    snake = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not snake:
        raise StampError(
            "a new migration is needed, and it needs a name: make migration name=what_it_does"
        )
    earlier = migration_files(root)
    forward = root / "db/migrations" / f"{_next_number(earlier)}_{snake}.sql"
    depends = f"{DEPENDS} {earlier[-1].stem}\n" if earlier else ""
    part = f"{BEGIN_PART}\n{END_PART}\n"
    end = f"{REPLAN}{RELOAD}" if earlier else RELOAD
    forward.parent.mkdir(parents=True, exist_ok=True)
    forward.write_text(
        f"-- {snake}\n{depends}\n{ABOVE}\n\n{part}\n{BELOW}\n\n{end}\n", encoding="utf-8"
    )
    rollback_file(forward).write_text(
        f"-- {snake}, undone\n\n{ABOVE_ROLLBACK}\n\n{part}\n{BELOW_ROLLBACK}\n\n{end}\n",
        encoding="utf-8",
    )


def _next_number(files: list[Path]) -> str:
    now = datetime.now(UTC)
    if files:
        try:
            newest = datetime.strptime(f"{files[-1].name[:14]}+0000", "%Y%m%d%H%M%S%z")
        except ValueError:
            raise StampError(
                f"the number of {files[-1].name} is not a UTC time; rename it"
            ) from None
        now = max(now, newest + timedelta(seconds=1))
    return now.strftime("%Y%m%d%H%M%S")


def _restamp(file: Path, part: str) -> None:
    """Replaces the stamped part of a migration and keeps the handwritten parts."""
    above, begin, rest = file.read_text(encoding="utf-8").partition(f"{BEGIN_PART}\n")
    _, end, below = rest.partition(f"{END_PART}\n")
    if begin and end:
        file.write_text(f"{above}{begin}{part}{end}{below}", encoding="utf-8")
    elif part:
        raise StampError(f"{file.name}: it needs the lines '{BEGIN_PART}' and '{END_PART}'")


def _seal(root: Path, *, breaking: bool) -> None:
    """Writes the last lines of all unreleased migrations, and the texts they build on."""
    previous: SchemaVersion | None = None
    open_files = unreleased(root)
    for file in migration_files(root):
        body, said = versions.split(file.read_text(encoding="utf-8"))
        if file in open_files:
            number = file.name[:14]
            serves = (said and said.serves) or (previous.serves if previous else number)
            if breaking and file == open_files[-1]:
                serves = number
            body = with_lock_timeout(with_previous_text(body, previous))
            said = SchemaVersion(number, versions.digest(body), serves)
            file.write_text(f"{body}{said.line}\n", encoding="utf-8")
            back = rollback_file(file)
            undo = with_lock_timeout(versions.split(back.read_text(encoding="utf-8"))[0])
            back.write_text(undo + (f"{previous.line}\n" if previous else ""), encoding="utf-8")
        previous = said


def with_lock_timeout(body: str) -> str:
    """Returns a migration or rollback that waits for a lock at most LOCK_TIMEOUT."""
    if f"{LOCK_TIMEOUT}\n" in body:
        return body
    lines = body.splitlines(keepends=True)
    head = len(list(itertools.takewhile(lambda line: line.startswith("--"), lines)))
    return "".join([*lines[:head], f"\n{LOCK_TIMEOUT}\n", *lines[head:]])


def with_previous_text(body: str, previous: SchemaVersion | None) -> str:
    """Returns a migration that names the hash of the previous one's text, below its dependency.

    So the text of the newest identifies them all.
    """
    lines = [ln for ln in body.splitlines(keepends=True) if not ln.startswith(PREVIOUS_TEXT)]
    at = [number for number, line in enumerate(lines) if line.startswith(DEPENDS)]
    if previous and at:
        lines.insert(at[0] + 1, f"{PREVIOUS_TEXT} {previous.text}\n")
    return "".join(lines)
