"""The codes that SQL functions and api/ raise, read from their source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

ROOT = Path(__file__).parents[2]

_SQL_CODE = re.compile(r"(?:detail =|code :=) '(\w+)'")
_SQLSTATE = re.compile(r"'PT(\d{3})'")
# calls that take a code as their first argument
_RAISERS = {"Problem", "unauthenticated"}


def raised() -> dict[str, set[str]]:
    """Returns each code with the SQL functions (names) and modules of api/ (paths) that raise it.

    The codes of /rest/v1 are PostgREST's, and messages of the indexer have no codes.
    """
    found: dict[str, set[str]] = {}
    for code, name, _ in sql_codes():
        found.setdefault(code, set()).add(name)
    for path in sorted((ROOT / "api").rglob("*.py")):
        for code in python_codes(path.read_text()):
            found.setdefault(code, set()).add(path.relative_to(ROOT).as_posix())
    return found


def sql_codes() -> Iterator[tuple[str, str, int]]:
    """Yields code, function and HTTP status for each code in db/functions."""
    for path in sorted((ROOT / "db/functions").rglob("*.sql")):
        name = f"private.{path.stem}" if path.parent.name == "private" else path.stem
        text = path.read_text()
        for match in _SQL_CODE.finditer(text):
            before = [*_SQLSTATE.finditer(text, 0, match.start())]
            state = before[-1] if before else _SQLSTATE.search(text, match.end())
            assert state, f"{path}: {match[1]} without an SQLSTATE"
            yield match[1], name, int(state[1])


def python_codes(text: str) -> Iterator[str]:
    """Returns the codes that a module passes to Problem, directly or by _CODES or `code`."""
    for node in ast.walk(ast.parse(text)):
        for value in _values(node):
            for leaf in ast.walk(value):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    yield leaf.value
                elif isinstance(leaf, ast.Attribute) and ast.unparse(leaf).startswith("HTTPStatus"):
                    yield HTTPStatus.METHOD_NOT_ALLOWED.name  # raised only by Starlette


def _values(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _RAISERS and node.args:
        first = node.args[0]
        if not isinstance(first, ast.Name | ast.Subscript):  # its values are found below
            yield first
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
        yield node.value
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_CODES":
        assert isinstance(node.value, ast.Dict)
        yield from node.value.values
