"""A real Chromium, the example pages on their own origin, and the servers they call."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

import tests.rest.conftest
from tests.api.conftest import JWT_SECRET, serve
from tests.support import postgrest
from tests.support.browser import launched
from tests.support.fetch import node_modules
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
CLIENTS = ROOT / "tests/rest/clients"
CDN = "https://cdn.jsdelivr.net/npm/"

expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser per module, because its event loop runs in the thread of the tests."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def examples() -> Iterator[str]:
    """Serves docs/examples as static files. Yields the address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = partial(Handler, directory=str(EXAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Project:
    """The settings of a frontend, and the worker's access to its database."""

    url: str
    database_url: str
    worker_url: str

    def user(self) -> str:
        user = str(uuid4())
        with psycopg.connect(self.database_url) as connection:
            connection.execute("insert into auth.users (id) values (%s)", (user,))
        return user

    def work(self, function: str, **arguments: Any) -> dict[str, Any]:
        """Calls a worker's function. Returns its row."""
        names = ", ".join(f"{name} => %({name})s" for name in arguments)
        with psycopg.connect(self.worker_url) as connection:
            row = connection.execute(
                f"select row_to_json(f)::text from public.{function}({names}) as f",  # type: ignore[arg-type]
                arguments,
            ).fetchone()
        assert row is not None
        row_as_json: dict[str, Any] = json.loads(row[0])
        return row_as_json


@pytest.fixture(scope="module", params=["ours", "postgrest"])
def project(request: pytest.FixtureRequest, clusters: Callable[[int], Any]) -> Iterator[Project]:
    """One database behind our /rest/v1 and behind the real PostgREST."""
    with ExitStack() as at_exit:
        place = at_exit.enter_context(clusters(18).database("ordinary", migrated=True))
        if request.param == "ours":
            url = at_exit.enter_context(serve(place)).url
        else:
            url = at_exit.enter_context(postgrest.run(place.server, place.name, JWT_SECRET))
        yield Project(url, place.url, place.worker_url)


def token(user: str, lifetime: int = 3600) -> str:
    return tests.rest.conftest.token(sub=user, exp=int(time.time()) + lifetime)


def stop_time(page: Page) -> None:
    """Stops the time of the page. After that only page.clock.run_for advances it."""
    now = datetime.now(UTC)
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(minutes=1))  # it cannot be set back


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile. Serves CDN files from the npm package, byte for byte."""
    context = browser.new_context(viewport={"width": 900, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)

    def from_npm(route: Route) -> None:
        name, _, path = route.request.url.removeprefix(CDN).partition("@2.119.1/")
        file = node_modules(CLIENTS) / name / path
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(path=file, content_type="text/javascript", headers=headers)

    context.route(f"{CDN}**", from_npm)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. An error that no code caught fails the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
