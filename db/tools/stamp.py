"""Writes the next migration from the declared functions and policies, and checks for drift.

``db/functions/**.sql`` (one function a file) and ``db/policies/*.sql`` (one table a file) are the
declared truth. A migration embeds the full text of every file that changed since it was last
stamped, between ``-- stamp: PATH`` and ``-- end stamp``; the rollback embeds the earlier text.
Forward files are copied to ``supabase/migrations``. No database is needed for any of this.

    python -m db.tools.stamp new NAME  stamp what changed into a new migration (--empty: DDL only)
    python -m db.tools.stamp again     stamp the newest migration anew, keeping what is by hand
                                       in it; for one that nobody else has applied yet
    python -m db.tools.stamp check        say what drifted and how to mend it

Exit code 0: done, nothing wrong. 1: nothing to stamp, or a problem was found.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlparse

ROOT = Path(__file__).resolve().parents[2]

# Functions owned by the job_ roles can be replaced only by a member of those roles,
# and a role needs CREATE on a schema to be given a function in it. Neither outlives a migration.
HANDOVER = """\
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
"""
HANDBACK = """\
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
"""
RELOAD = "notify pgrst, 'reload schema';"
VERSION = "comment on schema private is 'schema version {}';"

BEGIN_PART = "-- begin stamped part (python -m db.tools.stamp again rewrites it)"
END_PART = "-- end stamped part"
STAMP = "-- stamp: "
STAMP_DELETED = "-- stamp deleted: "
END_STAMP = "-- end stamp"
DEPENDS = "-- depends:"

ABOVE = "-- By hand, above the stamped part: what its functions and policies need."
BELOW = "-- By hand, below it: what needs its functions (triggers, defaults); drops of tables."
ABOVE_ROLLBACK = (
    "-- By hand, above the stamped part: what would keep its functions from being dropped."
)
BELOW_ROLLBACK = "-- By hand, below it: drops of what the migration made."

API_ROLES = ("public", "anon", "authenticated", "service_role")
WIDTH = 100
MIGRATION_NAME = re.compile(r"[0-9]{14}_[a-z0-9_]+(\.rollback)?\.sql")


class StampError(Exception):
    """A request that cannot be met; the text says why and what to do."""


@dataclass(frozen=True)
class Function:
    """What a function file says of itself."""

    name: str
    header: str  # name, arguments and return type, as far as `language`
    signature: str | None  # name(argument types), from its own `revoke all on function` line
    owner: str | None
    clauses: str  # from `language` to the body
    definitions: int
    has_comment: bool


# --- reading SQL: enough for the house rules, no more -----------------------------------------

_NOISE = re.compile(
    r"(?P<string>'(?:[^']|'')*')|(?P<body>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|--[^\n]*|/\*.*?\*/", re.S
)
_DEFINITION = re.compile(r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.I)
_HEADER = re.compile(
    r"\bcreate\s+or\s+replace\s+function\s+(?P<header>(?P<name>[\w.]+)\s*\(.*?)\s*"
    r"(?P<clauses>\blanguage\b.*?)\bas\s+\$",
    re.I | re.S,
)
_SIGNATURE = re.compile(
    r"\brevoke\s+all\s+on\s+function\s+(?P<signature>[\w.]+\s*\([^)]*\))\s*from\b", re.I
)
_ON_FUNCTION = re.compile(r"\b(?:on|alter)\s+function\s+([\w.]+)\s*\(", re.I)
_OWNER = re.compile(r"\balter\s+function\s[^;]*\bowner\s+to\s+(\w+)", re.I)
_POLICY = re.compile(r"\bcreate\s+policy\s+(?P<name>\w+)\s+on\s+(?P<table>[\w.]+)", re.I)
_TABLE = re.compile(
    r"\balter\s+table\s+([\w.]+)\s+(?:enable|force)\s+row\s+level\s+security|"
    r"\brevoke\s+all\s+on\s+table\s+([\w.]+)\s+from\b",
    re.I,
)
_GRANT = re.compile(r"\bgrant\s[^;]*?\son\s[^;]*?\sto\s+([^;]+);", re.I)
_REVOKE = re.compile(r"\brevoke\s+all\s+on\s[^;]*?\sfrom\s+([^;]+);", re.I)
_CONCURRENTLY = re.compile(
    r"\b(?:index|table|schema|database|system|view|partition\s+\S+)\s+concurrently\b", re.I
)


def outline(text: str) -> str:
    """The SQL without its comments and with empty function bodies."""
    return _NOISE.sub(lambda m: m[0] if m["string"] else "$$ $$" if m["body"] else " ", text)


def uncommented(text: str) -> str:
    """The SQL without the comments outside of function bodies."""
    return _NOISE.sub(lambda m: m[0] if m["string"] or m["body"] else " ", text)


def squeeze(text: str) -> str:
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(text.split()))


def read_function(text: str) -> Function:
    """Reads a function file; empty strings and None stand for what is not there."""
    sql = outline(text)
    head = _HEADER.search(sql)
    revoke = _SIGNATURE.search(sql)
    owner = _OWNER.search(sql)
    return Function(
        name=head["name"] if head else "",
        header=squeeze(head["header"]) if head else "",
        signature=squeeze(revoke["signature"]).replace(",", ", ") if revoke else None,
        owner=owner[1] if owner else None,
        clauses=squeeze(head["clauses"]) if head else "",
        definitions=len(_DEFINITION.findall(sql)),
        has_comment=bool(re.search(r"\bcomment\s+on\s+function\s", sql, re.I)),
    )


def policies_of(text: str) -> list[tuple[str, str]]:
    """(policy, table) for each policy that a policy file creates."""
    return [(m["name"], m["table"]) for m in _POLICY.finditer(outline(text))]


def table_of(text: str) -> str | None:
    """The table that a policy file is about."""
    found = _TABLE.search(outline(text))
    return (found[1] or found[2]) if found else None


def _roles(pattern: re.Pattern[str], text: str) -> list[str]:
    names = (name for m in pattern.finditer(outline(text)) for name in m[1].split(","))
    return list(dict.fromkeys(name.split()[0] for name in names if name.strip()))


def is_policy(path: str) -> bool:
    return path.startswith("db/policies/")


def _rank(path: str) -> tuple[int, str]:
    private = path.startswith("db/functions/private/")
    return (0 if private else 1 if is_policy(path) else 2, path)


# --- the declared files and the stamped ones ----------------------------------------------------


def declared_files(root: Path = ROOT) -> dict[str, str]:
    """Text of every function and policy file, by path from the root. Raises StampError."""
    files = [*root.glob("db/functions/**/*.sql"), *root.glob("db/policies/*.sql")]
    texts: dict[str, str] = {}
    for file in sorted(files):
        path = file.relative_to(root).as_posix()
        try:
            texts[path] = file.read_bytes().decode()
        except UnicodeDecodeError:
            raise StampError(f"{path}: save it as UTF-8") from None
    return texts


def migration_files(root: Path = ROOT) -> list[Path]:
    """The forward files, oldest first."""
    files = (root / "db/migrations").glob("*.sql")
    return sorted(f for f in files if not f.name.endswith(".rollback.sql"))


def rollback_file(forward: Path) -> Path:
    return forward.with_suffix(".rollback.sql")


def stamps(text: str) -> Iterator[tuple[str, str | None]]:
    """(path, text) of each stamped file in a migration, None for a deleted one.

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
    """The last stamped text of each file that is not deleted, over migrations in order."""
    last: dict[str, str] = {}
    for text in texts:
        for path, stamped in stamps(text):
            if stamped is None:
                last.pop(path, None)
            else:
                last[path] = stamped
    return last


