"""Logs a problem that lasts, without repeating it on every occurrence."""

from __future__ import annotations

import time
from typing import Final

from db.tools.logs import Logger

_LOG_EVERY: Final = 60.0


class OngoingProblem:
    """A problem that is logged when it begins, when its reason changes, every minute, and when it
    ends."""

    def __init__(self, logger: Logger, event: str, end: str, every: float = _LOG_EVERY) -> None:
        self._logger = logger
        self._event = event
        self._end = end
        self._every = every
        self._last_report: tuple[str, float] | None = None

    def report(self, reason: str) -> None:
        """Reports the problem. Call it at every occurrence."""
        now = time.monotonic()
        if (
            self._last_report is None
            or self._last_report[0] != reason
            or now - self._last_report[1] > self._every
        ):
            self._last_report = reason, now
            self._logger.warning(self._event, reason=reason)

    def resolve(self) -> None:
        """Reports that the problem is over."""
        if self._last_report is not None:
            self._logger.warning(self._end)
        self._last_report = None
