"""A repository that was indexed before: only changes are read and reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from worker.indexer.copy_text import Writer

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Outcome

    Remember = Callable[[Outcome], dict[str, Any]]


@pytest.fixture
def remember(tmp_path: Path) -> Remember:
    """Returns the known rows of an earlier outcome, with the ids 101, 102 …"""

    def remember(outcome: Outcome) -> dict[str, Any]:
        path = tmp_path / f"known-{outcome.last['commit_sha']}"
        with Writer(path) as known:
            for number, *row in outcome.files:
                known.write(100 + int(number or 0), *row)
        return {"commit_sha": outcome.last["commit_sha"], "files": str(path)}

    return remember


def ids(outcome: Outcome) -> dict[str | None, str]:
    return {row[1]: str(100 + int(row[0] or 0)) for row in outcome.files}


def gone(outcome: Outcome) -> set[str]:
    return set(Path(outcome.last["gone"]).read_text().split())


def test_only_changes_are_reported_and_stats_cover_everything(
    repository: Git, index: Index, remember: Remember
) -> None:
    repository.commit(
        {
            "kept.py": "def kept(): ...\n",
            "data": "x",
            "tab\there\\.py": "def odd(): ...\n",
            "changed.py": "def before(): ...\n",
            "removed.py": "def removed(): ...\n",
            "moved.py": "def moved(): ...\n",
            "linked.py": "kept.py",
            "generated.py": "def mine(): ...\n",
            "node_modules/a.js": "a",
        }
    )
    first = index(repository.path)
    (repository.path / "removed.py").unlink()
    (repository.path / "linked.py").unlink()
    (repository.path / "linked.py").symlink_to("kept.py")
    (repository.path / "moved.py").rename(repository.path / "vendor.py")
    repository.commit(
        {
            "changed.py": "def after(): ...\ndef more(): ...\n",
            "added.py": "def added(): ...\n",
            "generated.py": "# @generated\n",
        }
    )
    second = index(repository.path, known=remember(first))
    whole = index(repository.path)
    assert set(second.paths) == {"changed.py", "added.py", "vendor.py"}
    assert {row[1] for row in second.symbols} == {"after", "more", "added", "moved"}
    numbers = ids(first)
    changed = ("changed.py", "removed.py", "moved.py", "linked.py", "generated.py")
    assert gone(second) == {numbers[path] for path in changed}
    assert second.stats == whole.stats | {"files_unchanged": 3}
    assert second.skipped == whole.skipped
    assert whole.skipped == {
        "generated.py": "generated",
        "linked.py": "symlink",
        "node_modules/a.js": "vendored",
    }
    assert gone(whole) == set()


def test_link_that_replaces_a_file_with_the_same_content_is_a_change(
    repository: Git, index: Index, remember: Remember
) -> None:
    repository.commit({"a.py": "b.py", "b.py": "x = 1"})
    first = index(repository.path)
    (repository.path / "a.py").unlink()
    (repository.path / "a.py").symlink_to("b.py")
    repository.commit()
    second = index(repository.path, known=remember(first))
    assert (gone(second), second.paths) == ({ids(first)["a.py"]}, [])
    assert second.stats["skipped"] == {"symlink": 1}


def test_limits_include_unchanged_files(repository: Git, index: Index, remember: Remember) -> None:
    repository.commit({f"{n}.py": "def a(): ...\n" for n in range(10)})
    known = remember(index(repository.path))
    repository.commit({"b.py": "def b(): ...\n"})
    for limits, code in [
        ({"total_bytes": 135}, "too_large"),
        ({"symbols": 10}, "too_many_symbols"),
    ]:
        assert index(repository.path, known=known, limits=limits).error == code


def test_known_commit_is_reported_without_a_fetch(
    repository: Git, index: Index, remember: Remember
) -> None:
    commit = repository.commit({"a.py": ""})
    repository("tag", "light")
    repository("tag", "-a", "-m", "one", "annotated")
    known = remember(index(repository.path))
    for request in (
        {},
        {"ref": "main"},
        {"ref": "refs/heads/main"},
        {"ref": "light"},
        {"ref": "annotated"},
        {"ref": commit.upper()},
        {"commit_sha": commit},
    ):
        outcome = index(repository.path, known=known, **request)
        assert outcome.exit_code == 0
        assert outcome.last == {"event": "unchanged", "commit_sha": commit}, request
        assert not list(Path(known["files"]).parent.glob("scratch-[2-9]/**/*.pack"))
    repository.commit({"b.py": ""})
    assert index(repository.path, known=known).paths == ["b.py"]
    assert index(repository.path, known=known, ref="light").last["event"] == "unchanged"
