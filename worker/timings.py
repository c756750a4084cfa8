"""How long a runner waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds. The defaults are those of production; tests give others."""

    idle: tuple[float, float] = (0.25, 1.0)
    """Between two claims that found nothing: at first, and at most."""
    rescue_every: float = 10.0
    """Between two looks for attempts whose worker is gone."""
    purge_every: float = 60.0
    """Between two purges of old jobs, where there is a RETENTION_DAYS."""
    report_every: float = 0.5
    """Between two reports of progress, and between two tries to store a result."""
    report_quiet: float = 1.0
    """Between two reports when there is no progress; a report also asks about cancellation."""
    report_runner: float = 5.0
    """Between two reports of the runner on itself."""
    call: float = 10.0
    """How long the database may take to answer."""
    log_outage_every: float = 60.0
    """Between two lines of the log about an outage that lasts."""
    store: float = 300.0
    """How long a statement may take that stores what an indexer found, or reads what is stored.
    While a job does either, its lease is renewed for twice as long."""
    store_ahead: float = 4.0
    """How long before the end of indexing its rows begin to be stored, if all of them are new. That
    locks the repository for as long, and the job ends earlier."""
    hand_back: float = 3.0
    """How long handing back a job may take, and closing the connections."""
    indexer_start: float = 60.0
    """How long an indexer may take to start."""
    credentials: float = 10.0
    """How long the credential helper may take to answer."""
    indexer_overtime: float = 30.0
    """How long past its own time limit an indexer may run before the runner kills it."""
