"""Checks the declared files, the migrations and their copies. Needs no database."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlparse

from db.tools import versions
from db.tools.stamp.files import (
    DEPENDS,
    MIGRATION_NAME,
    ROOT,
    StampError,
    checksums,
    declared_code,
    declared_files,
    migration_files,
    mirrored,
    rollback_file,
    sha256,
    stamped_files,
    unreleased,
)
from db.tools.stamp.rules import function_problems, shape_problems, width_problems
from db.tools.stamp.sql import CONCURRENTLY, outline
from db.tools.stamp.write import (
    VERSION_FILE,
    summary,
    version_file,
    with_lock_timeout,
    with_previous_text,
)
from db.tools.versions import SchemaVersion

BUILDS = "-- builds indexes on"
STAMP_IT = "run: make migration"


def check(root: Path = ROOT) -> list[str]:
    """Yields each problem of declared files, migrations, mirror and version, with its remedy."""
    files, forward = declared_files(root), migration_files(root)
    return [
        *(p for path, text in files.items() for p in shape_problems(path, text)),
        *(p for path, text in files.items() for p in width_problems(path, text)),
        *function_problems(files),
        *_drift_problems(root, declared_code(root), forward),
        *_chain_problems(root, forward),
        *_released_problems(root, forward),
        *_last_line_problems(root, forward),
        *_mirror_problems(root, forward),
        *_version_problems(root, forward),
    ]


def _drift_problems(root: Path, files: Mapping[str, str], forward: list[Path]) -> Iterator[str]:
    try:
        stamped = stamped_files(f.read_text(encoding="utf-8") for f in forward)
    except StampError as error:
        yield f"db/migrations: {error}; restore the file from git"
        return
    remedy = STAMP_IT if unreleased(root) else f"{STAMP_IT} name=what_it_does"
    for line in summary(stamped, files):
        kind, path = line.split()
        yield f"{path}: {kind} since it was stamped; {remedy}"


def _chain_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    for stray in sorted((root / "db/migrations").glob("[!.]*")):
        where = f"db/migrations/{stray.name}"
        if stray.name == "CHECKSUMS":
            continue
        if not MIGRATION_NAME.fullmatch(stray.name):
            yield f"{where}: name it <14 digits>_<snake>.sql, as make migration does"
        elif not stray.with_name(stray.name.replace(".rollback", "")).exists():
            yield f"{where}: has no forward file; remove it"
    previous: Path | None = None
    for file in forward:
        where = f"db/migrations/{file.name}"
        text, digits = file.read_text(encoding="utf-8"), file.name[:14]
        head = itertools.takewhile(lambda line: line[:2] in ("--", ""), text.splitlines())
        depends = [line.split(":", 1)[1].split() for line in head if line.startswith(DEPENDS)]
        if depends != ([[previous.stem]] if previous else []):
            wanted = f"'{DEPENDS} {previous.stem}'" if previous else f"no '{DEPENDS}' line"
            yield f"{where}: the chain is broken; it needs {wanted}"
        if previous and digits <= previous.name[:14]:
            yield f"{where}: its number must be above that of {previous.name}; renumber it"
        yield from _rollback_problems(file)
        yield from _index_problems(where, text)
        for part in (file, rollback_file(file)):
            if part.exists():
                yield from _text_problems(
                    f"db/migrations/{part.name}", part.read_text(encoding="utf-8")
                )
        previous = file


def _rollback_problems(forward: Path) -> Iterator[str]:
    rollback = rollback_file(forward)
    where = f"db/migrations/{rollback.name}"
    if not rollback.exists():
        yield f"{where}: missing; write it, or rolling back {forward.name} undoes nothing"
        return
    idle = re.compile(r"notify pgrst|(comment|grant usage) on schema private", re.I)
    if not [s for s in _statements(rollback.read_text(encoding="utf-8")) if not idle.match(s)]:
        yield f"{where}: undoes nothing; write what undoes {forward.name}"


def _index_problems(where: str, text: str) -> Iterator[str]:
    """Checks that index builds are announced.

    Building an index on a table with rows blocks writers. The operator must know that, and can
    build the index by hand first.
    """
    bare = outline(text)
    made = set(re.findall(r"\bcreate (?:unlogged )?table (?:if not exists )?([\w.]+)", bare, re.I))
    built = re.findall(r"\bcreate (?:unique )?index (.*?)\son ([\w.]+)", bare, re.I | re.S)
    tables = sorted({table for _, table in built if table not in made})
    if not tables:
        return
    first = f"{BUILDS} {', '.join(tables)}"
    if text.partition("\n")[0] != first:
        yield f"{where}: begin it with '{first}'"
    for name, table in built:
        if table in tables and not name.lower().startswith("if not exists "):
            yield f"{where}: write 'create index if not exists {name}': it may already be built"


def _statements(text: str) -> list[str]:
    bare = re.sub(r"'(?:[^']|'')*'", "''", outline(text))
    return [s.strip() for s in bare.split(";") if s.strip()]


def _text_problems(where: str, text: str) -> Iterator[str]:
    if CONCURRENTLY.search(outline(text)):
        yield f"{where}: 'concurrently' cannot run in a transaction, as on Supabase; remove it"
    split = [s for s in sqlparse.split(text) if _statements(s)]
    if len(split) != len(_statements(text)):
        yield (
            f"{where}: yoyo would split it into {len(split)} statements, Postgres into "
            f"{len(_statements(text))}; quote identifiers that are keywords, close what is open"
        )


def _released_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    sums = checksums(root)
    there = {f.name: f for f in (root / "db/migrations").glob("*.sql")}
    for name in sorted(sums):
        where = f"db/migrations/{name}"
        if name not in there:
            yield f"{where}: listed in CHECKSUMS but missing; restore it from git"
        elif sha256(there[name]) != sums[name]:
            remedy = (
                "restore it from git, make the change in db/functions or db/policies, and run: "
                "make migration name=what_it_does (EMPTY=1 for DDL by hand)"
            )
            if name.endswith(".rollback.sql"):
                remedy += "; or, if it is harmful, write its new sha256sum to CHECKSUMS"
            yield f"{where}: edited after its release; {remedy}"
    newest = max((name for name in sums if name in there), default="")
    for file in forward:
        if file.name not in sums and file.name < newest:
            yield f"db/migrations/{file.name}: comes before a released one; renumber it"


def _last_line_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    """Checks unreleased files. Released ones are checked by their sum."""
    open_files = unreleased(root)
    previous: SchemaVersion | None = None
    numbers: list[str] = []
    for file in forward:
        body, said = versions.split(file.read_text(encoding="utf-8"))
        numbers.append(file.name[:14])
        where = f"db/migrations/{file.name}"
        if file in open_files:
            serves = said.serves if said else ""
            wanted = SchemaVersion(numbers[-1], versions.digest(body), serves)
            if said != wanted or body != with_lock_timeout(with_previous_text(body, previous)):
                yield f"{where}: edited since its last line was written; {STAMP_IT}"
            elif serves not in numbers or (previous and serves < previous.serves):
                yield f"{where}: serves {serves}, which the previous one does not serve"
            if (back := rollback_file(file)).exists():
                _, restored = versions.split(back.read_text(encoding="utf-8"))
                if restored != previous:
                    yield f"db/migrations/{back.name}: leaves a different version; {STAMP_IT}"
        previous = said


def _mirror_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    there = mirrored(root)
    for file in forward:
        copy = root / "supabase/migrations" / file.name
        if file.name not in there:
            yield f"supabase/migrations/{file.name}: missing; {STAMP_IT}"
        elif copy.read_bytes() != file.read_bytes():
            yield f"supabase/migrations/{file.name}: not a copy of db/migrations; {STAMP_IT}"
    for name in sorted(set(there) - {f.name for f in forward}):
        yield f"supabase/migrations/{name}: not in db/migrations; {STAMP_IT}"


def _version_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    file = version_file(root)
    wanted = VERSION_FILE.format(forward[-1].name[:14]) if forward else None
    if wanted and (not file.exists() or file.read_text(encoding="utf-8") != wanted):
        yield f"db/version.py: not the version of the newest migration; {STAMP_IT}"
