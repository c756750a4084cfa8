"""Extracts the symbols of a source file with tree-sitter and one query file per language.

In a query, the capture `@name` is the node of a symbol's name, `@<kind>` the whole definition, and
`@parent` the node of its parent's name if that does not enclose it. Instead of the name,
`@declared` is a declarator of C or C++, and `@called` one that counts only if it declares a
function. The first pattern that captures a name wins; the kind `@ignore` drops it. Captures that
start with an underscore are for predicates only. A first line `; inherits: x` appends another
language's file.
"""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from worker.indexer.declarators import CAPITALS, RESERVED, declared_name, operator_text
from worker.indexer.languages import GRAMMARS

_QUERIES = Path(__file__).with_name("queries")
_NAME_CHARACTERS = 500
_CLASSES = frozenset({"class", "interface", "struct", "enum", "union", "trait"})
_ROLES = frozenset({"name", "parent", "declared", "called"})
_LEAVES = frozenset({"constant"})
_FUNCTIONS = frozenset({"function_definition", "declaration", "field_declaration"})
_ARGUMENTS = re.compile(rb"\s*\(((?:\s*[\w.:]+\s*,)*\s*[\w.:]+)\s*\)")
_OPERATORS = frozenset({"operator_cast", "operator_name"})


class Symbol(NamedTuple):
    """One definition. Lines count from 1 and include the last; `parent` is a name."""

    name: str
    kind: str
    start_line: int
    end_line: int
    parent: str | None


class _Definition(NamedTuple):
    """A match of a query. Sorted by the first three fields, outer definitions come first."""

    start: int
    minus_end: int
    name_start: int
    node: Node
    kind: str
    name: Node
    parent: Node | None


def symbols_of(language: str, source: bytes, root: Node) -> list[Symbol]:
    """Returns the symbols of a tree, in the order of its source.

    A function directly inside a class is a method.
    """
    definitions: dict[int, _Definition] = {}
    claimed: dict[int, int] = {}
    bodies: dict[int, bool] = {}
    _, query = grammar(language)
    for pattern, captures in QueryCursor(query).matches(root):
        if nodes := captures.get("name"):
            name = nodes[0]
            parents = captures.get("parent")
            parent = parents[0] if parents else None
        else:
            branch, called = captures.get("_branch"), captures.get("called")
            if branch and _is_in_body(branch[0], bodies):
                continue
            found = declared_name((called or captures["declared"])[0], source)
            if found is None or (called and not found.callable):
                continue
            name, parent = found.name, found.scope
        at = name.start_byte
        if claimed.get(at, pattern) < pattern:
            continue
        claimed[at] = pattern
        for kind in captures:
            if kind not in _ROLES and kind[0] != "_":
                break
        node = captures[kind][0]
        definitions[at] = _Definition(node.start_byte, -node.end_byte, at, node, kind, name, parent)
    return _nest(language, source, sorted(definitions.values()))


def _is_in_body(branch: Node, known: dict[int, bool]) -> bool:
    """Whether an #if or #else is in the body of a function, which declares variables only."""
    if branch.id not in known:
        parent = branch.parent
        known[branch.id] = parent is not None and (
            _is_in_body(parent, known)
            if parent.type.startswith("preproc_")
            else parent.type == "compound_statement"
        )
    return known[branch.id]


def _nest(language: str, source: bytes, definitions: list[_Definition]) -> list[Symbol]:
    """Sets the parent of each definition to the one that encloses it."""
    symbols: list[Symbol] = []
    around: list[tuple[int, int, str, str]] = []  # end, start, kind, name; the innermost last
    reserved = RESERVED.get(language)
    for start, minus_end, _, node, own_kind, name_node, named_parent in definitions:
        if own_kind == "ignore" or not (name := _text(source, name_node)):
            continue
        # A definition does not enclose one that begins where it ends, nor one declared with it.
        while around and (around[-1][0] <= start or around[-1][:2] == (-minus_end, start)):
            around.pop()
        kind, parent = own_kind, None
        if named_parent:
            parent = _scope(source, named_parent)
            if kind == "function":
                kind = "method"
        elif around:
            _, _, outer_kind, parent = around[-1]
            if kind == "function" and outer_kind in _CLASSES:
                kind = "method"
        if reserved and (
            name in reserved or (name != parent and _is_macro_call(source, name, name_node, node))
        ):
            continue
        first = node.start_point[0] + 1
        row, column = node.end_point
        # A node that ends at the start of a line does not include that line.
        symbols.append(Symbol(name, kind, first, max(first, row + (column > 0)), parent))
        if kind not in _LEAVES:
            around.append((-minus_end, start, kind, name))
    return symbols


def _is_macro_call(source: bytes, name: str, name_node: Node, node: Node) -> bool:
    """Whether a parsed function is really a macro call, in C and C++.

    Its name is in capitals, and it has no type or no typed parameter.
    """
    if not CAPITALS.fullmatch(name) or node.type not in _FUNCTIONS:
        return False
    if node.type != "field_declaration" and node.child_by_field_name("type") is None:
        return True
    arguments = _ARGUMENTS.match(source, name_node.end_byte)
    return arguments is not None and not any(
        word.strip().decode(errors="replace") in RESERVED["C"] for word in arguments[1].split(b",")
    )


def _scope(source: bytes, node: Node) -> str:
    inner = node.child_by_field_name("name") if node.type == "template_type" else None
    return _text(source, inner or node)


def _text(source: bytes, node: Node) -> str:
    """Returns a name as one line of clean text of limited length, without quotes."""
    text = source[node.start_byte : node.end_byte].decode(errors="replace")
    if text.isidentifier() and len(text) <= _NAME_CHARACTERS:
        return text  # nearly all names are like this and need no more
    if node.type in _OPERATORS:
        text = operator_text(node, source)
    elif node.type == "simple_symbol":
        text = text.removeprefix(":")
    elif node.type == "conversion_operator_declaration":
        target = node.child_by_field_name("type")
        text = f"operator {_text(source, target)}" if target else ""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        text = text[1:-1]
    if not text.isprintable():
        text = " ".join(text.replace("\0", "\ufffd").split())
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1] + "…"


@functools.cache
def grammar(language: str) -> tuple[Parser, Query]:
    """Returns the parser of a language and the query for its symbols."""
    module, function = GRAMMARS[language]
    grammar = Language(getattr(importlib.import_module(module), function)())
    return Parser(grammar), Query(grammar, _query(language))


@functools.cache
def errors_query(language: str) -> Query:
    """Returns the query for syntax errors in a language."""
    parser, _ = grammar(language)
    if parser.language is None:
        raise ValueError("the parser has no language")
    return Query(parser.language, "[(ERROR) (MISSING)] @error")


def _query(language: str) -> str:
    name = language.lower().replace("+", "p").replace("#", "sharp")
    text = (_QUERIES / f"{name}.scm").read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    if first.startswith("; inherits: "):
        text += _query(first.removeprefix("; inherits: "))
    return text
