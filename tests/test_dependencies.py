"""Every package that the code imports is a declared dependency."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = ("api", "cli", "db", "worker")
# db/tools/docs.py runs only in a checkout, with tools of the tests
OWN = {*HOUSES, "tests"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def imported(folder: str) -> set[str]:
    """Returns the packages that the files of this folder import anywhere."""
    found: set[str] = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - OWN - sys.stdlib_module_names


def name_of(requirement: str) -> str:
    """Returns the normalized name (PEP 503) of a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!;~ ]", requirement)[0]).lower()


def declared(*extras: str) -> dict[str, str]:
    """Returns the requirements of the project and these extras, by name."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {name_of(line): line for line in lines}


@pytest.mark.parametrize("folder", HOUSES)
def test_every_import_is_a_declared_dependency(folder: str) -> None:
    brought_by = packages_distributions()
    known = declared(*(["indexer", "procrastinate"] if folder == "worker" else []))
    missing = {
        package: brought_by[package]
        for package in imported(folder)
        if not {name_of(name) for name in brought_by[package]} & known.keys()
    }
    assert missing == {}


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    loose = [
        line
        for line in declared("indexer").values()
        if not re.search(r">=[^,]+,<", line) and "==" not in line
    ]
    assert loose == []


def test_uvicorn_is_pinned_to_a_minor_version() -> None:
    minor = re.fullmatch(r"uvicorn>=0\.(\d+),<0\.(\d+)", declared()["uvicorn"])
    assert minor is not None
    assert int(minor[2]) == int(minor[1]) + 1
