"""Explains why a local repository cannot be fetched, by what is in its folder."""

from __future__ import annotations

from pathlib import Path

from worker.indexer.git import damaged_error
from worker.indexer.protocol import IndexingError
from worker.indexer.source import alternates, common_dir, settings

_OF_THE_REPOSITORY = frozenset(
    {"clone_failed", "damaged_repository", "repository_not_found", "unknown_commit"}
)


def explain_fetch_error(error: IndexingError, git_dir: Path) -> IndexingError:
    """Returns a more precise error for a failed fetch from this folder, or the same error.

    The folder is known to have a HEAD and objects.
    """
    if error.code not in _OF_THE_REPOSITORY:
        return error
    common = common_dir(git_dir)
    if any(_is_partial(key) for key, _ in settings(common / "config")):
        return IndexingError(
            "partial_repository",
            "The repository is a partial clone, which lacks some of its files. Fetch them with"
            " git config --unset remote.origin.partialclonefilter, then git fetch --refetch. Or"
            " index the repository that it was cloned from.",
        )
    if not all(each.is_dir() for each in alternates(common / "objects")):
        return IndexingError(
            "missing_alternate",
            "The repository borrows objects from a folder that no longer exists: see"
            " objects/info/alternates. Restore that folder, or clone the repository again.",
        )
    if error.code == "unknown_commit" and (common / "shallow").is_file():
        return IndexingError(
            "unknown_commit",
            "The commit is not in the repository, which is a shallow clone. Fetch the rest of its"
            " history with git fetch --unshallow.",
        )
    return damaged_error() if error.code == "repository_not_found" else error


def _is_partial(key: str) -> bool:
    return key == "extensions.partialclone" or (key.startswith("remote.") and ".promisor" in key)
