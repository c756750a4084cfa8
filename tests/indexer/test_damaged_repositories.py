"""Errors for incomplete local repositories, and remedies that work."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Git, Index


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def source(repository: Git) -> Path:
    for number in range(3):
        repository.commit({f"a{number}.py": f"def f{number}(): ..."})
    git(repository.path, "config", "uploadpack.allowFilter", "true")
    return repository.path


@pytest.fixture
def clone(source: Path, roots: Path) -> Callable[..., Path]:
    """Clones the source with these options of git."""

    def make(*options: str) -> Path:
        git(roots, "clone", "-q", *options, f"file://{source}", "cloned")
        return roots / "cloned"

    return make


def said(index: Index, folder: Path, **request: str) -> tuple[str | None, str]:
    outcome = index(folder, **request)
    return outcome.error, str(outcome.last.get("message", ""))


@pytest.mark.parametrize("part", ["blob:none", "tree:0", "blob:limit=1"])
@pytest.mark.parametrize("by_commit", [False, True])
def test_partial_clone_is_reported_and_indexed_after_the_remedy(
    clone: Callable[..., Path], index: Index, part: str, by_commit: bool
) -> None:
    folder = clone("--no-checkout", f"--filter={part}")
    request = {"commit_sha": git(folder, "rev-parse", "HEAD")} if by_commit else {}
    code, message = said(index, folder, **request)
    assert code == "partial_repository"
    commands = re.findall(r"git (config --unset [a-z.]+|fetch --refetch)", message)
    assert len(commands) == 2
    for command in commands:
        git(folder, *command.split())
    assert index(folder, **request).last["event"] == "result"


def test_missing_alternate_is_reported(source: Path, roots: Path, index: Index) -> None:
    git(roots, "clone", "-q", "--shared", str(source), "borrowing")
    source.rename(roots / "moved")
    code, message = said(index, roots / "borrowing")
    assert code == "missing_alternate"
    assert "objects/info/alternates" in message
    (roots / "moved").rename(source)
    assert index(roots / "borrowing").last["event"] == "result"


def test_alternate_outside_the_roots_is_reported_without_its_path(
    source: Path, tmp_path: Path, index: Index
) -> None:
    for there in (tmp_path, tmp_path / "nothing"):
        (source / ".git/objects/info/alternates").write_text(f"{there}\n")
        code, message = said(index, source)
        assert code == "local_path_not_allowed"
        assert "objects/info/alternates" in message
        assert str(tmp_path) not in message


FAULTS: dict[str, Callable[[Path], None]] = {
    "a blob is missing": lambda folder: remove(folder, "HEAD:a2.py"),
    "a tree is missing": lambda folder: remove(folder, "HEAD^{tree}"),
    "the commit is missing": lambda folder: remove(folder, "HEAD"),
    "a blob is garbage": lambda folder: object_of(folder, "HEAD:a2.py").write_text("garbage"),
    "HEAD is garbage": lambda folder: write(folder / ".git/HEAD", "garbage"),
    "the branch is garbage": lambda folder: write(folder / ".git/refs/heads/main", "1" * 40),
    "the configuration is garbage": lambda folder: write(folder / ".git/config", "[broken"),
}


def object_of(folder: Path, name: str) -> Path:
    oid = git(folder, "rev-parse", name)
    file = folder / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    return file


def remove(folder: Path, name: str) -> None:
    object_of(folder, name).unlink()


def write(file: Path, text: str) -> None:
    file.write_text(f"{text}\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_repository_is_reported_as_damaged(source: Path, index: Index, fault: str) -> None:
    FAULTS[fault](source)
    code, message = said(index, source)
    assert code == "damaged_repository"
    assert "git config --list" in message or "git fsck" in message


@pytest.mark.parametrize("fault", ["a blob is missing", "the commit is missing"])
def test_damage_is_reported_when_a_commit_is_requested(
    source: Path, index: Index, fault: str
) -> None:
    commit = git(source, "rev-parse", "HEAD")
    FAULTS[fault](source)
    assert said(index, source, commit_sha=commit)[0] == "damaged_repository"


def test_missing_commit_of_a_shallow_clone_is_found_after_the_remedy(
    clone: Callable[..., Path], source: Path, index: Index
) -> None:
    folder, older = clone("--depth=1"), git(source, "rev-parse", "HEAD~1")
    code, message = said(index, folder, commit_sha=older)
    assert code == "unknown_commit"
    assert "git fetch --unshallow" in message
    git(folder, "fetch", "--unshallow", "-q")
    assert index(folder, commit_sha=older).last["event"] == "result"
    assert said(index, folder, commit_sha="1" * 40) == (
        "unknown_commit",
        "The commit is not in the repository.",
    )


@pytest.mark.parametrize("name", ["a\u00a0b", "a\u3000b", "ä ö", "a%20b", "a#b?c"])
def test_folder_may_have_any_readable_name(
    source: Path, roots: Path, index: Index, name: str
) -> None:
    shutil.copytree(source, roots / name)
    assert index(roots / name).last["event"] == "result"
    assert index((roots / name).as_uri()).last["event"] == "result"
