"""What a command says when it fails for a known reason.

Loaded only then: it knows the errors of every command, and so imports all of them.
"""

from __future__ import annotations

import psycopg

from api.main import ListenError
from cli.client import ApiError
from cli.errors import CommandError
from cli.exits import Exit
from cli.terminal import Terminal
from db.local.binaries import BinariesError
from db.local.postgres import PostgresError
from db.tools.backup import BackupError
from db.tools.connection import ConnectError
from db.tools.migrate import MigrationError
from db.tools.project import ProjectError
from db.tools.settings import SettingError


def report(error: Exception) -> int:
    """Says on stderr what went wrong; returns the exit code. Raises an error that is not known."""
    sentence, code = _explain(error)
    Terminal().say(f"error: {sentence}", "red")
    return code


def _explain(error: Exception) -> tuple[str, Exit]:
    match error:
        case ApiError():
            return str(error), error.exit_code
        case SettingError() | ListenError() | CommandError() | PostgresError() | ConnectError():
            return str(error), Exit.FAILED
        case MigrationError() | ProjectError() | BackupError() | BinariesError():
            return str(error), Exit.FAILED
        case psycopg.Error():
            return f"the database says: {str(error).strip()}", Exit.FAILED
        case UnicodeEncodeError():
            return "an argument is not UTF-8", Exit.USAGE
        case OSError():
            return f"{error.filename or 'the system'}: {error.strerror}", Exit.FAILED
    raise error
