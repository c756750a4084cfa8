"""A server process that measures each callback of its event loop.

`python -m tests.support.measured SETTINGS` serves the API with these settings (JSON) on asyncio's
own loop. It prints its port and, for each line of input, the costliest callback since the last.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from tests.support import loopback
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Measured:
    """A running server of this kind."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def costliest(self) -> tuple[float, str]:
        """Returns CPU seconds and name of the costliest callback since the last call."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds, name = json.loads(self.process.stdout.readline())
        return seconds, name

    def memory(self) -> int:
        """Returns the resident memory in bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(**settings: Any) -> Iterator[Measured]:
    """Runs the server until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.measured", json.dumps(settings)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        measured = Measured(process, int(process.stdout.readline()))
        with loopback.Client(base_url=measured.url, timeout=PATIENCE) as client:
            until(lambda: client.get("/ready").status_code == 200)
        yield measured
    finally:
        process.terminate()
        process.wait(PATIENCE)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


class _Costs:
    def __init__(self) -> None:
        self._run = asyncio.Handle._run
        self._loops = threading.current_thread()
        self.worst: tuple[float, str] = (0.0, "")

    def install(self) -> None:
        costs = self

        def run(handle: asyncio.Handle) -> None:
            before = time.thread_time()
            costs._run(handle)
            took = time.thread_time() - before
            if took > costs.worst[0]:
                costs.worst = (took, repr(handle)[:300])

        asyncio.Handle._run = run  # type: ignore[method-assign]

    def report(self) -> None:
        for _ in sys.stdin:
            worst, self.worst = self.worst, (0.0, "")
            print(json.dumps(worst), flush=True)


def main() -> None:
    from api.app import create_app
    from api.protocol import BoundedProtocol
    from api.settings import ApiSettings

    app = create_app(ApiSettings(**json.loads(sys.argv[1])))
    costs = _Costs()
    costs.install()
    threading.Thread(target=costs.report, daemon=True).start()
    # naming the protocol makes asyncio disable Nagle's algorithm, as uvloop does
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # a client that learns the port may connect at once
    gc.collect()
    gc.freeze()  # initial objects do not come from requests
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", loop="asyncio", log_config=None, access_log=False
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
