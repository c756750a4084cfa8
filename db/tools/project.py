"""The folder of a Supabase project, and the migrations of this schema among its own.

A copy is the text of a migration below a line that names it. Its number is the project's, after the
newest there; the schema version stands in the text, so it is the same whatever the number.
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
    """Why the folder is left alone, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A migration, and the file in the project that holds it or is to hold it."""

    migration: str
    path: Path
    text: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What an installation finds, and what it would write. Nothing that is there is touched."""

    installed: tuple[Copy, ...]
    edited: tuple[Copy, ...]
    """Those of `installed` whose text is no longer this release's."""
    new: tuple[Copy, ...]
    clashes: tuple[str, ...]
    """What the project's own migrations make under a name that the new ones need."""


def plan(project: Path, migrations: Path = migrate.MIGRATIONS) -> Plan:
    """What is to be copied into the project, numbered after its newest migration.

    Raises ProjectError when the folder is no project, or its copies do not go together.
    """
    folder = _migrations_folder(project)
    ours = {name: (migrations / f"{name}.sql").read_bytes() for name in migrate.names(migrations)}
    there = _copies(folder, ours)
    missing = [name for name in ours if name not in there]
    if there and missing and missing[0] < max(there):
        raise ProjectError(
            f"{max(there)} is there, but {missing[0]}, which comes before it, is not; "
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
    """Writes the new files, in order. Raises FileExistsError rather than to overwrite one."""
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
        raise ProjectError(f"name the folder above: {project.parent}")
    if not any((project / "supabase" / name).is_file() for name in CONFIGS):
        raise ProjectError(
            f"{project} has no supabase/config.toml; name the folder of a Supabase project, or run "
            "supabase init in it"
        )
    return project / "supabase/migrations"


def _copies(folder: Path, ours: Mapping[str, bytes]) -> dict[str, Copy]:
    """The copies in the folder, by migration: known by their mark, their text or their name."""
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
                f"{name} is there twice, as {found[name].path.name} and {path.name}; "
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
    """Now, or a second after the newest number there, as Supabase orders them: as text."""
    found = (re.match(r"([0-9]+)_.*\.sql$", path.name) for path in folder.glob("*.sql"))
    newest = max((match[1] for match in found if match), default="")
    now = datetime.now(UTC)
    if newest < f"{now:{STAMP}}":
        return now
    try:
        return datetime.strptime(f"{newest}+0000", f"{STAMP}%z") + timedelta(seconds=1)
    except ValueError:
        raise ProjectError(
            f"the project's newest migration has the number {newest}, which no time comes after; "
            "give it a UTC time for a number, such as 20260131123000"
        ) from None
