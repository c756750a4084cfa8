"""Decides which files to skip, by their path, their content and the .gitattributes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal

Reason = Literal[
    "symlink",
    "submodule",
    "vendored",
    "generated",
    "documentation",
    "minified",
    "binary",
    "lfs_pointer",
    "oversized",
    "duplicate_path",
    "path_too_long",
]

NOTHING: Mapping[Reason, bool] = MappingProxyType({})
# Names that nobody uses for their own code.
_VENDORED = """
    node_modules bower_components jspm_packages _vendor third_party third-party 3rdparty .yarn
    site-packages
"""
_GENERATED = ".next .nuxt .svelte-kit __pycache__ .ipynb_checkpoints __snapshots__"
_ANYWHERE: dict[str, Reason] = {
    **dict.fromkeys(_GENERATED.split(), "generated"),
    **dict.fromkeys(_VENDORED.split(), "vendored"),
}
# Everyday names. They count at the top level, beside the manifest of the tool that fills the folder
# and, for vendor, in a folder of assets or before a host name.
_MANIFESTS: dict[str, tuple[Reason, frozenset[str]]] = {
    "vendor": (
        "vendored",
        frozenset({"go.mod", "composer.json", "gemfile", "cargo.toml", "package.json"}),
    ),
    "vendors": ("vendored", frozenset({"composer.json", "package.json"})),
    "thirdparty": ("vendored", frozenset({"cmakelists.txt", "package.json"})),
    "godeps": ("vendored", frozenset({"go.mod"})),
    "pods": ("vendored", frozenset({"podfile"})),
    "carthage": ("vendored", frozenset({"cartfile"})),
    "dist": ("generated", frozenset({"package.json", "setup.py", "pyproject.toml"})),
}
MANIFESTS = frozenset[str]().union(*(names for _, names in _MANIFESTS.values()))
_ASSETS = "assets css javascripts js public scripts static stylesheets wwwroot"
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|io|net|in|dev|cc|co|sh|xyz)")
# At the top level, only this spelling belongs to CocoaPods and Carthage.
_CAPITAL = {"pods": "Pods", "carthage": "Carthage", "godeps": "Godeps"}

_GENERATED_NAMES = """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock composer.lock
    cargo.lock poetry.lock pdm.lock uv.lock pipfile.lock gemfile.lock flake.lock go.sum mix.lock
    podfile.lock
"""
_GENERATED_ENDINGS = """
    .pb.go _pb2.py _pb2.pyi _pb2_grpc.py .pb.cc .pb.h .js.map .css.map .ts.map .mjs.map .cjs.map
    .g.dart .freezed.dart .designer.cs .g.cs .snap
"""
_MINIFIED_ENDINGS = ".min.js .min.mjs .min.cjs .min.css -min.js .bundle.js"
_NAMES = frozenset(_GENERATED_NAMES.split())
_ENDINGS: dict[Reason, tuple[str, ...]] = {
    "generated": tuple(_GENERATED_ENDINGS.split()),
    "minified": tuple(_MINIFIED_ENDINGS.split()),
}

# A generated file's mark is at the start of a comment. A comment about such marks has other words
# around it.
_GENERATED_MARK = re.compile(
    rb"^[^\S\n]*(?://+!?|#+!?|/?\*+!?|--|;+|%+|'|<!--)[^\S\n]*"
    rb"(?:this[ ](?:file|code|source)[ ](?:is|was|has[ ]been)[ ])?"
    rb"(?:@generated(?=[^\S\n]*(?:$|[.:;,(<*-]|by\b|from\b|using\b|with\b|automatically\b"
    rb"|do[ ]not\b|signedsource\b))"
    rb"|code[ ]generated\b[^\n]*\bdo[ ]not[ ]edit\b[^\w\n]*$"
    rb"|<auto-?generated\b)",
    re.IGNORECASE | re.MULTILINE,
)
_LFS = re.compile(rb"version https://(?:git-lfs\.github|hawser\.github)\.com/spec/v1\r?\noid ")
_MINIFIABLE = frozenset({"JavaScript", "TypeScript", "TSX", "CSS"})
_MINIFIED_BYTES, _MINIFIED_LINE = 4096, 500
# Data in source code that makes lines long: a data URI, or a long literal without spaces.
_DATA = re.compile(rb"data:[\w/+.;=-]*,[^\s'\"`)]+|'[^'\s]{200,}'|\"[^\"\s]{200,}\"|`[^`\s]{200,}`")
_HEAD_BYTES, _MARK_BYTES = 8000, 1000


def skip_by_path(
    path: str, manifests: Collection[str] = (), attributes: Mapping[Reason, bool] = NOTHING
) -> Reason | None:
    """Returns the reason to skip a file by its path, if any.

    `manifests` are the paths of the repository's files named in MANIFESTS, with the names in lower
    case. The file's `attributes`, for or against a reason, take precedence over guesses.
    """
    for told, wanted in attributes.items():
        if wanted:
            return told
    *folders, name = path.split("/")
    above = ""
    for depth, folder in enumerate(folders):
        lower = folder.lower()
        reason = _ANYWHERE.get(lower)
        if lower in _MANIFESTS and _is_filled_by_a_tool(folders, depth, above, manifests):
            reason = _MANIFESTS[lower][0]
        if reason and reason not in attributes:
            return reason
        above += folder + "/"
    if "generated" in attributes:
        return None
    lower = name.lower()
    if lower in _NAMES:
        return "generated"
    return next((why for why, ends in _ENDINGS.items() if lower.endswith(ends)), None)


def _is_filled_by_a_tool(
    folders: list[str], depth: int, above: str, manifests: Collection[str]
) -> bool:
    folder = folders[depth].lower()
    if depth == 0:
        return folders[0] == _CAPITAL.get(folder, folders[0])
    if folder == "vendor" and (
        folders[depth - 1].lower() in _ASSETS.split()
        or (len(folders) > depth + 1 and _HOST.fullmatch(folders[depth + 1]))
    ):
        return True
    return any(above + name in manifests for name in _MANIFESTS[folder][1])


def skip_by_content(
    language: str | None, content: bytes, attributes: Mapping[Reason, bool] = NOTHING
) -> Reason | None:
    """Returns the reason to skip a file by its content (after decoded_text), if any."""
    head = content[:_HEAD_BYTES]
    if b"\0" in head:
        return "binary"
    if content.startswith(b"version ") and _LFS.match(content):
        return "lfs_pointer"
    if "generated" in attributes:
        return None
    top = head[:_MARK_BYTES]
    if b"generated" in top.lower() and _GENERATED_MARK.search(top):
        return "generated"
    if language in _MINIFIABLE and len(content) > _MINIFIED_BYTES and _is_minified(content):
        return "minified"
    return None


def _is_minified(content: bytes) -> bool:
    """Whether lines of code are longer than people write. Data in literals is not code."""
    lines = content.count(b"\n") + 1
    if len(content) / lines <= _MINIFIED_LINE:
        return False
    return len(_DATA.sub(b"", content)) / lines > _MINIFIED_LINE
