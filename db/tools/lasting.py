"""Troubles that last, in the log."""

from __future__ import annotations

import time
from typing import Final

from db.tools.logs import Logger

_TELL_EVERY: Final = 60.0


class Trouble:
    """Logged as a warning when it begins, when its reason changes, and every minute until its end,
    which is logged too."""

    def __init__(self, logger: Logger, event: str, end: str, every: float = _TELL_EVERY) -> None:
        self._logger = logger
        self._event = event
        self._end = end
        self._every = every
        self._told: tuple[str, float] | None = None

    def lasts(self, reason: str) -> None:
        """Says that it is there; call it as often as it is met."""
        now = time.monotonic()
        if self._told is None or self._told[0] != reason or now - self._told[1] > self._every:
            self._told = reason, now
            self._logger.warning(self._event, reason=reason)

    def is_over(self) -> None:
        """Says that all is well."""
        if self._told is not None:
            self._logger.warning(self._end)
        self._told = None
