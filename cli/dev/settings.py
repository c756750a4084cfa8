"""The settings of a process that is the API and a worker: make serve and the demo."""

from __future__ import annotations

from api.settings import ApiSettings
from worker.settings import WorkerSettings


class StackSettings(ApiSettings, WorkerSettings):
    """All settings there are."""
