"""Parses the SQL of declared files, as far as the rules need it."""

from __future__ import annotations

import re
from dataclasses import dataclass

API_ROLES = ("public", "anon", "authenticated", "service_role")


@dataclass(frozen=True)
class Function:
    """The parts of a function file."""

    name: str
    header: str  # name, arguments and return type, up to `language`
    signature: str | None  # name(argument types), from its own `revoke all on function` line
    owner: str | None
    clauses: str  # from `language` to the body
    definitions: int
    has_comment: bool


NOISE = re.compile(
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
ON_FUNCTION = re.compile(r"\b(?:on|alter)\s+function\s+([\w.]+)\s*\(", re.I)
_OWNER = re.compile(r"\balter\s+function\s[^;]*\bowner\s+to\s+(\w+)", re.I)
_POLICY = re.compile(r"\bcreate\s+policy\s+(?P<name>\w+)\s+on\s+(?P<table>[\w.]+)", re.I)
_TABLE = re.compile(
    r"\balter\s+table\s+([\w.]+)\s+(?:enable|force)\s+row\s+level\s+security|"
    r"\brevoke\s+all\s+on\s+table\s+([\w.]+)\s+from\b",
    re.I,
)
GRANT = re.compile(r"\bgrant\s[^;]*?\son\s[^;]*?\sto\s+([^;]+);", re.I)
REVOKE = re.compile(r"\brevoke\s+all\s+on\s[^;]*?\sfrom\s+([^;]+);", re.I)
CONCURRENTLY = re.compile(
    r"\b(?:index|table|schema|database|system|view|partition\s+\S+)\s+concurrently\b", re.I
)


def outline(text: str) -> str:
    """Returns the SQL without comments and with empty function bodies."""
    return NOISE.sub(lambda m: m[0] if m["string"] else "$$ $$" if m["body"] else " ", text)


def uncommented(text: str) -> str:
    """Returns the SQL without the comments outside function bodies."""
    return NOISE.sub(lambda m: m[0] if m["string"] or m["body"] else " ", text)


def squeeze(text: str) -> str:
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(text.split()))


def read_function(text: str) -> Function:
    """Parses a function file. Missing parts are empty strings or None."""
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
    """Returns (policy, table) for each policy that a policy file creates."""
    return [(m["name"], m["table"]) for m in _POLICY.finditer(outline(text))]


def table_of(text: str) -> str | None:
    """Returns the table of a policy file."""
    found = _TABLE.search(outline(text))
    return (found[1] or found[2]) if found else None


def roles(pattern: re.Pattern[str], text: str) -> list[str]:
    names = (name for m in pattern.finditer(outline(text)) for name in m[1].split(","))
    return list(dict.fromkeys(name.split()[0] for name in names if name.strip()))


def is_policy(path: str) -> bool:
    return path.startswith("db/policies/")


def rank(path: str) -> tuple[int, str]:
    private = path.startswith("db/functions/private/")
    return (0 if private else 1 if is_policy(path) else 2, path)
