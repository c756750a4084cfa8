"""Releases: freezes the migrations, dates the changelog and sets the version."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from db.tools.stamp.checks import check
from db.tools.stamp.files import ROOT, StampError, freeze, migration_files

UNRELEASED = "## Unreleased\n"
_NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_RELEASED = re.compile(r"^## ([0-9]+\.[0-9]+\.[0-9]+) - ", re.M)
_PROJECT_VERSION = re.compile(r'^version = "([^"]*)"$', re.M)
_NAMED_IN = (
    "docs/deploy/Containerfile",
    "docs/deploy/README.md",
    "docs/deploy/kubernetes/*.yaml",
    "docs/examples/README.md",
    "docs/examples/package.json",
)
"""The files, besides pyproject.toml, that contain the version."""


def release(version: str, *, root: Path = ROOT) -> list[str]:
    """Makes the working tree a release to commit. Returns the migrations that it freezes.

    Adds its date and its schema to the changelog. From then on, the tests upgrade from that schema.
    Raises StampError and changes nothing if something is not committed or not stamped, the
    changelog has nothing to release, or `version` is not above the last one.
    """
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    _refuse(version, text, root)
    renamed = _renamed(version, root)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    schema = migration_files(root)[-1].name[:14]
    head = f"{UNRELEASED}\n## {version} - {today}\n\nThe schema is {schema}.\n"
    for file, changed in {**renamed, changelog: text.replace(UNRELEASED, head, 1)}.items():
        file.write_text(changed, encoding="utf-8")
    return freeze(root)


def _renamed(version: str, root: Path) -> dict[Path, str]:
    """Returns the new text of each file that names a different version."""
    project = root / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    found = _PROJECT_VERSION.search(text)
    if found is None:
        raise StampError("pyproject.toml: the line 'version = …' is missing; add it")
    texts = {project: _PROJECT_VERSION.sub(f'version = "{version}"', text, count=1)}
    former = re.compile(
        rf"(index[-_]jobs(?:-client)?[-:]|\"version\": \"){re.escape(found[1])}(?![0-9])"
    )
    for file in sorted(file for pattern in _NAMED_IN for file in root.glob(pattern)):
        texts[file] = former.sub(rf"\g<1>{version}", file.read_text(encoding="utf-8"))
    # an older file that is as it was spares make the installation of what depends on it
    return {file: text for file, text in texts.items() if text != file.read_text(encoding="utf-8")}


def _refuse(version: str, changelog: str, root: Path) -> None:
    if not _NUMBER.fullmatch(version):
        raise StampError(f"{version!r} is not a version: make release VERSION=1.2.3")
    last = max((_parts(number) for number in _RELEASED.findall(changelog)), default=None)
    if last and _parts(version) <= last:
        raise StampError(f"{version} is not above {'.'.join(map(str, last))}, the last release")
    status = ["git", "-C", str(root), "status", "--porcelain"]
    done = subprocess.run(
        status, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise StampError(f"git reports: {done.stderr.strip()}; release from a git checkout")
    if done.stdout:
        raise StampError(f"not everything is committed; commit it first:\n{done.stdout.rstrip()}")
    if problems := check(root):
        raise StampError("\n".join(problems))
    _, unreleased, rest = changelog.partition(UNRELEASED)
    if not unreleased:
        raise StampError(f"CHANGELOG.md: the line '{UNRELEASED.strip()}' is missing; add it")
    if not re.split(r"^## ", rest, maxsplit=1, flags=re.M)[0].strip():
        raise StampError("CHANGELOG.md: nothing is unreleased; describe what changed for callers")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
