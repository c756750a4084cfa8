"""Deletes old jobs, if RETENTION_DAYS is set."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from db.tools.logs import get_logger
from worker.rpc import WorkerRpc

logger = get_logger(__name__)


class Retention:
    """Purges periodically until cancelled. Without `days`, does nothing."""

    def __init__(self, rpc: WorkerRpc, *, days: int | None, every: float) -> None:
        self._rpc = rpc
        self._days = days
        self._every = every

    async def run(self) -> None:
        while self._days is not None:
            total = 0
            while purged := await self._rpc.purge(timedelta(days=self._days)):
                total += purged
            if total:
                logger.info("old jobs purged", jobs=total, retention_days=self._days)
            await asyncio.sleep(self._every)
