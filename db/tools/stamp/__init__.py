"""Writes the migrations from the declared functions and policies, and checks for drift.

``db/functions/**.sql`` (one function per file) and ``db/policies/*.sql`` (one table per file) are
the source of truth. A migration embeds every file that changed since the previous one, without its
opening comment, between ``-- stamp: PATH`` and ``-- end stamp``. The rollback embeds the earlier
text. Until a release freezes it, the newest migration is amended. Forward files are copied to
``supabase/migrations``. None of this needs a database.
"""

from __future__ import annotations

from db.tools.stamp.checks import check
from db.tools.stamp.files import (
    DEPENDS,
    END_STAMP,
    RELOAD,
    ROOT,
    STAMP,
    StampError,
    declared_code,
    declared_files,
    freeze,
    migration_files,
    rollback_file,
    stamps,
)
from db.tools.stamp.release import release
from db.tools.stamp.sql import API_ROLES, outline
from db.tools.stamp.transition import HANDBACK, HANDOVER, declared_sql, transition
from db.tools.stamp.write import ABOVE, BELOW_ROLLBACK, Stamped, write

__all__ = [
    "ABOVE",
    "API_ROLES",
    "BELOW_ROLLBACK",
    "DEPENDS",
    "END_STAMP",
    "HANDBACK",
    "HANDOVER",
    "RELOAD",
    "ROOT",
    "STAMP",
    "StampError",
    "Stamped",
    "check",
    "declared_code",
    "declared_files",
    "declared_sql",
    "freeze",
    "migration_files",
    "outline",
    "release",
    "rollback_file",
    "stamps",
    "transition",
    "write",
]
