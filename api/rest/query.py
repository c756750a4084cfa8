"""The query string of /rest/v1/rpc/{function}, as PostgREST reads it.

In a GET, a parameter is an argument of the function, unless its value begins with an operator
(`status=eq.pending`): then it filters the rows. In a POST, all parameters but the reserved ones are
filters. PostgREST's other features (or, and, casts, JSON paths, embedding) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from api.rest.errors import RestError

Column = tuple[str, str | None]
"""The column name or *, and its alias."""
Filter = tuple[str, bool, str, str | list[str]]
"""The column, whether the filter is negated, the operator and the value."""
Order = tuple[str, bool, bool | None]
"""The column, whether it is descending, and whether nulls come first (None: the default)."""

OPERATORS: Final = frozenset(
    {"eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is"}
    | {"cs", "cd", "ov"}
)
# These also make a parameter a filter, which is then refused.
_OTHER_OPERATORS: Final = frozenset(
    {"isdistinct", "fts", "plfts", "phfts", "wfts", "sl", "sr", "nxr", "nxl", "adj"}
)
_RESERVED: Final = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_LOGIC: Final = frozenset({"and", "or", "not.and", "not.or"})
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$ -]*")
_OPERATOR: Final = re.compile(r"(?:not\.)?(?P<name>[a-z]+)(?P<more>\([^)]*\))?\.")
_QUOTED_OR_PLAIN: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,"()]*)')
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_MOST_VALUES: Final = 1_000
"""Of one in.(…)."""
_MOST_COLUMNS: Final = 100
"""The maximum number of columns in select and in order."""


@dataclass(frozen=True, slots=True)
class RestQuery:
    """A parsed query string."""

    arguments: dict[str, str] = field(default_factory=dict)
    """The arguments in a GET. The last one of a duplicate name counts."""
    select: list[Column] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0


def rest_query(parameters: Iterable[tuple[str, str]], *, reads_arguments: bool) -> RestQuery:
    """Parses these pairs. Raises RestError 400 PGRST100 or 416 PGRST103."""
    last: dict[str, str] = {}
    arguments: dict[str, str] = {}
    filters: list[Filter] = []
    for name, value in parameters:
        if name in _RESERVED:
            last[name] = value
        elif name in _LOGIC:
            raise _unreadable(f"logic tree ({value})", 1, f"{name} is not supported by this server")
        elif reads_arguments and not _is_filter(value):
            arguments[name] = value
        else:
            filters.append(_filter(name, value))
    return RestQuery(
        arguments,
        _select(last["select"]) if last.get("select") else [],
        filters,
        _order(last["order"]) if "order" in last else [],
        _number("limit", last["limit"]) if "limit" in last else None,
        _number("offset", last["offset"]) if "offset" in last else 0,
    )


def as_query(query: RestQuery) -> dict[str, Any]:
    """Returns p_query for api_call_function, without the values from headers."""
    return {
        "select": query.select,
        "filters": query.filters,
        "order": query.order,
        "limit": query.limit,
        "offset": query.offset,
    }


def _is_filter(value: str) -> bool:
    if value.startswith("not."):
        return True
    match = _OPERATOR.match(value)
    return match is not None and match["name"] in OPERATORS | _OTHER_OPERATORS


def _filter(column: str, text: str) -> Filter:
    negated = text.startswith("not.")
    match = _OPERATOR.match(text)
    place = 5 if negated else 1
    if not match or match["name"] not in OPERATORS | _OTHER_OPERATORS:
        wanted = "operator (eq, gt, ...)" if negated else '"not" or operator (eq, gt, ...)'
        raise _unreadable(f"filter ({text})", place, _unexpected(text[place - 1 :], wanted))
    operator = match["name"]
    if operator not in OPERATORS or match["more"]:
        raise _unreadable(
            f"filter ({text})", place, f"this server supports only: {', '.join(sorted(OPERATORS))}"
        )
    if "\0" in text:
        raise _unreadable(f"filter ({text})", text.index("\0") + 1, "no row contains a NUL")
    if not _COLUMN.fullmatch(column):
        raise _unreadable(f"filter ({column})", 1, "this server filters plain columns only")
    value, start = text[match.end() :], match.end() + 1
    if operator == "in":
        return column, negated, operator, _list(text, value, start)
    if operator == "is":
        if value.lower() not in {"null", "true", "false", "unknown"}:
            wanted = "null or trilean value (unknown, true, false)"
            raise _unreadable(f"filter ({text})", start, _unexpected(value, wanted))
        value = value.lower()
    if operator in {"like", "ilike"}:
        value = value.replace("*", "%")
    return column, negated, operator, value


def _list(text: str, value: str, start: int) -> list[str]:
    """Returns the values of in.(a,"b,c")."""
    if not value.startswith("("):
        raise _unreadable(f"filter ({text})", start, _unexpected(value, '"("'))
    items: list[str] = []
    place = 1
    if value == "()":
        return items
    while match := _QUOTED_OR_PLAIN.match(value, place):
        quoted, plain = match.groups()
        items.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        place = match.end()
        if len(items) > _MOST_VALUES:
            detail = f"this server supports at most {_MOST_VALUES} values"
            raise _unreadable("filter", start + place, detail)
        if value[place : place + 2] == ")":
            return items
        if value[place : place + 1] != ",":
            break
        place += 1
    raise _unreadable(f"filter ({text})", start + place, _unexpected(value[place:], '"," or ")"'))


def _check_columns(what: str, text: str) -> None:
    if text.count(",") >= _MOST_COLUMNS:
        raise _unreadable(what, 1, f"this server supports at most {_MOST_COLUMNS} columns")


def _select(text: str) -> list[Column]:
    _check_columns("select parameter", text)
    columns: list[Column] = []
    for item in text.split(","):
        alias, colon, name = item.strip().rpartition(":")
        is_plain = _COLUMN.fullmatch(name) and (not colon or _COLUMN.fullmatch(alias))
        if not is_plain and item.strip() != "*":
            detail = "this server supports only *, column and alias:column, separated by commas"
            raise _unreadable(f"select parameter ({text})", text.index(item) + 1, detail)
        columns.append((name, alias or None))
    return columns


def _order(text: str) -> list[Order]:
    _check_columns("order", text)
    orders: list[Order] = []
    for item in text.split(","):
        column, *words = item.strip().split(".")
        direction = words.pop(0) if words and words[0] in {"asc", "desc"} else "asc"
        nulls = words.pop(0) if words and words[0] in {"nullsfirst", "nullslast"} else None
        if words or not _COLUMN.fullmatch(column):
            detail = "this server supports only column, .asc or .desc, .nullsfirst or .nullslast"
            raise _unreadable(f"order ({text})", text.index(item) + 1, detail)
        orders.append(
            (column, direction == "desc", None if nulls is None else nulls == "nullsfirst")
        )
    return orders


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _unreadable(f"{name} ({text})", 1, f"{name} must be a whole number")
    if int(text) < 0:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details=f"{name.capitalize()} should be greater than or equal to zero.",
        )
    return int(text)


def _unexpected(rest: str, wanted: str) -> str:
    found = f'"{rest[0]}"' if rest else "end of input"
    return f"unexpected {found} expecting {wanted}"


def _unreadable(what: str, column: int, details: str) -> RestError:
    message = f'"failed to parse {what}" (line 1, column {column})'
    return RestError(400, "PGRST100", message, details=details)
