"""The settings of `make serve` and the demo, which run the API and a worker in one process."""

from __future__ import annotations

from api.settings import ApiSettings
from worker.settings import WorkerSettings


class StackSettings(ApiSettings, WorkerSettings):
    """All settings of the API and the worker."""
