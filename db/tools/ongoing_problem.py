"""Troubles that last, in the log."""

from __future__ import annotations

import time
from typing import Final

from db.tools.logs import Logger

_LOG_EVERY: Final = 60.0


class OngoingProblem:
    """Logged as a warning when it begins, when its reason changes, and every minute until its end,
    which is logged too."""

    def __init__(self, logger: Logger, event: str, end: str, every: float = _LOG_EVERY) -> None:
        self._logger = logger
        self._event = event
        self._end = end
        self._every = every
        self._last_report: tuple[str, float] | None = None

    def report(self, reason: str) -> None:
        """Says that it is there; call it as often as it is met."""
        now = time.monotonic()
        if (
            self._last_report is None
            or self._last_report[0] != reason
            or now - self._last_report[1] > self._every
        ):
            self._last_report = reason, now
            self._logger.warning(self._event, reason=reason)

    def resolve(self) -> None:
        """Says that all is well."""
        if self._last_report is not None:
            self._logger.warning(self._end)
        self._last_report = None
