"""The logs of the API and the worker, on stderr: one JSON object per line, or text on a terminal.

Put values in fields, never in the message: `logger.warning("cannot claim jobs", error=str(error))`.
The standard field names are request_id, route, status, job_id, tenant_id, user_id, key_id, attempt,
seconds and milliseconds.
"""

from __future__ import annotations

import logging
import re
import sys
from contextvars import ContextVar
from typing import Final, cast

# If rich is installed, structlog loads it for tracebacks on a terminal. A server does not need it,
# and it takes 40 % of structlog's loading time
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
    """Returns a module's logger. Its records are standard library records with fields."""
    return cast(
        Logger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.stdlib.filter_by_level,
                _with_bound,
                structlog.stdlib.render_to_log_kwargs,
            ],
            wrapper_class=Logger,
        ),
    )


# structlog's own contextvars take five times as long, and every request binds its id
_bound: Final[ContextVar[dict[str, object]]] = ContextVar("fields of logs")


def bind(**fields: object) -> None:
    """Adds fields to everything that this task and its subtasks log from now on."""
    _bound.set({**_bound.get({}), **fields})


def bind_only(**fields: object) -> None:
    """Like bind, but drops what was bound before, such as by the connection's earlier request."""
    _bound.set(fields)


def _with_bound(
    _: object, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in _bound.get({}).items():
        fields.setdefault(name, value)
    return fields


def set_up(level: int = logging.INFO) -> None:
    """Logs to stderr: our own records from `level` on, and warnings of libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(is_terminal=sys.stderr.isatty()))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in _OWN:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # users of pools log these themselves


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Formats a record of structlog or the standard library as one line, without secrets."""

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
                _with_bound,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _without_doubles(
    _: object, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drops duplicates of the event that other formatters and uvicorn add to a record."""
    for name in ("message", "asctime", "color_message"):
        fields.pop(name, None)
    return fields


def without_secrets(text: str) -> str:
    """Replaces recognizable keys, tokens and URL passwords in the text with ***."""
    return _SECRETS.sub(
        lambda found: f"{found[found.lastgroup] if found.lastgroup else ''}***", text
    )
