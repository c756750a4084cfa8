"""Installs this schema's migrations in a Supabase project.

A copy is the text of a migration below a line that names it. Its number follows the project's
newest migration. The text contains the schema version, which does not depend on the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.tools import catalogue, migrate

MARK = "-- index-jobs: "
CONFIGS = ("config.toml", "config.json", "config.jsonc")
STAMP = "%Y%m%d%H%M%S"


class ProjectError(Exception):
    """Says why the folder is left unchanged, and what to do."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A migration, and its existing or future file in the project."""

    migration: str
    path: Path
    text: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What an installation finds and would write. It changes no existing file."""

    installed: tuple[Copy, ...]
    edited: tuple[Copy, ...]
    """Those of `installed` whose text is no longer this release's."""
    new: tuple[Copy, ...]
    clashes: tuple[str, ...]
    """Objects of the project's own migrations with names that the new ones need."""


def plan(project: Path, migrations: Path = migrate.MIGRATIONS) -> Plan:
    """Returns what to copy into the project, numbered after its newest migration.

    Raises ProjectError when the folder is no project, or its copies do not go together.
    """
    folder = _migrations_folder(project)
    ours = {name: (migrations / f"{name}.sql").read_bytes() for name in migrate.names(migrations)}
    there = _copies(folder, ours)
    missing = [name for name in ours if name not in there]
    if there and missing and missing[0] < max(there):
        raise ProjectError(
            f"{max(there)} is installed, but {missing[0]}, which comes before it, is not; "
            "restore its file from version control"
        )
    number = _number_after(folder)
    new = []
    for name in missing:
        path = folder / f"{number:{STAMP}}_index_jobs_{name[15:]}.sql"
        new.append(Copy(name, path, f"{MARK}{name}\n".encode() + ours[name]))
        number += timedelta(seconds=1)
    edited = (copy for name, copy in there.items() if _body(copy.text) != ours[name])
    clashes = _clashes(folder, {copy.path for copy in there.values()}) if new else ()
    return Plan(tuple(there.values()), tuple(edited), tuple(new), tuple(clashes))


def apply(plan: Plan) -> None:
    """Writes the new files, in order. Raises FileExistsError instead of overwriting one."""
    for copy in plan.new:
        copy.path.parent.mkdir(exist_ok=True)
        with copy.path.open("xb") as file:
            try:
                file.write(copy.text)
                file.flush()
            except OSError:
                copy.path.unlink()
                raise


def _migrations_folder(project: Path) -> Path:
    if any((project / name).is_file() for name in CONFIGS) and project.name == "supabase":
        raise ProjectError(f"use the folder above: {project.parent}")
    if not any((project / "supabase" / name).is_file() for name in CONFIGS):
        raise ProjectError(
            f"{project} has no supabase/config.toml; use the folder of a Supabase project, or run "
            "supabase init in it"
        )
    return project / "supabase/migrations"


def _copies(folder: Path, ours: Mapping[str, bytes]) -> dict[str, Copy]:
    """Returns the copies by migration, recognized by their mark, text or name."""
    by_text = {text: name for name, text in ours.items()}
    found: dict[str, Copy] = {}
    for path in sorted(folder.glob("*.sql")):
        text = path.read_bytes()
        name = _marked(text) or by_text.get(text) or (path.stem if path.stem in ours else None)
        if name is None:
            continue
        if name not in ours:
            raise ProjectError(
                f"{path.name} is {name}, which this release does not have; use the newer release"
            )
        if name in found:
            raise ProjectError(
                f"{name} is installed twice, as {found[name].path.name} and {path.name}; "
                "remove the one that was not pushed"
            )
        found[name] = Copy(name, path, text)
    return dict(sorted(found.items()))


def _clashes(folder: Path, copies: Set[Path]) -> Iterator[str]:
    tables = (fact.name for fact in catalogue.expected().values() if fact.kind == "table")
    names = "|".join(t.removeprefix("public.") for t in tables if t.startswith("public."))
    makes = re.compile(
        r"\bcreate\s+(?:schema\s+(?:if\s+not\s+exists\s+)?\"?private\b|"
        rf'table\s+(?:if\s+not\s+exists\s+)?(?:"?public"?\.)?"?(?:{names})\b(?!"?\.))"?',
        re.I,
    )
    for path in sorted(set(folder.glob("*.sql")) - copies):
        for found in makes.finditer(path.read_text(errors="replace")):
            yield f"{path.name}: {' '.join(found[0].split())}"


def _marked(text: bytes) -> str | None:
    first, _, _ = text.partition(b"\n")
    if not first.startswith(MARK.encode()):
        return None
    return first.decode(errors="replace").removeprefix(MARK).strip()


def _body(text: bytes) -> bytes:
    return text.partition(b"\n")[2] if _marked(text) else text


def _number_after(folder: Path) -> datetime:
    """Returns now, or a second after the newest number. Supabase orders them as text."""
    found = (re.match(r"([0-9]+)_.*\.sql$", path.name) for path in folder.glob("*.sql"))
    newest = max((match[1] for match in found if match), default="")
    now = datetime.now(UTC)
    if newest < f"{now:{STAMP}}":
        return now
    try:
        return datetime.strptime(f"{newest}+0000", f"{STAMP}%z") + timedelta(seconds=1)
    except ValueError:
        raise ProjectError(
            f"the project's newest migration has the number {newest}, which no time can follow; "
            "renumber it with a UTC time, such as 20260131123000"
        ) from None
