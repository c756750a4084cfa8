"""The metrics of jobs, from api_job_metrics(). Every process reports the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

BOUNDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, math.inf)
"""The histogram buckets in seconds, the same as in private.metric_bucket."""


class JobMetrics(Collector):
    """One answer of api_job_metrics()."""

    def __init__(self, body: str) -> None:
        # exact sums: a sum of floats may decrease in its last digit, which a counter must not
        self._found: Mapping[str, Any] = json.loads(body, parse_float=Decimal)

    def collect(self) -> Iterator[Metric]:
        transitions = CounterMetricFamily(
            "job_status_transitions",
            "Status changes of index jobs since counting began; from none for new jobs.",
            labels=["from", "to"],
        )
        for before, after, jobs in self._found["transitions"]:
            transitions.add_metric([before, after], jobs)
        yield transitions
        yield self._histogram(
            "duration", "Seconds from the start of an index job's first attempt to its end."
        )
        yield self._histogram("wait", "Seconds that index jobs waited for their first attempt.")
        attempts = CounterMetricFamily(
            "job_attempts", "Finished attempts of index jobs, by outcome.", labels=["outcome"]
        )
        for outcome, number in self._found["attempts"].items():
            attempts.add_metric([outcome], number)
        yield attempts
        yield GaugeMetricFamily(
            "job_failure_rate",
            "Share of failed jobs among those completed or failed in the last 60 minutes; 0 "
            "without any.",
            self._found["failure_rate"],
        )
        yield self._gauge("jobs", "Index jobs, by status.", "status", self._found["jobs"])
        yield self._gauge(
            "jobs_stuck",
            "Index jobs that are processing but stuck.",
            "kind",
            self._found["stuck"],
        )
        yield self._time(
            "job_oldest_claimable_timestamp_seconds",
            "When the index job that has waited longest became free; absent if none waits.",
            self._found["oldest_claimable"],
        )
        yield self._time(
            "job_oldest_processing_timestamp_seconds",
            "When the index job that has been processing longest started; absent if none is.",
            self._found["oldest_processing"],
        )
        yield self._gauge(
            "job_runners",
            "Workers: alive (seen in the last 15 seconds) or gone (seen in the last hour).",
            "state",
            self._found["runners"],
        )
        yield self._gauge(
            "job_runner_slots",
            "Slots reported by the workers that are alive.",
            "state",
            self._found["slots"],
        )
        yield self._gauge(
            "job_table_bytes",
            "Size of a table with its indexes.",
            "table",
            self._found["table_bytes"],
        )

    def _histogram(self, name: str, words: str) -> Metric:
        counted = {float(bound): jobs for bound, jobs in (self._found[name] or {}).items()}
        total, buckets = 0, []
        for bound in BOUNDS:
            total += counted.get(bound, 0)
            buckets.append(("+Inf" if bound == math.inf else str(bound), total))
        return HistogramMetricFamily(
            f"job_{name}_seconds", words, buckets=buckets, sum_value=self._found[f"{name}_seconds"]
        )

    @staticmethod
    def _gauge(name: str, words: str, label: str, values: Mapping[str, int]) -> Metric:
        gauge = GaugeMetricFamily(name, words, labels=[label])
        for value, number in values.items():
            gauge.add_metric([value], number)
        return gauge

    @staticmethod
    def _time(name: str, words: str, seconds: Decimal | int | None) -> Metric:
        gauge = GaugeMetricFamily(name, words)
        if seconds is not None:
            gauge.add_metric([], float(seconds))
        return gauge
