"""Logs of API and worker, on stderr: a JSON object a line, or text for people on a terminal.

A value goes into a field of its own, never into the sentence:
`logger.warning("cannot claim jobs", error=str(error))`. Fields that have a name already:
request_id, route, status, job_id, tenant_id, user_id, key_id, attempt, seconds, milliseconds.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, cast

# structlog loads rich, where it is installed, for tracebacks on a terminal; a server has no use
# for it, and it would be 40 % of the time that structlog takes to load
_hides_rich = sys.modules.setdefault("rich", None) is None  # type: ignore[arg-type]
import structlog  # noqa: E402

if _hides_rich:
    del sys.modules["rich"]

Logger = structlog.stdlib.BoundLogger

_OWN: Final = ("api", "db", "worker")
_SECRETS: Final = re.compile(
    r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:'\"]*:)[^\s@/'\"]+(?=@)"  # user:password@
    r"|(?P<key>\bij_[0-9a-f]{16}_)[0-9a-f]{64}"
    r"|(?P<named>\b(?:password|pgpassword|token|secret)=)[^\s&'\"]+"
    r"|(?P<bearer>\bbearer +)[A-Za-z0-9._~+/=-]+"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"  # a JWT
    r"|(?P<supabase>\bsb_(?:secret|publishable)_)[A-Za-z0-9_-]+",
    re.IGNORECASE,
)


def get_logger(name: str) -> Logger:
    """The logger of a module. Its records are those of the standard library, with fields."""
    return cast(
        Logger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.render_to_log_kwargs,
            ],
            wrapper_class=Logger,
        ),
    )


def bind(**fields: object) -> None:
    """Adds fields to all that this task, and those that it starts, log from now on."""
    structlog.contextvars.bind_contextvars(**fields)


def set_up(level: int = logging.INFO) -> None:
    """Writes what this process logs to stderr: its own from `level` on, of libraries warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(is_terminal=sys.stderr.isatty()))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in _OWN:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # those who use pools tell


class Formatter(structlog.stdlib.ProcessorFormatter):
    """One line for a record of structlog or of the standard library, without secrets."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        last: list[structlog.typing.Processor] = (
            [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
            if is_terminal
            else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        )
        super().__init__(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _without_doubles,
                structlog.contextvars.merge_contextvars,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _without_doubles(
    _: object, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drops what other formatters, and uvicorn, leave in a record: the event once more."""
    for name in ("message", "asctime", "color_message"):
        fields.pop(name, None)
    return fields


def without_secrets(text: str) -> str:
    """The text with *** for each key, token and password of a URL that can be told from others."""
    return _SECRETS.sub(
        lambda found: f"{found[found.lastgroup] if found.lastgroup else ''}***", text
    )
