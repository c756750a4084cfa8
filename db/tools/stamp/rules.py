"""The style rules of declared files. Each violation has a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from db.tools.stamp.files import END_STAMP, STAMP, STAMP_DELETED
from db.tools.stamp.sql import (
    API_ROLES,
    GRANT,
    ON_FUNCTION,
    REVOKE,
    Function,
    is_policy,
    outline,
    read_function,
    roles,
    table_of,
)

WIDTH = 100
_CALLERS = re.compile(r"^-- Callers: (\w+(?:, \w+)*)[.:]", re.MULTILINE)


def shape_problems(path: str, text: str) -> Iterator[str]:
    """Yields text that a stamp could not contain or read back."""
    if not text.endswith("\n") or text.endswith("\n\n") or "\r" in text:
        yield f"{path}: end it with one newline, without carriage returns"
    if any(line.startswith((STAMP, STAMP_DELETED, END_STAMP)) for line in text.splitlines()):
        yield f"{path}: a line starts like a stamp marker; reword it"


def width_problems(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            yield f"{path}:{number}: {len(line)} characters; wrap the line at {WIDTH}"


def function_problems(files: Mapping[str, str]) -> Iterator[str]:
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
            yield f"{path}: defines {function.name}; name the file after the function, in {schema}"
        others = [n for n in ON_FUNCTION.findall(outline(text)) if n != function.name]
        if others:
            yield f"{path}: its comment, owner or grants name {others[0]}; one function per file"
        if function.name in seen:
            yield f"{path}: {function.name} is also in {seen[function.name]}; no overloads"
        seen[function.name] = path
        if function.signature is None or not function.signature.startswith(f"{function.name}("):
            yield f"{path}: add 'revoke all on function {function.name}(TYPES) from …'"
        if not function.has_comment:
            yield f"{path}: add 'comment on function'"
        yield from _grant_problems(path, text, function)
        for clause, pattern in (
            ("volatility (immutable, stable or volatile)", r"\b(immutable|stable|volatile)\b"),
            ("security (invoker or definer)", r"\bsecurity (invoker|definer)\b"),
            ("search_path", r"\bset search_path ?= ?pg_catalog,pg_temp\b"),
        ):
            if not re.search(pattern, function.clauses, re.I):
                yield f"{path}: write its {clause}"


def _grant_problems(path: str, text: str, function: Function) -> Iterator[str]:
    missing = [r for r in API_ROLES if r not in roles(REVOKE, text)]
    if function.signature and missing:
        yield f"{path}: revoke from {', '.join(missing)} as well"
    granted = sorted(roles(GRANT, text)) or ["none"]
    callers = _CALLERS.search(text)
    if sorted(callers[1].split(", ") if callers else []) != granted:
        yield f"{path}: state who may execute it: '-- Callers: {', '.join(granted)}.'"
