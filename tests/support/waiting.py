"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds that are enough even on a slow machine.
PATIENCE = 300.0


def wait_out_end_of_hour() -> None:
    """Waits for the next clock hour if this one ends within a minute. Quotas count per hour."""
    until(lambda: time.time() % 3600 < 3540)


def until(check: Callable[[], Any], limit: float = PATIENCE, pause: float = 0.02) -> Any:
    """Waits until the check returns something true, and returns it. Fails after `limit` seconds.

    The pause between checks grows from `pause` to 0.1 seconds, because each check takes time
    from the process that it waits for.
    """
    deadline = time.monotonic() + limit
    while not (found := check()):
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(pause)
        pause = min(1.2 * pause, max(pause, 0.1))
    return found
