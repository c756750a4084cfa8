"""Ends attempts whose workers are gone, and retries or fails their jobs."""

from __future__ import annotations

import asyncio

from db.tools.logs import get_logger
from worker.rpc import WorkerRpc

logger = get_logger(__name__)


class Rescue:
    """Checks for stuck jobs every few seconds until cancelled."""

    def __init__(self, rpc: WorkerRpc, *, every: float) -> None:
        self._rpc = rpc
        self._every = every

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            rescued = await self._rpc.rescue()
            if rescued and any(rescued):
                logger.info("stuck jobs ended", **rescued._asdict())
