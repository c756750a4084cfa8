"""The metrics of a runner, served by its process."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from db.tools.settings import SettingError
from worker.runner import Runner


class RunnerMetrics(Collector):
    """The calls of the runner that the database refused since the process started."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "job_stale_attempts_refused",
            "Calls that came too late: another attempt of the index job had started.",
            self._runner.stale_attempts_refused,
        )


def serve_metrics(runner: Runner, host: str, port: int) -> None:
    """Serves /metrics in its own thread. Raises SettingError if it cannot listen there."""
    registry = CollectorRegistry()
    registry.register(RunnerMetrics(runner))
    ProcessCollector(registry=registry)
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise SettingError(
            f"METRICS_PORT={port}: cannot listen there ({error.strerror}); use another port"
        ) from None
