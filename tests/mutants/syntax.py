"""Reads SQL and PL/pgSQL as a tree of tokens and groups, enough to change one clause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<string>[eE]?'(?:[^']|'')*')
    | (?P<parameter>\$\d+)
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_]\w*|"[^"]+")
    | (?P<operator>::|:=|=>|->>|->|\#>>|\#>|@>|<@|\|\||<=|>=|<>|!=|!~\*?|~\*?|\.\.
        |[-+*/%^=<>&|@?!\#])
    | (?P<mark>[();,.\[\]:])
    """,
    re.S | re.X,
)


@dataclass(frozen=True)
class Token:
    """A lowercase word, an operator, a literal or a mark. `start` and `end` are offsets."""

    kind: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Group:
    """The content of parentheses or brackets, of `case` … `end`, or of a dollar quote."""

    kind: str  # (, [, case or $
    start: int
    end: int
    items: Sequence[Node]

    @property
    def inner(self) -> tuple[int, int]:
        """Returns the offsets of the content of the parentheses."""
        return self.start + 1, self.end - 1


Node = Token | Group
_CLOSING = {"(": ")", "[": "]", "case": "end"}


def _tokens(sql: str) -> Iterator[Token]:
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if found is None:
            raise ValueError(f"not a token of SQL: {sql[position : position + 20]!r}")
        position = found.end()
        kind = str(found.lastgroup)
        if kind != "space":
            text = found[0].lower() if kind == "word" else found[0]
            yield Token(kind, found.start(), found.end(), text)


def parse(sql: str) -> list[Node]:
    """Parses the text to a tree. Raises ValueError for an unknown token or an open group."""
    root: list[Node] = []
    open_groups: list[tuple[str, Token, list[Node]]] = []
    items = root
    before = ""
    for token in _tokens(sql):
        kind = open_groups[-1][0] if open_groups else ""
        if kind and token.text == _CLOSING.get(kind, kind):
            _, opening, inside = open_groups.pop()
            items = open_groups[-1][2] if open_groups else root
            shape = "$" if kind.startswith("$") else kind
            items.append(Group(shape, opening.start, token.end, tuple(inside)))
        elif token.kind == "dollar" or (
            token.text in _CLOSING and token.kind != "string" and before != "end"
        ):
            items = []
            open_groups.append((token.text, token, items))
        else:
            items.append(token)
        before = token.text
    if open_groups:
        raise ValueError(f"never closed: {open_groups[-1][1]}")
    return root


def split(nodes: Sequence[Node], mark: str) -> list[list[Node]]:
    """Returns the nodes between these marks, without the marks and empty parts."""
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if is_token(node, mark):
            parts.append([])
        else:
            parts[-1].append(node)
    return [part for part in parts if part]


def is_token(node: Node | None, *texts: str) -> bool:
    return isinstance(node, Token) and node.kind != "string" and node.text in texts


def word_at(nodes: Sequence[Node], index: int) -> str:
    """Returns the text of the token there, or an empty text for a group and beyond the end."""
    node = nodes[index] if 0 <= index < len(nodes) else None
    return node.text if isinstance(node, Token) and node.kind != "string" else ""


def flat(nodes: Sequence[Node]) -> Iterator[Token]:
    """Yields all tokens, including those in groups, but not the marks around groups."""
    for node in nodes:
        if isinstance(node, Token):
            yield node
        else:
            yield from flat(node.items)


def find(nodes: Sequence[Node], *words: str) -> int | None:
    """Returns the position of this sequence of words, or None."""
    for index in range(len(nodes)):
        if all(word_at(nodes, index + n) == word for n, word in enumerate(words)):
            return index
    return None


def squeezed(sql: str) -> str:
    """Returns the text on one line with single spaces."""
    return " ".join(sql.split())
