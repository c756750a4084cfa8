"""Starts the measured processes on loopback: the API, the floor and a real PostgREST."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.load import BenchError
from bench.world import JWT_SECRET, World
from tests.support import postgrest
from tests.support.ports import kept_port

_PATIENCE = 30.0


@contextmanager
def api(world: World, **settings: str) -> Iterator[tuple[str, int]]:
    """Runs `index-jobs api` without a runner. Yields its address and process id."""
    with kept_port() as port:
        environment = {"API_DATABASE_URL": world.api_url, "PORT": str(port)} | settings
        command = [str(Path(sys.executable).with_name("index-jobs")), "api"]
        with _process(command, environment, f"http://127.0.0.1:{port}", "/ready") as pid:
            yield f"http://127.0.0.1:{port}", pid


@contextmanager
def floor(length: int) -> Iterator[str]:
    """Runs the empty route with a response of this many bytes. Yields its address."""
    with kept_port() as port:
        command = [sys.executable, "-m", "bench.floor", str(port), str(length)]
        with _process(command, {}, f"http://127.0.0.1:{port}", "/"):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def rest(world: World) -> Iterator[str]:
    """Runs PostgREST with as many connections as the API. Yields its address."""
    with postgrest.run_bare(world.server, world.database, JWT_SECRET) as address:
        yield address


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], url: str, path: str
) -> Iterator[int]:
    process = subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait(process, url + path)
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)


def _wait(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    process.kill()
    raise BenchError(f"{process.args!r} did not start: {process.communicate()[1][-2000:]}")


def resident_bytes(pid: int) -> int:
    """Returns the current memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
