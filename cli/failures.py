"""The messages of commands that fail for a known reason."""

from __future__ import annotations

from cli.client import ApiError
from cli.exit_codes import ExitCode
from cli.terminal import Terminal

# By name, because importing them would load all commands. The text of each is the whole message.
SENTENCES = frozenset(
    {
        "api.main.ListenError",
        "cli.errors.CommandError",
        "db.local.binaries.BinariesError",
        "db.local.postgres.PostgresError",
        "db.tools.backup.BackupError",
        "db.tools.bridges.BridgeError",
        "db.tools.connection.ConnectError",
        "db.tools.migrate.MigrationError",
        "db.tools.project.ProjectError",
        "db.tools.settings.SettingError",
    }
)
DATABASE = "psycopg.Error"


def report(error: Exception) -> int:
    """Prints the error to stderr and returns the exit code. Raises an unknown error again."""
    sentence, code = _explain(error)
    Terminal().say(f"error: {sentence}", "red")
    return code


def _explain(error: Exception) -> tuple[str, ExitCode]:
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    match error:
        case ApiError():
            return str(error), error.exit_code
        case _ if names & SENTENCES:
            return str(error), ExitCode.FAILED
        case _ if DATABASE in names:
            return f"the database reports: {str(error).strip()}", ExitCode.FAILED
        case UnicodeEncodeError():
            return "an argument is not UTF-8", ExitCode.USAGE
        case OSError():
            return f"{error.filename or 'the system'}: {error.strerror}", ExitCode.FAILED
    raise error
