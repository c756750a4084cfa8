"""The intervals and time limits of a runner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All are in seconds. The defaults are for production; tests set others."""

    idle: tuple[float, float] = (0.25, 1.0)
    """Between two claims that find nothing: the first interval and the longest."""
    rescue_every: float = 10.0
    """Between two checks for attempts whose worker is gone."""
    purge_every: float = 60.0
    """Between two purges of old jobs, if RETENTION_DAYS is set."""
    report_every: float = 0.5
    """Between two progress reports, and between two attempts to store a result."""
    report_quiet: float = 1.0
    """Between two reports without progress. A report also checks for cancellation."""
    report_runner: float = 5.0
    """Between two reports of the runner about itself."""
    call: float = 10.0
    """How long the database can take to answer."""
    log_outage_every: float = 60.0
    """Between two log lines about the same outage."""
    store: float = 300.0
    """How long a statement can take that stores an index or reads the stored one. While a job does
    either, its lease is renewed for twice as long."""
    store_ahead: float = 4.0
    """How long before the end of indexing to start storing a complete new index. The repository is
    locked for that long, and the job ends earlier."""
    hand_back: float = 3.0
    """How long handing a job back, and closing the connections, can take."""
    indexer_start: float = 60.0
    """How long an indexer can take to start."""
    credentials: float = 10.0
    """How long the credential helper can take to answer."""
    indexer_overtime: float = 30.0
    """How long an indexer can exceed its own time limit before the runner kills it."""
