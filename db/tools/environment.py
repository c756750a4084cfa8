"""Removes variables from a process's environment on which its behavior must not depend.

worker/spawner.py and worker/indexer/git.py set the complete environment of an indexer and its git.
"""

from __future__ import annotations

import os
import re
from typing import Final

# `git rev-parse --local-env-vars`: what git sets for its hooks overrides the folder that a
# later git is given.
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
    """Cleans up before every command.

    Removes the variables of a git hook that may run it, and an impossible terminal width, at which
    nothing would be printed.
    """
    for name in _OF_A_REPOSITORY:
        os.environ.pop(name, None)
    if not re.fullmatch("[1-9][0-9]*", os.environ.get("COLUMNS", "1")):
        del os.environ["COLUMNS"]


def forget_servers() -> None:
    """Removes libpq's variables (PGSSLMODE, PGSERVICE, PGHOSTADDR, PGOPTIONS …).

    Called before the embedded server is used. The variables are meant for other servers.
    """
    for name in list(os.environ):
        if name.startswith("PG"):
            del os.environ[name]
