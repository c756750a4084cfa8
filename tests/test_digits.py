"""Only 0 to 9 are digits: programs that accept other scripts read numbers differently."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from api.rest.errors import rest_status
from db.tools.connection import ConnectError, parameters

ROOT = Path(__file__).parent.parent
PYTHON = [
    path for folder in ("api", "worker", "cli", "db") for path in (ROOT / folder).rglob("*.py")
]


def takes_other_digits(node: ast.AST) -> bool:
    """Whether it is a pattern of text with \\d, or a call like isdigit()."""
    if isinstance(node, ast.Attribute):
        return node.attr in {"isdigit", "isdecimal", "isnumeric"}
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and "\\d" in node.value


def test_no_code_accepts_digits_of_other_scripts() -> None:
    assert len(PYTHON) > 50
    found = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text()))
        if takes_other_digits(node)
    ]
    assert found == []


def test_no_function_accepts_digits_of_other_scripts() -> None:
    files = list((ROOT / "db/functions").rglob("*.sql"))
    assert len(files) > 20
    found = [
        path.name for path in files for sign in ("\\d", "[:digit:]") if sign in path.read_text()
    ]
    assert found == []


@pytest.mark.parametrize(
    "sqlstate", ["PT\u0664\u0660\u0664", "PT\uff14\uff10\uff14", "PT4\u00b2\u00b2"]
)
def test_sqlstate_with_other_digits_is_not_a_status(sqlstate: str) -> None:
    assert rest_status("PT404") == 404
    assert rest_status(sqlstate) == 500


def test_port_with_other_digits_is_rejected() -> None:
    with pytest.raises(ConnectError):
        parameters("postgresql://x@localhost:\u0665\u0664\u0663\u0662/x")
