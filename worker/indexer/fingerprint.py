"""Identifies the extractor that made a row. The same extractor makes the same rows again."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from worker.indexer.languages import GRAMMARS

_FOLDER = Path(__file__).parent
# These modules do not affect which files are indexed or what is found in them.
_OTHERS = {"__init__", "__main__", "address_pinning", "copy_text", "fingerprint", "git", "guard"}
_OTHERS |= {"protocol", "server", "source"}


@cache
def fingerprint(file_bytes: int) -> str:
    """Returns an id that changes with the code that makes rows, and with the file size limit.

    Raises PackageNotFoundError if the indexer's extra is not installed.
    """
    digest = hashlib.sha256(str(file_bytes).encode())
    for wheel in sorted({"tree_sitter"} | {module for module, _ in GRAMMARS.values()}):
        digest.update(f"{wheel} {version(wheel)}\n".encode())
    modules = (path for path in _FOLDER.glob("*.py") if path.stem not in _OTHERS)
    for path in sorted([*modules, *_FOLDER.glob("queries/*.scm")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
