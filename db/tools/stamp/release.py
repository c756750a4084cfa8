"""Releases: freezes the migrations, dates the changelog and sets the version."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from db.tools.stamp.checks import check
from db.tools.stamp.files import ROOT, StampError, freeze

UNRELEASED = "## Unreleased\n"
_NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_RELEASED = re.compile(r"^## ([0-9]+\.[0-9]+\.[0-9]+) - ", re.M)
_PROJECT_VERSION = re.compile(r'^version = "[^"]*"$', re.M)


def release(version: str, *, root: Path = ROOT) -> list[str]:
    """Makes the working tree a release, for its owner to commit; returns the migrations it freezes.

    Raises StampError, and changes nothing, when something is not committed or not stamped, when
    the changelog has nothing to release, or when `version` is not above the last one.
    """
    changelog, project = root / "CHANGELOG.md", root / "pyproject.toml"
    text = changelog.read_text(encoding="utf-8")
    _refuse(version, text, root)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    changelog.write_text(
        text.replace(UNRELEASED, f"{UNRELEASED}\n## {version} - {today}\n", 1), encoding="utf-8"
    )
    project.write_text(
        _PROJECT_VERSION.sub(
            f'version = "{version}"', project.read_text(encoding="utf-8"), count=1
        ),
        encoding="utf-8",
    )
    return freeze(root)


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
        raise StampError(f"git says: {done.stderr.strip()}; release from a git checkout")
    if done.stdout:
        raise StampError(f"not everything is committed; commit it first:\n{done.stdout.rstrip()}")
    if problems := check(root):
        raise StampError("\n".join(problems))
    _, unreleased, rest = changelog.partition(UNRELEASED)
    if not unreleased:
        raise StampError(f"CHANGELOG.md: the line '{UNRELEASED.strip()}' is missing; add it")
    if not re.split(r"^## ", rest, maxsplit=1, flags=re.M)[0].strip():
        raise StampError("CHANGELOG.md: nothing is unreleased; write what changed for callers")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
