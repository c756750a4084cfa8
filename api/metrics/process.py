"""The metrics of this process: its requests, connections and refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.rpc.contract import Rpc

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ProcessMetrics:
    """The counters of one process. They start at 0 when it starts.

    `others` are the metrics of other parts of the process.
    """

    def __init__(self, rpc: Rpc, others: Sequence[Collector] = ()) -> None:
        # otherwise they would double the number of series
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Seconds from a request to the start of its answer, except if it asked to wait.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
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
        for collector in (_Database(rpc), *others):
            self.registry.register(collector)
        # looking up a child by its labels costs more than counting
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def count_request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Counts an answer. `route` is the template of the path; without `seconds`, it waited."""
        method = method if method in _METHODS else "other"
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._requests.labels(method, route, str(status))
            self._counters[method, route, status] = counter
        counter.inc()
        if seconds is None:
            return
        histogram = self._histograms.get((method, route))
        if histogram is None:
            histogram = self._histograms[method, route] = self._seconds.labels(method, route)
        histogram.observe(seconds)


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
