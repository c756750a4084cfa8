"""Runs suites written for one API process against four processes.

With --pooled, all logins except the owners reach the databases through PgBouncer in transaction
mode, and each API consists of four processes that get the requests in turn.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.support import loopback
from tests.support.ports import kept_port
from tests.support.waiting import PATIENCE, until

PROCESSES: Final = 4
one_process = pytest.mark.one_process
"""Marks a test that works only with one process. The argument gives the reason."""
_PROGRAM: Final = Path(sys.executable).with_name("index-jobs")
_LEFT_OUT: Final = pytest.StashKey[dict[pytest.Item, str]]()
_FIXTURES: Final = {
    "machine": "stops its own server of Postgres",
    "waiters": "counts inside of one process who waits",
    "impatient": "looks into one process, whose limits it lowers",
    "development": "serves the page of a development stack, which is one process",
}
"""Files that work only with one process, with reasons."""
_OVER_POSTGREST: Final = "is repeated over PostgREST, which alone is connected to the database"


def add_option(parser: pytest.Parser) -> None:
    """Adds the option --pooled."""
    parser.addoption(
        "--pooled", action="store_true", help="run the API as four processes behind PgBouncer"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", "one_process(why): left out of a run with --pooled")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --pooled, deselects tests for one process and counts them by reason."""
    if not config.option.pooled:
        return
    left_out = {item: why for item in items if (why := _why(item))}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    config.stash[_LEFT_OUT] = left_out


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Prints a line for each reason."""
    left_out = config.stash.get(_LEFT_OUT, {})
    for why in sorted(set(left_out.values())):
        count = sum(reason == why for reason in left_out.values())
        terminalreporter.write_line(f"left out: {count} {why}")


def _why(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("one_process")
    if mark:
        return str(mark.args[0])
    for name in getattr(item, "fixturenames", ()):
        if name in _FIXTURES:
            return _FIXTURES[name]
    call = getattr(item, "callspec", None)
    params = call.params if call else {}
    if params.get("transport") == "supabase" or params.get("place") == "PostgREST":
        return _OVER_POSTGREST
    return None


@contextmanager
def processes(settings: Mapping[str, Any], expected_errors: list[str]) -> Iterator[list[str]]:
    """Yields the URLs of four ready API processes with these settings.

    An error in their logs fails the test, unless it contains one of the expected texts.
    """
    environment = {"PATH": os.environ["PATH"]} | _environment(settings)
    with ExitStack() as at_exit:
        folder = Path(at_exit.enter_context(tempfile.TemporaryDirectory(prefix="pooled-")))
        ports = [at_exit.enter_context(kept_port()) for _ in range(PROCESSES)]
        started = []
        try:
            for port in ports:
                with (folder / str(port)).open("w") as log:
                    process = subprocess.Popen(
                        [_PROGRAM, "api"],
                        env=environment | {"PORT": str(port)},
                        stdout=log,
                        stderr=log,
                        cwd=folder,
                    )
                started.append(process)
            urls = [f"http://127.0.0.1:{port}" for port in ports]
            for url, process in zip(urls, started, strict=True):
                until(lambda u=url, p=process: p.poll() is not None or _answers(u), PATIENCE)
                assert process.poll() is None, (folder / url.rpartition(":")[2]).read_text()
            yield urls
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(PATIENCE)
        lines = [line for port in ports for line in (folder / str(port)).read_text().splitlines()]
        errors = [line for line in lines if json.loads(line)["level"] in {"error", "critical"}]
        unexpected = [e for e in errors if not any(part in e for part in expected_errors)]
        assert not unexpected, "\n".join(unexpected)


def _environment(settings: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in settings.items():
        text = ":".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if value is not None and text:
            found[name.upper()] = text
    return found


def _answers(url: str) -> bool:
    try:
        return int(loopback.get(f"{url}/health").status_code) == 200
    except httpx2.TransportError:
        return False


class InTurn(httpx2.BaseTransport):
    """Sends each request to the next process in turn."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = itertools.cycle(map(httpx2.URL, urls))
        self._transport = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends the request to one process."""
        url = next(self._urls)
        request.url = request.url.copy_with(host=url.host, port=url.port)
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Closes the connections to all processes."""
        self._transport.close()
