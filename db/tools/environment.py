"""What is taken out of a process's environment, so that it and its children do not depend on it.

An indexer and its git get an environment that is stated whole: worker/spawner.py and
worker/indexer/git.py.
"""

from __future__ import annotations

import os
import re
from typing import Final

# `git rev-parse --local-env-vars`: what git sets for its hooks says which repository is meant,
# whatever folder the next git is told.
_OF_A_REPOSITORY: Final = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def clean_up() -> None:
    """What every command does first: forgets the repository of a git hook that runs it, and a width
    that no terminal has, at which nothing would be printed."""
    for name in _OF_A_REPOSITORY:
        os.environ.pop(name, None)
    if not re.fullmatch("[1-9][0-9]*", os.environ.get("COLUMNS", "1")):
        del os.environ["COLUMNS"]


def forget_servers() -> None:
    """What is done before a server of our own is used: its URL says all, and libpq's variables
    (PGSSLMODE, PGSERVICE, PGHOSTADDR, PGOPTIONS …) are about others."""
    for name in list(os.environ):
        if name.startswith("PG"):
            del os.environ[name]
