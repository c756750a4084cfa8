"""The metrics of this process: its requests, connections and refusals."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.rpc.contract import Rpc

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS = (*map(str, _SECONDS), "+Inf")


class ProcessMetrics:
    """The counters of one process. They start at 0 when it starts.

    `others` are the metrics of other parts of the process.
    """

    def __init__(self, rpc: Rpc, others: Sequence[Collector] = ()) -> None:
        # otherwise they would double the number of series
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        requests = _Requests()
        self.count_request: Final = requests.count
        self.is_up = Gauge(
            "job_metrics_up",
            "Whether the database answered this scrape. If not, the metrics of jobs are absent.",
            registry=self.registry,
        )
        self.seconds = Gauge(
            "job_metrics_seconds",
            "Seconds that the database took to answer this scrape.",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        for collector in (requests, _Database(rpc), *others):
            self.registry.register(collector)


class _Requests(Collector):
    """The answered requests. The library's counters take four times as long, because they lock."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[tuple[str, str], _Durations] = {}

    def count(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Counts an answer. `route` is the template of the path; without `seconds`, it waited."""
        method = method if method in _METHODS else "other"
        answer = (method, route, status)
        self._answered[answer] = self._answered.get(answer, 0) + 1
        if seconds is None:
            return
        durations = self._seconds.get((method, route))
        if durations is None:
            durations = self._seconds[method, route] = _Durations()
        durations.counts[bisect_left(_SECONDS, seconds)] += 1
        durations.sum += seconds

    def collect(self) -> Iterator[Metric]:
        answered = CounterMetricFamily(
            "http_requests", "Answered requests.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in self._answered.items():
            answered.add_metric([method, route, str(status)], count)
        yield answered
        seconds = HistogramMetricFamily(
            "http_request_seconds",
            "Seconds from a request to the start of its answer, except if it asked to wait.",
            labels=["method", "route"],
        )
        for labels, durations in self._seconds.items():
            buckets = list(zip(_BOUNDS, accumulate(durations.counts), strict=True))
            seconds.add_metric(labels, buckets, durations.sum)
        yield seconds


class _Durations:
    """How many requests took how long: one count for each of _BOUNDS, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.sum = 0.0


class _Database(Collector):
    """The connections to the database, and the requests refused because of a quota."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "job_quota_refusals",
            "Requests refused because the user's quota was used up.",
            self._rpc.quota_refusals,
        )
        connections = GaugeMetricFamily(
            "database_connections", "Connections to the database.", labels=["pool", "state"]
        )
        waiting = GaugeMetricFamily(
            "database_calls_waiting", "Calls that wait for a connection.", labels=["pool"]
        )
        for pool in self._rpc.pools():
            connections.add_metric([pool.name, "busy"], pool.busy)
            connections.add_metric([pool.name, "idle"], pool.idle)
            waiting.add_metric([pool.name], pool.waiting)
        yield connections
        yield waiting