# --- from one state of the declared files to another ----------------------------------------


def in_order(files: Mapping[str, str]) -> list[str]:
    """Private functions, policies, public functions; first what a policy or SQL function names.

    PL/pgSQL bodies bind when they run, so they need no order.
    """
    names = {path: read_function(text).name for path, text in files.items() if not is_policy(path)}
    order: dict[str, None] = {}

    def visit(path: str, waiting: tuple[str, ...] = ()) -> None:
        if path in order or path in waiting:
            return
        text = files[path]
        if is_policy(path) or re.search(r"\blanguage\s+sql\b", outline(text), re.I):
            code = uncommented(text)
            for other in sorted(names, key=_rank):
                if names[other] and re.search(rf"\b{re.escape(names[other])}\b", code):
                    visit(other, (*waiting, path))
        order[path] = None

    for path in sorted(files, key=_rank):
        visit(path)
    return list(order)


def must_drop(old: str, new: str) -> bool:
    """Whether `create or replace` cannot turn the old function into the new one."""
    before, after = read_function(old), read_function(new)
    return before.header != after.header or (before.owner is not None and after.owner is None)


def _drop_function(path: str, text: str) -> str:
    signature = read_function(text).signature
    if signature is None:
        raise StampError(f"{path}: add its 'revoke all on function NAME(TYPES) from …' line")
    return f"drop function {signature};\n"


