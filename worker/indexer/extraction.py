"""Extracts symbols from a source file, even if it has syntax errors or uses a dialect.

A parser may lose everything after an error. So if a line looks like the head of a definition that
was not found, the broken lines before it are blanked and the rest is parsed again.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node, QueryCursor

from worker.indexer.macro_masks import mask_macros
from worker.indexer.symbols import Symbol, errors_query, grammar, symbols_of
from worker.indexer.text import with_line_feeds

# Grammars that may parse a dialect with fewer errors: Flow is closer to TypeScript.
_OTHERS = {
    "C": ("C++",),
    "JavaScript": ("TSX",),
    "TypeScript": ("TSX",),
    "TSX": ("TypeScript",),
}
_ROUNDS, _ROUNDS_OF_LARGE, _LARGE = 8, 2, 200_000
_MOSTLY, _FEW = 0.5, 0.005

# A literal, which may contain the start of a comment; or, as a group, a part that is not code.
_LITERAL = rb"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_COMMENT = rb"/\*.*?\*/|//[^\n]*+"
_DIRECTIVE = rb"^[ \t]*#(?:\\\r\n|\\.|[^\n\\])*+"
_NO_CODE = re.compile(_LITERAL + rb"|(" + _COMMENT + rb")", re.DOTALL)
_NO_NATIVE_CODE = re.compile(
    _LITERAL + rb"|(" + _COMMENT + rb"|" + _DIRECTIVE + rb")", re.DOTALL | re.MULTILINE
)
_OTHER_COMMENTS = frozenset({"Python", "Ruby", "Shell"})
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_MODIFIERS = (
    rb"(?:(?:public|private|protected|internal|static|final|abstract|sealed|partial|virtual|override"
    rb"|async|readonly|synchronized|unsafe|new|extern)\s+)"
)
_SCRIPT = (
    rb"^[ \t]*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?"
    rb"(?:function\b\s*\*?|class\b|interface\b|enum\b)\s*([A-Za-z_$][\w$]*)"
    rb"|^[ \t]+(?:(?:public|private|protected|static|async|override|get|set)\s+)*"
    rb"(?!(?:if|for|while|switch|catch|function|return|with)\b)([A-Za-z_$][\w$]*)"
    rb"\([^;{}()\n]*\)[^;{}()\n]*\{"
    rb"|^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*(?:async\b\s*)?(?:function\b|\(|[\w$]+\s*=>)"
)
_NATIVE = (
    rb"^[ \t]*(?:class|struct|union|enum(?:\s+class)?)\s+(\w+)[^;(){}=]{0,500}\{"
    rb"|^(?!(?:else|typedef|return)\b)[A-Za-z_][\w\s*&:<>,]{0,200}?"
    rb"[\s*&:](\w+)\s*\([^;{}#]{0,1000}\)[^;{}()#]{0,200}\{"
)
_TYPED = (
    rb"^[ \t]*" + _MODIFIERS + rb"*(?:class|interface|enum|record|struct)\s+(\w+)"
    rb"|^[ \t]*"
    + _MODIFIERS
    + rb"+[\w<>\[\],.?]+\s+(\w+)\s*\([^;{}]{0,1000}\)\s*(?:throws\s[\w,\s.]+)?\{"
)
# What looks like the head of a definition. A group matches its name.
_HEADS = {
    "Python": rb"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)",
    "JavaScript": _SCRIPT,
    "TypeScript": _SCRIPT,
    "TSX": _SCRIPT,
    "Go": rb"^func\s+(?:\([^)\n]*\)\s*)?(\w+)|^type\s+(\w+)",
    "Rust": rb"^[ \t]*(?:pub(?:\([^)\n]*\))?\s+)?(?:(?:unsafe|async|const)\s+)*"
    rb"(?:fn|struct|enum|trait|union|mod)\s+(\w+)",
    "Java": _TYPED,
    "C#": _TYPED,
    "C": _NATIVE,
    "C++": _NATIVE,
    "Ruby": rb"^[ \t]*(?:def\s+(?:self\.)?|(?:class|module)\s+(?:\w+::)*)(\w+[?!=]?)",
    "PHP": rb"^[ \t]*" + _MODIFIERS + rb"*(?:function\s+&?|class\s+|interface\s+|trait\s+)(\w+)",
    "Shell": rb"^[ \t]*(?:function[ \t]+([\w:.-]+)|([\w:.-]+)[ \t]*\(\))",
}
_HEAD_OF = {name: re.compile(text, re.MULTILINE) for name, text in _HEADS.items()}


class _Reading(NamedTuple):
    language: str
    source: bytes
    symbols: list[Symbol]
    errors: list[Node]
    unread: int  # bytes that match no rule of the grammar

    def missing(self) -> Iterator[int]:
        """Yields the starts of lines that look like heads of definitions which were not found."""
        names = {symbol.name for symbol in self.symbols}
        ends: list[int] | None = None
        for head in _HEAD_OF[self.language].finditer(self.source):
            if head[head.lastindex or 0].decode(errors="replace") not in names:
                if ends is None:
                    ends = _ends_of_code(self.language, self.source)
                if bisect(ends, head.start(head.lastindex or 0)) % 2 == 0:
                    yield head.start()


def _ends_of_code(language: str, source: bytes) -> list[int]:
    """Returns the starts and ends of comments and C preprocessor directives, alternating."""
    if language in _OTHER_COMMENTS:
        return []
    no_code = _NO_NATIVE_CODE if language in {"C", "C++"} else _NO_CODE
    return [at for found in no_code.finditer(source) if found[1] for at in found.span()]


def extract(language: str, source: bytes) -> list[Symbol]:
    """Returns the symbols of `source` in order, as many as broken syntax allows.

    `language` is one of GRAMMARS. Sets no limits: hostile source can take much time and memory.
    """
    return read(language, source) or []


def read(language: str, source: bytes) -> list[Symbol] | None:
    """Like extract, but returns None if most of the source does not match its grammar."""
    lines = with_line_feeds(source)
    best = _read(language, mask_macros(language, lines))
    if not best.errors:
        return best.symbols
    for other in _OTHERS.get(language, ()) if best.unread > _FEW * len(lines) else ():
        reading = _read(other, mask_macros(other, lines))
        if reading.unread < best.unread / 2:
            best = reading
    best = _repaired(best)
    written = len(best.source) - sum(map(best.source.count, (b" ", b"\n", b"\t", b"\r")))
    return best.symbols if best.unread <= _MOSTLY * max(written, best.unread) else None


def _read(language: str, text: bytes) -> _Reading:
    parser, _ = grammar(language)
    root = parser.parse(text).root_node
    symbols = symbols_of(language, text, root)
    if not root.has_error:
        return _Reading(language, text, symbols, [], 0)
    errors = QueryCursor(errors_query(language)).captures(root).get("error", [])
    return _Reading(language, text, symbols, errors, sum(map(_unread, errors)))


def _unread(error: Node) -> int:
    """Returns the bytes of an error outside its complete parts and comments."""
    if not error.child_count:
        return error.end_byte - error.start_byte
    return sum(
        child.end_byte - child.start_byte
        for child in error.children
        if not child.child_count and child.type not in _COMMENTS
    )


def _repaired(reading: _Reading) -> _Reading:
    """Parses again what follows errors, while that finds more."""
    rounds = _ROUNDS if len(reading.source) < _LARGE else _ROUNDS_OF_LARGE
    tried = -1
    while rounds > 0 and (head := next((at for at in reading.missing() if at > tried), None)):
        tried = head
        for start in _broken_lines(reading, head):
            rounds -= 1
            if better := _without(reading, start, head):
                reading = better
                break
    return reading


def _broken_lines(reading: _Reading, head: int) -> list[int]:
    """Yields the starts of lines whose error may hide the head of a definition.

    These are the line of the last error before it and, if its own line has an error, the previous
    line, which does not end properly.
    """
    source = reading.source
    end = source.find(b"\n", head)
    before, own = -1, False
    for error in reading.errors:
        if error.start_byte < head:
            before = max(before, error.start_byte)
        elif error.start_byte < end or end < 0:
            own = True
    places = [before] if before >= 0 else []
    if own:
        places.append(len(source[:head].rstrip()))
    starts = (source.rfind(b"\n", 0, place) + 1 for place in places)
    return [start for start in dict.fromkeys(starts) if start < head]


def _without(reading: _Reading, start: int, end: int) -> _Reading | None:
    """Returns the result without these lines but with their symbols, or None if it is worse."""
    source = reading.source
    blank = re.sub(rb"[^\r\n]", b" ", source[start:end])
    again = _read(reading.language, source[:start] + blank + source[end:])
    first, last = source.count(b"\n", 0, start) + 1, source.count(b"\n", 0, end)
    kept = [symbol for symbol in reading.symbols if first <= symbol.start_line <= last]
    symbols = sorted(
        [*again.symbols, *kept], key=lambda symbol: (symbol.start_line, -symbol.end_line)
    )
    if len(symbols) <= len(reading.symbols):
        return None
    broken = sum(_unread(each) for each in reading.errors if start <= each.start_byte < end)
    written = len(b"".join(source[start:end].split()))
    return again._replace(symbols=symbols, unread=again.unread + min(broken, written))
