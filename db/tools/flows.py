"""Draws how a request or a job passes through modules and SQL functions, from the code itself.

In Python, follows calls of imported names, of own methods, and of attributes with a declared class
(in __init__ or in api/state.py). In SQL, follows the functions that a file names and the tables
that it writes. Omits helpers such as records, errors and checks of arguments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]

FLOWS: Final = {
    "poll": ("api/poll.py", "Polls.__call__", True),
    "create": ("api/jobs.py", "create_index_job", True),
    "job": ("worker/runner.py", "Runner._claim_jobs", False),
}
"""The flows: the file and the function where each begins, and whether to show private functions."""

_PACKAGES: Final = ("api.", "worker.")
_NO_STATIONS: Final = re.compile(
    r"(records|errors|timings|scratch|tasks|state|settings|contract|logs|text|protocol|progress"
    r"|fingerprint|guard|source|rules|languages)\.py$"
)
_HELPERS: Final = re.compile(
    r"(is|parse|check|clean|spell)_|clock$|uuid_v7|current_user_id|row_cur"
)
_IMPLEMENTED_BY: Final = {"Rpc": ("api/rpc/database.py", "DatabaseRpc")}
_CALLED: Final = re.compile(r"\b(public|private)\.(\w+)\s*\(")
_WRITTEN: Final = re.compile(r"\b(?:insert into|update|delete from|copy) (?:public|private)\.(\w+)")

Edges = dict[tuple[str, str], set[str]]
"""From one file to another: the names of what is called."""


@dataclass
class _Module:
    """What one Python file defines and imports."""

    path: str
    bodies: dict[str, ast.AST] = field(default_factory=dict)
    """Functions, classes and Class.methods by name, and string constants."""
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Local name -> file and name there. The name is empty for a module."""
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Class -> attribute of self -> name of its class."""


def flow(name: str, root: Path = ROOT) -> str:
    """Returns the flow as a fenced Mermaid diagram."""
    edges: Edges = {}
    seen: set[tuple[str, str]] = set()
    path, function, shows_private = FLOWS[name]
    _follow(root, path, function, edges, seen)
    if not shows_private:
        edges = _without_private(edges)
    nodes = {node: f"n{at}" for at, node in enumerate(dict.fromkeys(n for e in edges for n in e))}
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  {short}["{_shown(node)}"]' for node, short in nodes.items()]
    for (source, target), labels in edges.items():
        label = ", ".join(sorted(labels))
        arrow = f'-- "{label}" -->' if label else "-->"
        lines.append(f"  {nodes[source]} {arrow} {nodes[target]}")
    return "\n".join([*lines, "```", ""])


def _shown(node: str) -> str:
    return node.removeprefix("db/functions/")


def _without_private(edges: Edges) -> Edges:
    """Removes private functions, and attributes their writes to their callers."""

    def ends(node: str) -> Iterator[tuple[str, set[str]]]:
        for (source, target), labels in edges.items():
            if source == node and target.startswith("db/functions/private/"):
                yield from ends(target)
            elif source == node:
                yield target, labels

    found: Edges = {}
    for source in dict.fromkeys(source for source, _ in edges):
        if not source.startswith("db/functions/private/"):
            for target, labels in ends(source):
                found.setdefault((source, target), set()).update(labels)
    return found


def _follow(root: Path, path: str, name: str, edges: Edges, seen: set[tuple[str, str]]) -> None:
    """Adds the calls of a Python function, recursively."""
    if (path, name) in seen:
        return
    seen.add((path, name))
    module = _module(root, path)
    body = module.bodies.get(name)
    if body is None:
        return
    owner = name.partition(".")[0] if "." in name or isinstance(body, ast.ClassDef) else ""
    parameters = _parameters(body)
    for node in ast.walk(body):
        if isinstance(node, ast.Name) and isinstance(module.bodies.get(node.id), ast.Constant):
            text = module.bodies[node.id]
            assert isinstance(text, ast.Constant)  # noqa: S101  (what the line above asks)
            for function in _sql_functions(root, str(text.value)):
                _add_sql(root, path, function, edges)
        if isinstance(node, ast.Constant) and node.value == "worker.indexer":
            edges[path, "worker/indexer"] = {"starts"}
        if not isinstance(node, ast.Call):
            continue
        for target, called in _targets(module, owner, parameters, node):
            if target != path and not _NO_STATIONS.search(target):
                edges.setdefault((path, target), set()).add(called.rpartition(".")[2])
            if target == path or not _NO_STATIONS.search(target):
                _follow(root, target, called, edges, seen)
            for function in _literals(root, node):
                _add_sql(root, target, function, edges)


def _targets(
    module: _Module, owner: str, parameters: Mapping[str, str], call: ast.Call
) -> Iterator[tuple[str, str]]:
    """Yields the file and name of what is called, if the code determines it."""
    match call.func:
        case ast.Name(id=name) if name in module.imported:
            yield module.imported[name]
        case ast.Name(id=name) if name in module.bodies:
            yield module.path, name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            yield module.path, f"{owner}.{name}"
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in module.imported:
            path, there = module.imported[name]
            yield path, f"{there}.{attribute}" if there else attribute
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if (
            parameters.get(name) in module.imported
        ):
            path, there = module.imported[parameters[name]]
            yield path, f"{there}.{attribute}"
        case ast.Attribute(value=held, attr=attribute):
            if kind := _class_of(module, owner, held):
                yield kind[0], f"{kind[1]}.{attribute}"
        case ast.Subscript() as held:
            if kind := _class_of(module, owner, held):
                yield kind[0], f"{kind[1]}.__call__"


def _class_of(module: _Module, owner: str, held: ast.expr) -> tuple[str, str] | None:
    """Returns the file and name of the class of self.x, state["x"] or request.state.x."""
    match held:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            kind = module.attributes.get(owner, {}).get(name)
            return module.imported.get(kind) if kind else None
        case ast.Subscript(value=ast.Name(id="state"), slice=ast.Constant(value=str(name))):
            pass
        case ast.Attribute(value=ast.Attribute(attr="state"), attr=name):
            pass
        case _:
            return None
    state = _module(ROOT, "api/state.py")
    kind = state.attributes["AppState"].get(name, "")
    return _IMPLEMENTED_BY.get(kind) or state.imported.get(kind)


@cache
def _module(root: Path, path: str) -> _Module:
    module = _Module(path)
    for node in ast.parse((root / path).read_text()).body:
        match node:
            case ast.ImportFrom(module=str(package), names=names) if f"{package}.".startswith(
                _PACKAGES
            ):
                for alias in names:
                    inner = f"{package}.{alias.name}".replace(".", "/") + ".py"
                    outer = package.replace(".", "/") + ".py"
                    is_module = (root / inner).exists()
                    there = (inner, "") if is_module else (outer, alias.name)
                    module.imported[alias.asname or alias.name] = there
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                module.bodies[name] = node
            case ast.ClassDef(name=name, body=body):
                module.bodies[name] = node
                for inner_node in body:
                    if isinstance(inner_node, ast.FunctionDef | ast.AsyncFunctionDef):
                        module.bodies[f"{name}.{inner_node.name}"] = inner_node
                module.attributes[name] = _attributes(node)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str()) as text):
                module.bodies[name] = text
    return module


def _parameters(body: ast.AST) -> dict[str, str]:
    """Returns the class of each annotated parameter."""
    return {
        node.arg: node.annotation.id
        for node in ast.walk(body)
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name)
    }


def _attributes(node: ast.ClassDef) -> dict[str, str]:
    """Returns the class of each attribute that is annotated, created or passed in __init__."""
    found: dict[str, str] = {}
    given = _parameters(node)
    for each in ast.walk(node):
        match each:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind)):
                found[name] = kind
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                value=ast.Call(func=ast.Name(id=kind)),
            ):
                found[name] = kind
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)],
                value=ast.Name(id=value),
            ) if value in given:
                found[name] = given[value]
    return found


# --- SQL ----------------------------------------------------------------------------------------


def _literals(root: Path, call: ast.Call) -> Iterator[str]:
    """Yields the SQL functions that a call names, such as rpc.call("api_get_job_status")."""
    for argument in call.args:
        match argument:
            case ast.Constant(value=str(name)) if (root / f"db/functions/{name}.sql").exists():
                yield f"db/functions/{name}.sql"


def _sql_functions(root: Path, text: str) -> Iterator[str]:
    for schema, name in _CALLED.findall(text):
        path = f"db/functions/{'private/' if schema == 'private' else ''}{name}.sql"
        if not _HELPERS.match(name) and (root / path).exists():
            yield path


def _add_sql(root: Path, source: str, function: str, edges: Edges) -> None:
    """Adds a call of an SQL function, and its own calls and writes."""
    is_known = any(function in edge for edge in edges)
    edges.setdefault((source, function), set())
    if is_known:
        return
    body = (root / function).read_text().partition("as $$")[2].partition("\n$$;")[0]
    body = re.sub(r"--.*", "", body)
    for called in dict.fromkeys(_sql_functions(root, body)):
        if called != function:
            _add_sql(root, function, called, edges)
    for table in dict.fromkeys(_WRITTEN.findall(body)):
        edges.setdefault((function, f"db/tables/{table}.sql"), set()).add("writes")
