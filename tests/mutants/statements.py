"""Changes of the statements of the declared SQL: tables, policies, grants, functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.mutants.bodies import Code, body_mutants, condition_mutants
from tests.mutants.sources import Declared, Mutant, Source
from tests.mutants.syntax import Group, Node, find, flat, is_token, parse, split, word_at

STRANGERS = ("public", "anon", "authenticated")
SUPABASE_ROLES = ("anon", "authenticated", "service_role")


def mutants(declared: Declared) -> list[Mutant]:
    """Returns all changes of the declared SQL, each of one object or clause, in file order."""
    made: list[Mutant] = []
    seen: Counter[str] = Counter()
    for source in declared.sources():
        found = [m for statement in _statements(source) for m in statement_mutants(*statement)]
        for mutant in sorted(found, key=lambda m: (m.start, m.end, m.kind, m.text)):
            seen[mutant.name] += 1
            made.append(replace(mutant, number=seen[mutant.name]))
    return made


def _statements(source: Source) -> Iterator[tuple[Source, Sequence[Node]]]:
    for nodes in split(parse(source.sql), ";"):
        yield source, nodes


def statement_mutants(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    """Yields the changes of one statement, except comments and preparations."""
    words = [word_at(nodes, index) for index in range(6)]
    head = " ".join(word for word in words if word not in {"or", "replace", "constraint"})
    for start, rule in _RULES:
        if head.startswith(start):
            for mutant in rule(source, nodes):
                yield replace(mutant, is_replaceable=_is_replaceable(source, mutant, start))
            return


def _is_replaceable(source: Source, mutant: Mutant, start: str) -> bool:
    """Whether running the changed file makes the whole change, and the original undoes it.

    Functions are replaced, policies dropped and recreated, and rights of STRANGERS revoked.
    """
    revoked = rf"revoke all on [^;]*\b{re.escape(mutant.about)}\b[^;]*\sfrom {', '.join(STRANGERS)}"
    return (
        not mutant.path.startswith("db/migrations/")
        and mutant.path != "db/functions/private/clock.sql"  # the tests use their own clock
        and (
            start == "create function"
            or (start == "create policy" and mutant.kind != "drop")
            or (
                start == "grant"
                and mutant.text in {f", {role}" for role in STRANGERS}
                and re.search(revoked, source.sql) is not None
            )
        )
    )


def _span(nodes: Sequence[Node]) -> tuple[int, int]:
    return nodes[0].start, nodes[-1].end


def _drop(source: Source, about: str, nodes: Sequence[Node]) -> Mutant:
    # a comment on a dropped object would fail, so it is dropped too
    end = nodes[-1].end
    comment = re.compile(r"\s*;\s*comment on policy [^;']*'(?:[^']|'')*'").match(source.sql, end)
    if comment and is_token(nodes[1], "policy"):
        end = comment.end()
    return source.mutant("drop", about, (nodes[0].start, end), "", source.at(_span(nodes))[:90])


def _name_after(nodes: Sequence[Node], *words: str) -> str:
    """Returns the qualified name after these words."""
    at = find(nodes, *words)
    if at is None:
        return ""
    at += len(words)
    parts = [word_at(nodes, at)]
    while word_at(nodes, at + 1) == ".":
        at += 2
        parts.append(word_at(nodes, at))
    return ".".join(parts)


# --- functions and triggers -----------------------------------------------------------------------


def _function(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    name = _name_after(nodes, "function")
    for index, node in enumerate(nodes):
        if is_token(node, "security"):
            other = "invoker" if word_at(nodes, index + 1) == "definer" else "definer"
            word = nodes[index + 1]
            what = f"security {word_at(nodes, index + 1)} → {other}"
            yield source.mutant("flip", name, (word.start, word.end), other, what)
    path = find(nodes, "set", "search_path")
    if path is not None and find(nodes, "security", "definer") is not None:
        end = next(i for i in range(path, len(nodes)) if word_at(nodes, i) in {"set", "as"} and
                   i > path)  # fmt: skip
        yield source.mutant("drop", name, _span(nodes[path:end]), "", "set search_path")
    body = next(node for node in nodes if isinstance(node, Group) and node.kind == "$")
    yield from body_mutants(_code(source, name, body), body.items)


def _code(source: Source, about: str, part: Group) -> Code:
    text = source.sql[part.start : part.end]
    return Code(source, about, frozenset(re.findall(r"\bpublic\.index_jobs as (\w+)", text)))


def _owner(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    yield _drop(source, _name_after(nodes, "function"), nodes)


def _trigger(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    about = _name_after(nodes, "function")
    yield _drop(source, about, nodes)
    for index, node in enumerate(nodes):
        if isinstance(node, Group) and word_at(nodes, index - 1) == "when":
            yield source.mutant(
                "weaken", about, node.inner, "true", f"when {source.at(node.inner)} → true"
            )
            yield from condition_mutants(
                Code(source, about, frozenset()), node.items, is_condition=True
            )
    yield from _deferrals(source, about, nodes)


def _deferrals(source: Source, about: str, nodes: Sequence[Node]) -> Iterator[Mutant]:
    at = find(nodes, "initially", "deferred")
    if at is not None:
        word = nodes[at + 1]
        yield source.mutant(
            "flip", about, (word.start, word.end), "immediate", "initially deferred → immediate"
        )


# --- policies -------------------------------------------------------------------------------------


def _policy(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    name = word_at(nodes, 2)
    table = _name_after(nodes, "on")
    about = f"{table} {name}"
    yield _drop(source, about, nodes)
    to = find(nodes, "to")
    assert to is not None, f"{source.path}: a policy for everybody"
    ends = (i for i in range(to, len(nodes)) if word_at(nodes, i) in {"using", "with"})
    roles = nodes[to + 1 : next(ends)]
    yield source.mutant("widen", about, _span(roles), "public", f"{name} to public")
    for index, node in enumerate(nodes):
        if not isinstance(node, Group):
            continue
        clause = "using" if word_at(nodes, index - 1) == "using" else "with check"
        old = source.at(node.inner)
        if old in {"true", "false"}:
            other = "false" if old == "true" else "true"
            what = f"{name} {clause} {old} → {other}"
            yield source.mutant("flip", about, node.inner, other, what)
        else:
            what = f"{name} {clause} → true"
            yield source.mutant("weaken", about, node.inner, "true", what)
            jobs = frozenset({""}) if table == "public.index_jobs" else frozenset()
            yield from condition_mutants(Code(source, about, jobs), node.items, is_condition=True)


def _row_security(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    about = _name_after(nodes, "table")
    for old, new in (("enable", "disable"), ("force", "no force")):
        at = find(nodes, old)
        if at is not None:
            what = f"{new} row level security of {about}"
            yield source.mutant("flip", about, (nodes[at].start, nodes[at].end), new, what)


# --- grants ---------------------------------------------------------------------------------------


def _grant(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    on = find(nodes, "on")
    to = max(i for i in range(len(nodes)) if word_at(nodes, i) == "to")
    about = "" if on is None else _name_after(nodes, word_at(nodes, on + 1))
    of_server = on is None  # membership in a role
    lists = {"to": split(nodes[to + 1 :], ",")}
    if on is not None:
        lists["privilege"] = split(nodes[1:on], ",")
    target = source.at(_span(nodes[: to if on is None else on]))
    target += "" if on is None else f" on {about}"
    for kind, members in lists.items():
        for index, member in enumerate(members):
            shown = source.at(_span(member))
            what = f"{target} to {shown}" if kind == "to" else f"{shown} on {about}"
            rest = [m for i, m in enumerate(members) if i != index]
            if rest:
                span = _span(members[0])[0], _span(members[-1])[1]
                text = ", ".join(source.at(_span(m)) for m in rest)
            elif kind == "to":
                span, text = _span(nodes), ""
            else:
                continue
            yield source.mutant("drop", about, span, text, what, of_server=of_server)
    end = nodes[-1].end
    grantees = {source.at(_span(member)) for member in lists["to"]}
    for role in STRANGERS if on is not None else ():
        if role not in grantees:
            yield source.mutant("widen", about, (end, end), f", {role}", f"{target} to {role}")
    for node in nodes[1 : on or 1]:
        if isinstance(node, Group):
            what = f"{target}: all columns"
            yield source.mutant("widen", about, (node.start, node.end), "", what)


def _revoke(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    on = find(nodes, "on")
    assert on is not None, f"{source.path}: a membership is taken back"
    about = _name_after(nodes, word_at(nodes, on + 1))
    yield _drop(source, about, nodes)
    at = find(nodes, "anon")
    if at is not None and about.startswith("public."):
        span = (nodes[at - 1].start, nodes[at].end)
        what = f"anon from {source.at(_span(nodes))[:80]}"
        yield source.mutant("drop", about, span, "", what)


def _do(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    """Yields changes of a block that creates roles: attributes and memberships."""
    tokens = list(flat(nodes[-1].items)) if isinstance(nodes[-1], Group) else []
    made = next((t for t in tokens if t.kind == "string" and "create role" in t.text), None)
    if made is None:
        return
    for word in ("nologin", "nobypassrls"):
        at = made.start + made.text.index(word)
        span = (at, at + len(word))
        yield source.mutant("flip", "role", span, word[2:], f"{word} of roles", of_server=True)
    end = nodes[-1].end
    for token in tokens:
        role = token.text.strip("'")
        if token.kind == "string" and re.fullmatch(r"job_\w+", role):
            for member in SUPABASE_ROLES:
                grant = f"grant {role} to {member}"
                yield source.mutant("widen", role, (end, end), f";\n{grant}", grant, of_server=True)


# --- tables ---------------------------------------------------------------------------------------


def _table(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    name = _name_after(nodes, "table")
    group = next(node for node in nodes if isinstance(node, Group))
    previous = group.start + 1
    for element in split(group.items, ","):
        start, end = _span(element)
        first = word_at(element, 0)
        if first in {"constraint", "unique", "primary", "foreign", "exclude", "check"}:
            yield source.mutant("drop", name, (previous, end), "", source.at((start, end))[:90])
        yield from _clauses(source, name, element, of_column=first not in {"constraint", "unique"})
        previous = end


def _clauses(
    source: Source, name: str, nodes: Sequence[Node], *, of_column: bool
) -> Iterator[Mutant]:
    """Yields changes of a column or constraint: keys, checks and on delete actions."""

    def drop(start: int, end: int) -> Mutant:
        span = (nodes[start].start, nodes[end].end)
        what = f"{source.at(span)} of {name}.{word_at(nodes, 0)}"
        return source.mutant("drop", name, span, "", what)

    for index, node in enumerate(nodes):
        word = word_at(nodes, index)
        if word == "check":
            group = nodes[index + 1]
            assert isinstance(group, Group)
            yield from condition_mutants(
                Code(source, name, frozenset()), group.items, is_condition=True
            )
            if of_column:
                named = word_at(nodes, index - 2) == "constraint"
                yield drop(index - 2 if named else index, index + 1)
        elif word == "references":
            end = index + 1
            while word_at(nodes, end + 1) == ".":
                end += 2
            if isinstance(nodes[end + 1] if end + 1 < len(nodes) else None, Group):
                end += 1
            while word_at(nodes, end + 1) == "on":
                last = end + (4 if word_at(nodes, end + 3) == "set" else 3)
                yield drop(end + 1, last)
                end = last
            deferral = find(nodes, "deferrable", "initially", "deferred")
            yield drop(index, end if deferral is None else deferral + 2)
        elif word == "unique" and of_column:
            yield drop(index, index)
        elif word == "nulls":
            yield drop(index, index + 2)
        elif word == "primary" and of_column and index:
            yield drop(index, index + 1)
        elif isinstance(node, Group):
            continue
    yield from _deferrals(source, name, nodes)


def _alter_table(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    name = _name_after(nodes, "table")
    add = find(nodes, "add")
    if add is None:
        yield from _row_security(source, nodes)
        return
    parts = split(nodes[add:], ",")
    for index, part in enumerate(parts):
        if word_at(part, 1) != "constraint":
            yield from _clauses(source, name, part[2:], of_column=True)
            continue
        span = _span(part)
        if len(parts) == 1:
            span = _span(nodes)
        elif index:
            span = parts[index - 1][-1].end, span[1]
        else:
            span = span[0], parts[1][0].start
        yield source.mutant("drop", name, span, "", source.at(_span(part[1:]))[:90])
        yield from _clauses(source, name, part[1:], of_column=False)


def _unique_index(source: Source, nodes: Sequence[Node]) -> Iterator[Mutant]:
    name = _name_after(nodes, "on")
    word = nodes[1]
    what = f"unique of {word_at(nodes, 3)}"
    yield source.mutant("drop", name, (word.start, word.end), "", what)


_RULES: tuple[tuple[str, Callable[[Source, Sequence[Node]], Iterator[Mutant]]], ...] = (
    ("create function", _function),
    ("create trigger", _trigger),
    ("create policy", _policy),
    ("create table", _table),
    ("create unlogged table", _table),
    ("create unique index", _unique_index),
    ("alter table", _alter_table),
    ("alter function", _owner),
    ("grant", _grant),
    ("revoke", _revoke),
    ("do", _do),
)
