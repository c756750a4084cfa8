"""/metrics on a port of its own, on the API's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

_DRAIN_SECONDS = 1


class MetricsServer(uvicorn.Server):
    """Serves `app` on `listener` from `start` to `stop`."""

    def __init__(self, app: Starlette, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        self._listener = listener

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the API, which stops this server too."""
        yield

    def start(self) -> None:
        """Starts serving."""
        self._serving = asyncio.create_task(self.serve([self._listener]))

    async def stop(self) -> None:
        """Finishes the current requests."""
        self.should_exit = True
        await self._serving
