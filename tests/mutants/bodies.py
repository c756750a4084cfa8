"""Changes inside a function's body, a policy's condition, a check or a trigger's condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.mutants.sources import Mutant, Source
from tests.mutants.syntax import Group, Node, Token, flat, is_token, split, word_at

IDENTITY = frozenset({
    "current_user_id", "v_user_id", "p_user_id", "user_id", "owner_user_id", "created_by",
    "organization_id", "tenant_id", "current_user", "session_user", "p_claims", "secret_hash",
    "enabled", "expires_at", "v_may",
})  # fmt: skip
"""Words that identify the caller: a condition with one of them decides on access."""

OPPOSITES = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_BEFORE_CONDITIONS = {"where", "on", "check", "when", "if", "elsif", "while", "having", "return"}
_BETWEEN_OPERANDS = {"and", "or"}
_OTHER_BREAKS = {
    "select", "from", "group", "order", "limit", "offset", "for", "loop", "union", "returning",
    "join", "left", "set", "values", "into", "begin", "then", "else", "using", "perform", "update",
    "insert", "delete", "execute", "declare", "as", "end", "exception", "filter", "by",
}  # fmt: skip
_BREAKS = _BEFORE_CONDITIONS | _BETWEEN_OPERANDS | _OTHER_BREAKS
_END_OF_ASSIGNMENTS = {"where", "from", "returning", "on", "as", "when", ";"}


@dataclass(frozen=True)
class _Operand:
    before: str  # the preceding word or mark; empty at the start of a group
    after: str
    nodes: Sequence[Node]

    @property
    def span(self) -> tuple[int, int]:
        return self.nodes[0].start, self.nodes[-1].end


@dataclass(frozen=True)
class Code:
    """The code of one object. `jobs` are its names for rows of index_jobs."""

    source: Source
    about: str
    jobs: frozenset[str]

    def change(self, kind: str, span: tuple[int, int], text: str, what: str = "") -> Mutant:
        what = what or f"{self.source.at(span)} → {text or 'nothing'}"
        return self.source.mutant(kind, self.about, span, text, what)


def body_mutants(code: Code, nodes: Sequence[Node]) -> Iterator[Mutant]:
    """Yields the changes of PL/pgSQL or SQL in a dollar quote."""
    yield from condition_mutants(code, nodes)
    yield from _statement_mutants(code, nodes)
    yield from _literal_mutants(code, nodes)


# --- conditions -----------------------------------------------------------------------------------


def condition_mutants(
    code: Code, nodes: Sequence[Node], *, is_condition: bool = False
) -> Iterator[Mutant]:
    """Yields weakened and flipped conditions. `is_condition`: all of it is one condition."""
    nodes = _without_raises(nodes)
    for operand in _operands(nodes):
        yield from _operand_mutants(code, operand, is_condition=is_condition)
    for index in _conjunctions(nodes):
        node = nodes[index]
        near = _near(nodes, index)
        what = f"and → or in: {code.source.at(near)}"
        yield code.change("weaken", (node.start, node.end), "or", what)
    yield from _comparison_mutants(code, nodes)
    for index, node in enumerate(nodes):
        if isinstance(node, Group) and node.kind != "$":
            before = word_at(nodes, index - 1)
            inside = before in _BEFORE_CONDITIONS | _BETWEEN_OPERANDS | {"not", "then", "else"}
            yield from condition_mutants(
                code, node.items, is_condition=inside or (index == 0 and is_condition)
            )


def _near(nodes: Sequence[Node], index: int) -> tuple[int, int]:
    """Returns the span of a few nodes around one, in the same statement."""
    first = last = index
    while first > max(index - 3, 0) and word_at(nodes, first - 1) != ";":
        first -= 1
    while last < min(index + 3, len(nodes) - 1) and word_at(nodes, last + 1) != ";":
        last += 1
    return nodes[first].start, nodes[last].end


def _without_raises(nodes: Sequence[Node]) -> list[Node]:
    kept: list[Node] = []
    raising = False
    for node in nodes:
        raising = (raising or is_token(node, "raise")) and not is_token(node, ";")
        if not raising:
            kept.append(node)
    return kept


def _conjunctions(nodes: Sequence[Node]) -> list[int]:
    """Returns the positions of each `and` that is not part of `between`."""
    found = []
    between = False
    for index, node in enumerate(nodes):
        if is_token(node, "between"):
            between = True
        elif is_token(node, "and"):
            if not between:
                found.append(index)
            between = False
    return found


def _operands(nodes: Sequence[Node]) -> list[_Operand]:
    ands = set(_conjunctions(nodes))
    operands: list[_Operand] = []
    before = ""
    current: list[Node] = []
    for index, node in enumerate(nodes):
        text = word_at(nodes, index)
        ends = text in {";", ","} or text in _BREAKS
        if text == "and":
            ends = index in ands
        elif text == "from":
            ends = word_at(nodes, index - 1) != "distinct"
        if not ends:
            current.append(node)
            continue
        if current:
            operands.append(_Operand(before, text, tuple(current)))
        before, current = text, []
    if current:
        operands.append(_Operand(before, "", tuple(current)))
    return operands


def _operand_mutants(code: Code, operand: _Operand, *, is_condition: bool) -> Iterator[Mutant]:
    decides = (
        operand.before in _BEFORE_CONDITIONS | _BETWEEN_OPERANDS
        or operand.after in _BETWEEN_OPERANDS
        or (is_condition and operand.before in {"", "then", "else"})
    )
    words = [token.text for token in flat(operand.nodes) if token.kind == "word"]
    if not decides or IDENTITY.isdisjoint(words) or words == ["query"]:
        return
    if operand.before == "on" and not any(
        token.kind == "operator" for token in flat(operand.nodes)
    ):
        return  # the table of a policy or an index
    yield code.change("weaken", operand.span, "true")
    texts = [word_at(operand.nodes, index) for index in range(len(operand.nodes))]
    for jobs in code.jobs:
        owner = [jobs, ".", "owner_user_id", "="] if jobs else ["owner_user_id", "="]
        if texts[: len(owner)] == owner and len(operand.nodes) > len(owner):
            who = code.source.at((operand.nodes[len(owner)].start, operand.span[1]))
            maker = f"{jobs}.created_by" if jobs else "created_by"
            owned = code.source.at(operand.span)
            text = f"({owned} or {maker} = {who})"
            yield code.change("widen", operand.span, text)


def _comparison_mutants(code: Code, nodes: Sequence[Node]) -> Iterator[Mutant]:
    assigns = False
    for index, node in enumerate(nodes):
        text = word_at(nodes, index)
        if text in {"set", "diagnostics"}:
            assigns = True
        elif text in _END_OF_ASSIGNMENTS:
            assigns = False
        elif isinstance(node, Token) and text in OPPOSITES and not assigns:
            near = _near(nodes, index)
            what = f"{text} → {OPPOSITES[text]} in: {code.source.at(near)}"
            yield code.change("flip", (node.start, node.end), OPPOSITES[text], what)
        elif text == "is":
            yield from _is_mutants(code, nodes, index)


def _is_mutants(code: Code, nodes: Sequence[Node], index: int) -> Iterator[Mutant]:
    negated = word_at(nodes, index + 1) == "not"
    test = word_at(nodes, index + (2 if negated else 1))
    if test in {"null", "distinct", "true", "false"}:
        last = nodes[index + 1] if negated else nodes[index]
        span = (nodes[index].start, last.end)
        text = "is" if negated else "is not"
        near = _near(nodes, index)
        what = f"{code.source.at(span)} → {text} in: {code.source.at(near)}"
        yield code.change("flip", span, text, what)


# --- statements -----------------------------------------------------------------------------------


def _statement_mutants(code: Code, nodes: Sequence[Node]) -> Iterator[Mutant]:
    for index, node in enumerate(nodes):
        text = word_at(nodes, index)
        if text == "raise":
            end = next(n for n in nodes[index:] if is_token(n, ";"))
            span = (node.start, end.start)
            yield code.change("silence", span, "null", _raised(code.source, span))
        elif text == "perform":
            end = next(n for n in nodes[index:] if is_token(n, ";"))
            span = (node.start, end.start)
            if re.search(r"\bpg_(try_)?advisory", code.source.at(span)):
                yield code.change("unlock", span, "null")
        elif text and text.startswith("pg_try_advisory"):
            yield code.change("unlock", (node.start, nodes[index + 1].end), "true")
        elif text == "for":
            yield from _lock_mutants(code, nodes, index)
        elif isinstance(node, Group) and node.kind != "$":
            yield from _statement_mutants(code, node.items)


def _raised(source: Source, span: tuple[int, int]) -> str:
    raised = source.at(span)
    details = re.findall(r"(?:errcode|detail|column) = '(\w+)'", raised)
    return f"{raised.split(' using ')[0]} ({' '.join(details)})" if details else raised


def _lock_mutants(code: Code, nodes: Sequence[Node], index: int) -> Iterator[Mutant]:
    end = index + 1
    while word_at(nodes, end) in {"no", "key"}:
        end += 1
    if word_at(nodes, end) not in {"update", "share"}:
        return
    end += 1
    if word_at(nodes, end) == "of":
        end += 2
        while word_at(nodes, end) == ",":
            end += 2
    passing = end
    if word_at(nodes, end) == "skip":
        end += 2
    elif word_at(nodes, end) == "nowait":
        end += 1
    yield code.change("unlock", (nodes[index].start, nodes[end - 1].end), "")
    if passing < end:
        yield code.change("unlock", (nodes[passing].start, nodes[end - 1].end), "")


# --- literals -------------------------------------------------------------------------------------


def _literal_mutants(
    code: Code, nodes: Sequence[Node], *, setting: tuple[int, int] | None = None
) -> Iterator[Mutant]:
    """Yields changes of booleans, role names and quoting. `setting` spans a set_config call."""
    nodes = _without_raises(nodes)
    for index, node in enumerate(nodes):
        text = word_at(nodes, index)
        if isinstance(node, Group):
            call = (nodes[index - 1].start, node.end) if index else None
            is_setting = word_at(nodes, index - 1) == "set_config"
            yield from _literal_mutants(code, node.items, setting=call if is_setting else None)
            continue
        span = (node.start, node.end)
        around = setting or (nodes[max(index - 4, 0)].start, node.end)
        if text in {"true", "false"} and word_at(nodes, index - 1) not in {"is", "not"}:
            other = "false" if text == "true" else "true"
            kind = "session" if setting and text == "true" else "flip"
            yield code.change(kind, span, other, f"{text} → {other} in: {code.source.at(around)}")
        elif text in {"current_user", "session_user"}:
            other = "session_user" if text == "current_user" else "current_user"
            yield code.change("flip", span, other)
        elif node.kind == "string" and word_at(nodes, index + 1) == ",":
            yield from _quoting_mutants(code, node, split(nodes[index + 2 :], ","))


def _quoting_mutants(
    code: Code, template: Token, arguments: Sequence[Sequence[Node]]
) -> Iterator[Mutant]:
    """Yields changes of format()'s template: its quoted arguments, except literals, unquoted."""
    places = re.finditer(r"%(?:(?P<position>\d+)\$)?(?P<kind>[ILs])", template.text)
    for number, place in enumerate(places):
        argument = arguments[int(place["position"]) - 1 if place["position"] else number]
        constant = isinstance(argument[0], Token) and argument[0].kind == "string"
        if place["kind"] != "s" and not (constant and len(argument) == 1):
            plain = place[0][:-1] + "s"
            text = plain if place["kind"] == "I" else f"''{plain}''"
            span = (template.start + place.start(), template.start + place.end())
            what = f"{place[0]} → {text} in: {template.text}"
            yield code.change("unquote", span, text, what)
