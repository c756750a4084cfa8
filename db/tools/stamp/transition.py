"""Generates the SQL that turns one state of the declared files into another, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from db.tools.stamp.files import (
    END_STAMP,
    ROOT,
    STAMP,
    STAMP_DELETED,
    StampError,
    declared_files,
)
from db.tools.stamp.sql import (
    API_ROLES,
    GRANT,
    REVOKE,
    is_policy,
    outline,
    policies_of,
    rank,
    read_function,
    roles,
    table_of,
    uncommented,
)

# Only a member of the job_ roles can replace their functions, and a role needs CREATE on a schema
# to own a function in it. A migration revokes both at its end.
HANDOVER = """\
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;
"""
HANDBACK = """\
revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
"""


def in_order(files: Mapping[str, str]) -> list[str]:
    """Sorts private functions, policies, public functions, with dependencies first.

    PL/pgSQL bodies are bound when they run, so their order does not matter.
    """
    names = {path: read_function(text).name for path, text in files.items() if not is_policy(path)}
    order: dict[str, None] = {}

    def visit(path: str, waiting: tuple[str, ...] = ()) -> None:
        if path in order or path in waiting:
            return
        text = files[path]
        if is_policy(path) or re.search(r"\blanguage\s+sql\b", outline(text), re.I):
            code = uncommented(text)
            for other in sorted(names, key=rank):
                if names[other] and re.search(rf"\b{re.escape(names[other])}\b", code):
                    visit(other, (*waiting, path))
        order[path] = None

    for path in sorted(files, key=rank):
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


def _revoke(target: str, grantees: Iterable[str]) -> str:
    names = ", ".join(grantees)
    return f"revoke all on {target} from {names};\n" if names else ""


def _revoke_left_over(path: str, old: str, new: str) -> str:
    """Revokes what the old text granted to roles that the new text does not revoke from."""
    left = [r for r in roles(GRANT, old) if r not in roles(REVOKE, new)]
    target = table_of(old) if is_policy(path) else read_function(old).signature
    return _revoke(("table " if is_policy(path) else "function ") + (target or ""), left)


def _removal(path: str, old: str) -> str:
    if not is_policy(path):
        return _drop_function(path, old)
    table = table_of(old)
    if table is None:
        raise StampError(f"{path}: add its 'alter table NAME enable row level security' line")
    grantees = dict.fromkeys([*API_ROLES, *roles(GRANT, old)])
    return _drop_policies(old) + _revoke(f"table {table}", grantees)


def _drop_policies(text: str) -> str:
    return "".join(f"drop policy if exists {n} on {t};\n" for n, t in policies_of(text))


def transition(old: Mapping[str, str], new: Mapping[str, str], *, back: bool = False) -> str:
    """Returns the stamped part that turns the old state of the declared files into the new one.

    It is empty if they are equal. A policy that uses a function which must be dropped is dropped
    before it and stamped again after it. `back`: for a rollback, in which a removed file needs no
    marker, because stamps are not read from rollbacks.
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
    for path in sorted(changed - {*new}, key=rank, reverse=True):
        removal = _removal(path, old[path])
        parts.append(removal if back else f"{STAMP_DELETED}{path}\n{removal}{END_STAMP}\n")
    parts.append(HANDBACK)
    return "".join(parts)


def declared_sql(root: Path = ROOT) -> str:
    """Returns all declared files in order, in a form that can be applied repeatedly."""
    files = declared_files(root)
    return "\n".join([HANDOVER, *(files[p] for p in in_order(files)), HANDBACK])