def _revoke(target: str, roles: Iterable[str]) -> str:
    names = ", ".join(roles)
    return f"revoke all on {target} from {names};\n" if names else ""


def _revoke_left_over(path: str, old: str, new: str) -> str:
    """Takes back what the old text granted to roles that the new text does not revoke from."""
    left = [r for r in _roles(_GRANT, old) if r not in _roles(_REVOKE, new)]
    target = table_of(old) if is_policy(path) else read_function(old).signature
    return _revoke(("table " if is_policy(path) else "function ") + (target or ""), left)


def _removal(path: str, old: str) -> str:
    if not is_policy(path):
        return _drop_function(path, old)
    table = table_of(old)
    if table is None:
        raise StampError(f"{path}: add its 'alter table NAME enable row level security' line")
    roles = dict.fromkeys([*API_ROLES, *_roles(_GRANT, old)])
    return _drop_policies(old) + _revoke(f"table {table}", roles)


def _drop_policies(text: str) -> str:
    return "".join(f"drop policy if exists {n} on {t};\n" for n, t in policies_of(text))


def transition(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """The stamped part that turns the old state of the declared files into the new one.

    Empty when they are equal. A policy that names a function which must be dropped is dropped
    before it and stamped again after it.
    """
    changed = {path for path in {*old, *new} if old.get(path) != new.get(path)}
    dropped = {
        p for p in changed & {*old} & {*new} if not is_policy(p) and must_drop(old[p], new[p])
    }
    for function in dropped:
        name = re.compile(rf"\b{re.escape(read_function(old[function]).name)}\b")
        changed |= {p for p in old if is_policy(p) and name.search(uncommented(old[p]))}
    if not changed:
        return ""

    parts = [HANDOVER]
    gone = [_drop_policies(old[p]) for p in sorted(changed & {*old} & {*new}) if is_policy(p)]
    if any(gone):
        parts.append("".join(gone))
    for path in in_order({p: new[p] for p in changed if p in new}):
        before = ""
        if path in dropped:
            before = _drop_function(path, old[path])
        elif path in old:
            before = _revoke_left_over(path, old[path], new[path])
        parts.append(f"{before}{STAMP}{path}\n{new[path]}{END_STAMP}\n")
    for path in sorted(changed - {*new}, key=_rank, reverse=True):
        parts.append(f"{STAMP_DELETED}{path}\n{_removal(path, old[path])}{END_STAMP}\n")
    parts.append(HANDBACK)
    return "\n".join(parts)


def declared_sql(root: Path = ROOT) -> str:
    """All declared files in order, wrapped in the handover: applying it again changes nothing."""
    files = declared_files(root)
    return "\n".join([HANDOVER, *(files[p] for p in in_order(files)), HANDBACK])


# --- writing migrations -------------------------------------------------------------------------


def _part(body: str) -> str:
    return f"{BEGIN_PART}\n{body}{END_PART}\n"


def _split_part(path: Path) -> tuple[str, str]:
    """What stands by hand above and below the stamped part of a migration."""
    above, begin, rest = path.read_text().partition(f"{BEGIN_PART}\n")
    _, end, below = rest.partition(f"{END_PART}\n")
    if not begin or not end:
        raise StampError(f"{path.name}: the lines '{BEGIN_PART}' and '{END_PART}' are needed in it")
    return above, below


def _next_version(files: list[Path]) -> str:
    now = datetime.now(UTC)
    if files:
        try:
            newest = datetime.strptime(f"{files[-1].name[:14]}+0000", "%Y%m%d%H%M%S%z")
        except ValueError:
            raise StampError(f"{files[-1].name} has no UTC time for a number; rename it") from None
        now = max(now, newest + timedelta(seconds=1))
    return now.strftime("%Y%m%d%H%M%S")


def _check_stampable(files: Mapping[str, str]) -> None:
    for path, text in files.items():
        if problems := list(_shape_problems(path, text)):
            raise StampError("\n".join(problems))


def _summary(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    def kind(path: str) -> str:
        return "new" if path not in old else "deleted" if path not in new else "changed"

    return [
        f"{kind(path):8}{path}"
        for path in sorted({*old, *new}, key=_rank)
        if old.get(path) != new.get(path)
    ]


def new(name: str, *, root: Path = ROOT, empty: bool = False) -> tuple[Path, list[str]]:
    """Stamps what changed into a new migration, its rollback and the mirror.

    Returns the forward file and a line for each stamped file. Raises StampError when nothing
    changed and `empty` (a migration written by hand) was not asked for.
    """
    snake = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not snake:
        raise StampError(f"{name!r} is no name for a migration: use words, as in add_cancel")
    earlier = migration_files(root)
    old = stamped_files(f.read_text() for f in earlier)
    files = declared_files(root)
    _check_stampable(files)
    if old == files and not empty:
        raise StampError("nothing changed since the last migration (--empty for one by hand)")

    version = _next_version(earlier)
    depends = f"{DEPENDS} {earlier[-1].stem}\n" if earlier else ""
    forward = root / "db/migrations" / f"{version}_{snake}.sql"
    forward_text = (
        f"-- {snake}\n{depends}\n{ABOVE}\n\n{_part(transition(old, files))}\n{BELOW}\n\n"
        f"{RELOAD}\n{VERSION.format(version)}\n"
    )
    before = f"{VERSION.format(earlier[-1].name[:14])}\n" if earlier else ""
    rollback_text = (
        f"-- {snake}, undone\n\n{ABOVE_ROLLBACK}\n\n{_part(transition(files, old))}\n"
        f"{BELOW_ROLLBACK}\n\n{RELOAD}\n{before}"
    )
    forward.parent.mkdir(parents=True, exist_ok=True)
    forward.write_text(forward_text)
    rollback_file(forward).write_text(rollback_text)
    _seal(root, forward)
    mirror(root)
    return forward, _summary(old, files)


def again(*, root: Path = ROOT) -> tuple[Path, list[str]]:
    """Stamps the newest migration anew; what stands outside its stamped part is kept.

    Only for a migration that nobody else has applied: its checksum is taken anew as well.
    Returns what `new` returns.
    """
    files = declared_files(root)
    _check_stampable(files)
    if not (migrations := migration_files(root)):
        raise StampError("there is no migration yet: run: make migration name=…")
    *earlier, newest = migrations
    above, below = _split_part(newest)
    old = stamped_files([*(f.read_text() for f in earlier), above, below])
    newest.write_text(above + _part(transition(old, files)) + below)
    above, below = _split_part(rollback_file(newest))
    rollback_file(newest).write_text(above + _part(transition(files, old)) + below)
    _seal(root, newest)
    mirror(root)
    return newest, _summary(old, files)


def mirror(root: Path = ROOT) -> None:
    """Makes supabase/migrations a byte copy of the forward files."""
    folder = root / "supabase/migrations"
    folder.mkdir(parents=True, exist_ok=True)
    forward = migration_files(root)
    for stray in set(_mirrored(root)) - {f.name for f in forward}:
        (folder / stray).unlink()
    for file in forward:
        (folder / file.name).write_bytes(file.read_bytes())


def _mirrored(root: Path) -> list[str]:
    files = (root / "supabase/migrations").glob("[!.]*")
    return sorted(f.name for f in files)


# CHECKSUMS (as of `sha256sum`) notices an edit of a migration that was already written down. Of a
# rollback no database keeps anything before it runs: one that does harm is mended in its place.


def _checksums(root: Path) -> dict[str, str]:
    file = root / "db/migrations/CHECKSUMS"
    lines = file.read_text().splitlines() if file.exists() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _seal(root: Path, forward: Path) -> None:
    sums = _checksums(root)
    sums |= {file.name: _digest(file) for file in (forward, rollback_file(forward))}
    kept = sorted(n for n in sums if (root / "db/migrations" / n).exists())
    text = "".join(f"{sums[name]}  {name}\n" for name in kept)
    (root / "db/migrations/CHECKSUMS").write_text(text)


# --- checks -----------------------------------------------------------------------------------


def _shape_problems(path: str, text: str) -> Iterator[str]:
    """What a stamp could not carry or read back."""
    if not text.endswith("\n") or text.endswith("\n\n") or "\r" in text:
        yield f"{path}: end it with one newline, without carriage returns"
    if any(line.startswith((STAMP, STAMP_DELETED, END_STAMP)) for line in text.splitlines()):
        yield f"{path}: a line begins like a stamp marker; reword it"


def _width_problems(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            yield f"{path}:{number}: {len(line)} characters; wrap the line at {WIDTH}"


def _function_problems(files: Mapping[str, str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for path, text in files.items():
        if is_policy(path):
            if table_of(text) is None:
                yield f"{path}: add 'alter table NAME enable row level security'"
            continue
        function = read_function(text)
        schema = "private" if path.startswith("db/functions/private/") else "public"
        if function.definitions != 1 or not function.name:
            yield (
                f"{path}: hold exactly one 'create or replace function' here, with its clauses "
                "in the order language, volatility, security, search_path, body ('as $$')"
            )
            continue
        if function.name != f"{schema}.{Path(path).stem}":
            yield f"{path}: defines {function.name}; name file and function alike, in {schema}"
        others = [n for n in _ON_FUNCTION.findall(outline(text)) if n != function.name]
        if others:
            yield f"{path}: its comment, owner or grants name {others[0]}; one function a file"
        if function.name in seen:
            yield f"{path}: {function.name} is also in {seen[function.name]}; no overloads"
        seen[function.name] = path
        if function.signature is None or not function.signature.startswith(f"{function.name}("):
            yield f"{path}: add 'revoke all on function {function.name}(TYPES) from …'"
        missing = [r for r in API_ROLES if r not in _roles(_REVOKE, text)]
        if function.signature and missing:
            yield f"{path}: revoke from {', '.join(missing)} as well"
        if not function.has_comment:
            yield f"{path}: add 'comment on function'"
        for clause, pattern in (
            ("volatility (immutable, stable or volatile)", r"\b(immutable|stable|volatile)\b"),
            ("security (invoker or definer)", r"\bsecurity (invoker|definer)\b"),
            ("search_path", r"\bset search_path ?= ?pg_catalog,pg_temp\b"),
        ):
            if not re.search(pattern, function.clauses, re.I):
                yield f"{path}: write its {clause}"


def _drift_problems(files: Mapping[str, str], forward: list[Path]) -> Iterator[str]:
    try:
        stamped = stamped_files(f.read_text() for f in forward)
    except StampError as error:
        yield f"db/migrations: {error}; restore the file from git"
        return
    for line in _summary(stamped, files):
        kind, path = line.split()
        yield f"{path}: {kind} since the last migration; run: make migration name=…"


def _mirror_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    remedy = "run: python -m db.tools.stamp mirror"
    mirrored = _mirrored(root)
    for file in forward:
        copy = root / "supabase/migrations" / file.name
        if file.name not in mirrored:
            yield f"supabase/migrations/{file.name}: missing; {remedy}"
        elif copy.read_bytes() != file.read_bytes():
            yield f"supabase/migrations/{file.name}: not a copy of db/migrations; {remedy}"
    for name in sorted(set(mirrored) - {f.name for f in forward}):
        yield f"supabase/migrations/{name}: not in db/migrations; {remedy}"


def _statements(text: str) -> list[str]:
    bare = re.sub(r"'(?:[^']|'')*'", "''", outline(text))
    return [s.strip() for s in bare.split(";") if s.strip()]


def _chain_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    for stray in sorted((root / "db/migrations").glob("[!.]*")):
        where = f"db/migrations/{stray.name}"
        if stray.name == "CHECKSUMS":
            continue
        if not MIGRATION_NAME.fullmatch(stray.name):
            yield f"{where}: name it <14 digits>_<snake>.sql, as python -m db.tools.stamp new does"
        elif not stray.with_name(stray.name.replace(".rollback", "")).exists():
            yield f"{where}: has no forward file; remove it"
    previous: Path | None = None
    for file in forward:
        where = f"db/migrations/{file.name}"
        text, digits = file.read_text(), file.name[:14]
        head = itertools.takewhile(lambda line: line[:2] in ("--", ""), text.splitlines())
        depends = [line.split(":", 1)[1].split() for line in head if line.startswith(DEPENDS)]
        if depends != ([[previous.stem]] if previous else []):
            wanted = f"'{DEPENDS} {previous.stem}'" if previous else f"no '{DEPENDS}' line"
            yield f"{where}: the chain is broken; it needs {wanted}"
        if previous and digits <= previous.name[:14]:
            yield f"{where}: its number is not above that of {previous.name}; number it anew"
        if not text.rstrip().endswith("\n" + VERSION.format(digits)):
            yield f"{where}: end it with: {VERSION.format(digits)}"
        yield from _rollback_problems(file, previous)
        for part in (file, rollback_file(file)):
            if part.exists():
                yield from _text_problems(f"db/migrations/{part.name}", part.read_text())
        previous = file


def _rollback_problems(forward: Path, previous: Path | None) -> Iterator[str]:
    rollback = rollback_file(forward)
    where = f"db/migrations/{rollback.name}"
    if not rollback.exists():
        yield f"{where}: missing; write it, or a rollback forgets {forward.name} and undoes nothing"
        return
    text = rollback.read_text()
    idle = re.compile(r"notify pgrst|comment on schema private", re.I)
    if not [s for s in _statements(text) if not idle.match(s)]:
        yield f"{where}: undoes nothing; write what takes {forward.name} back"
    if previous and not text.rstrip().endswith("\n" + VERSION.format(previous.name[:14])):
        yield f"{where}: end it with: {VERSION.format(previous.name[:14])}"


def _text_problems(where: str, text: str) -> Iterator[str]:
    if _CONCURRENTLY.search(outline(text)):
        yield f"{where}: 'concurrently' cannot run in Supabase's one transaction a file; drop it"
    split = [s for s in sqlparse.split(text) if _statements(s)]
    if len(split) != len(_statements(text)):
        yield (
            f"{where}: yoyo would cut it into {len(split)} statements, Postgres into "
            f"{len(_statements(text))}; quote identifiers that are keywords, close what is open"
        )


def _checksum_problems(root: Path, forward: list[Path]) -> Iterator[str]:
    sums = _checksums(root)
    there = {f.name: f for f in (root / "db/migrations").glob("*.sql")}
    for name in sorted({*sums, *there}):
        where = f"db/migrations/{name}"
        if name not in there:
            yield f"{where}: listed in CHECKSUMS but gone; restore it from git"
        elif name not in sums:
            yield f"{where}: not in CHECKSUMS; write migrations by python -m db.tools.stamp new"
        elif _digest(there[name]) != sums[name]:
            remedy = "restore it and write a new one"
            if name in (forward[-1].name, rollback_file(forward[-1]).name):
                remedy += " (not applied elsewhere yet? then run: python -m db.tools.stamp again)"
            elif name.endswith(".rollback.sql"):
                remedy += " (it did harm? then mend it, and write its sha256sum into CHECKSUMS)"
            yield f"{where}: edited after it was written down; {remedy}"


def check(root: Path = ROOT) -> list[str]:
    """Every problem with declared files, migrations and mirror, each with its remedy."""
    files, forward = declared_files(root), migration_files(root)
    return [
        *(p for path, text in files.items() for p in _shape_problems(path, text)),
        *(p for path, text in files.items() for p in _width_problems(path, text)),
        *_function_problems(files),
        *_drift_problems(files, forward),
        *_chain_problems(root, forward),
        *_checksum_problems(root, forward),
        *_mirror_problems(root, forward),
    ]


# --- command line -----------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m db.tools.stamp",
        description="Write the next migration from what changed in db/; check for drift.",
        epilog="exit code 0: done, nothing wrong; 1: nothing to stamp, or a problem was found",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("new", help="stamp what changed into a new migration")
    command.add_argument("name", help="what it does, as in add_cancel")
    command.add_argument(
        "--empty", action="store_true", help="even if nothing changed: DDL by hand"
    )
    commands.add_parser("again", help="stamp the newest, not yet shared migration anew")
    commands.add_parser("mirror", help="copy forward files to supabase/migrations")
    commands.add_parser("check", help="say what drifted and how to mend it")
    for each in commands.choices.values():
        each.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except StampError as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    root: Path = options.root
    if options.command == "check":
        problems = check(root)
        for problem in problems:
            print(problem, file=sys.stderr)
        return 1 if problems else 0
    if options.command == "mirror":
        mirror(root)
        return 0
    made = (
        new(options.name, root=root, empty=options.empty)
        if options.command == "new"
        else (again(root=root))
    )
    print(made[0].relative_to(root).as_posix())
    for line in made[1]:
        print(f"  {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
