"""Why a local repository cannot be fetched: what git does not tell, its folder does."""

from __future__ import annotations

from pathlib import Path

from worker.indexer.git import damaged_error
from worker.indexer.protocol import IndexingError
from worker.indexer.source import alternates, common_dir, settings

_OF_THE_REPOSITORY = frozenset(
    {"clone_failed", "damaged_repository", "repository_not_found", "unknown_commit"}
)


def explain_fetch_error(error: IndexingError, git_dir: Path) -> IndexingError:
    """The error of a fetch from this folder, or the one that tells what is wrong with the folder.

    What is there has been looked at: it has a HEAD and objects.
    """
    if error.code not in _OF_THE_REPOSITORY:
        return error
    common = common_dir(git_dir)
    if any(_is_partial(key) for key, _ in settings(common / "config")):
        return IndexingError(
            "partial_repository",
            "The repository is a partial clone, and holds only some of its files. Have git fetch"
            " the others: git config --unset remote.origin.partialclonefilter, then git fetch"
            " --refetch. Or index the repository that it was cloned from.",
        )
    if not all(each.is_dir() for each in alternates(common / "objects")):
        return IndexingError(
            "missing_alternate",
            "The repository borrows objects from a folder that is not there any more: see"
            " objects/info/alternates. Put that folder back, or clone the repository again.",
        )
    if error.code == "unknown_commit" and (common / "shallow").is_file():
        return IndexingError(
            "unknown_commit",
            "The commit is not in the repository, which is a shallow clone. Have git fetch the rest"
            " of its history: git fetch --unshallow.",
        )
    return damaged_error() if error.code == "repository_not_found" else error


def _is_partial(key: str) -> bool:
    return key == "extensions.partialclone" or (key.startswith("remote.") and ".promisor" in key)
