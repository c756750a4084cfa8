"""Symbols of one source file, by tree-sitter and a query file for each language.

In a query the capture `@name` is the node that holds a symbol's name, `@parent` one that holds
its parent's name where that is not what encloses it, `@<kind>` the whole definition. The first
pattern that captures a name has it; the kind `@ignore` takes a name and drops it. Captures that
begin with an underscore serve predicates only. A first line `; inherits: x` adds another
language's file behind.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from worker.indexer.languages import GRAMMARS
from worker.indexer.text import with_line_feeds

_QUERIES = Path(__file__).with_name("queries")
_NAME_CHARACTERS = 500
_CLASSES = frozenset({"class", "interface", "struct", "enum", "union", "trait"})
_ROLES = frozenset({"name", "parent"})
_LEAVES = frozenset({"constant"})


class Symbol(NamedTuple):
    """One definition. Lines count from 1, the last one included; `parent` is a name."""

    name: str
    kind: str
    start_line: int
    end_line: int
    parent: str | None


def extract(language: str, source: bytes) -> list[Symbol]:
    """The symbols of `source` in its order; what can be had where the syntax is broken.

    `language` is one of GRAMMARS. A function right inside a class is a method. Time and memory
    have no limit here: hostile source can take much of both.
    """
    source = with_line_feeds(source)
    parser, query = grammar(language)
    definitions: dict[int, _Definition] = {}
    claimed: dict[int, int] = {}
    for pattern, captures in QueryCursor(query).matches(parser.parse(source).root_node):
        name = captures["name"][0]
        at = name.start_byte
        if claimed.get(at, pattern) < pattern:
            continue
        claimed[at] = pattern
        for kind in captures:
            if kind not in _ROLES and kind[0] != "_":
                break
        node = captures[kind][0]
        parent = captures.get("parent")
        definitions[at] = (node.start_byte, -node.end_byte, at, node, kind, name, parent)
    return _nest(source, sorted(definitions.values()))


# Start, end below zero, so that what encloses another comes first, start of the name; then the
# node, the kind, the node of the name and what the query says of the parent.
_Definition = tuple[int, int, int, Node, str, Node, list[Node] | None]


def _nest(source: bytes, definitions: list[_Definition]) -> list[Symbol]:
    """Gives each definition the one around it as its parent."""
    symbols: list[Symbol] = []
    around: list[tuple[int, str, str]] = []  # end, kind, name; the innermost last
    for start, end, _, node, own_kind, name_node, named_parent in definitions:
        if own_kind == "ignore" or not (name := _text(source, name_node)):
            continue
        while around and around[-1][0] <= start:
            around.pop()
        kind, parent = own_kind, None
        if named_parent:
            parent = _text(source, named_parent[0])
        elif around:
            _, outer_kind, parent = around[-1]
            if kind == "function" and outer_kind in _CLASSES:
                kind = "method"
        first = node.start_point[0] + 1
        row, column = node.end_point
        # A node that ends at the very start of a line does not reach into it.
        symbols.append(Symbol(name, kind, first, max(first, row + (column > 0)), parent))
        if kind not in _LEAVES:
            around.append((-end, kind, name))
    return symbols


def _text(source: bytes, node: Node) -> str:
    """A name as one line of clean text, of bounded length, without the marks of a literal."""
    text = source[node.start_byte : node.end_byte].decode(errors="replace").strip("'\"`")
    if node.type == "simple_symbol":
        text = text.removeprefix(":").strip("'\"")
    if not text.isprintable():
        text = " ".join(text.replace("\0", "\ufffd").split())
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1] + "…"


@functools.cache
def grammar(language: str) -> tuple[Parser, Query]:
    """What parses a language, and the query for its symbols."""
    module, function = GRAMMARS[language]
    grammar = Language(getattr(importlib.import_module(module), function)())
    return Parser(grammar), Query(grammar, _query(language))


def _query(language: str) -> str:
    name = language.lower().replace("+", "p").replace("#", "sharp")
    text = (_QUERIES / f"{name}.scm").read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    if first.startswith("; inherits: "):
        text += _query(first.removeprefix("; inherits: "))
    return text
