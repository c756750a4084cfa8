"""docs/examples/job-query.js with TanStack Query's framework-independent core."""

from __future__ import annotations

import tarfile
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.support.fetch import npm_pack

from .conftest import CDN, Project, token
from .test_example import connect, job_of, start, stop_the_clock, take

QUERY_CORE = "@tanstack/query-core@5.108.0"
QUERY_CORE_SHA256 = "295e04168c1afddc3c0c95a88751b4c3bb69ebe56aee81b523b41bb37daea815"
OBSERVE = """
async ([core, jobId]) => {
  window.process = { env: { NODE_ENV: "production" } }; // as bundlers have it
  const { QueryClient, QueryObserver } = await import(core);
  const { jobQuery } = await import("./job-query.js");
  const { url, key, token } = document.forms[0].elements;
  const accessToken = async () => token.value;
  const client = supabase.createClient(url.value, key.value, { accessToken });
  window.seen = [];
  new QueryObserver(new QueryClient(), jobQuery(client, jobId)).subscribe(
    ({ data, error }) => seen.push(data?.status ?? error?.message));
}
"""


@pytest.fixture(autouse=True)
def query_core(context: BrowserContext, page: Page) -> None:
    archive = npm_pack(QUERY_CORE, QUERY_CORE_SHA256)

    def from_npm(route: Route) -> None:
        with tarfile.open(archive) as package:
            path = route.request.url.removeprefix(f"{CDN}{QUERY_CORE}/")
            file = package.extractfile(f"package/{path}")
            assert file is not None
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(body=file.read(), content_type="text/javascript", headers=headers)

    context.route(f"{CDN}{QUERY_CORE}/**", from_npm)


def observe(page: Page, job_id: str) -> None:
    page.evaluate(OBSERVE, [f"{CDN}{QUERY_CORE}/build/modern/index.js", job_id])


def run_until_seen(page: Page, text: str) -> None:
    while not page.evaluate("text => seen.includes(text)", text):
        page.clock.run_for(250)


@pytest.fixture
def polls(page: Page) -> list[str]:
    """Returns the polls that were started."""
    polls: list[str] = []
    page.on("request", lambda r: polls.append(r.url) if "get_job_status" in r.url else None)
    return polls


def assert_no_more_polls(page: Page, polls: list[str]) -> None:
    polls.clear()
    page.clock.run_for(600_000)
    page.evaluate("fetch('jobs.js')")  # all earlier requests are in `polls` by now
    assert polls == []


def test_job_is_polled_until_it_has_ended(
    page: Page, context: BrowserContext, examples: str, project: Project, polls: list[str]
) -> None:
    connect(page, examples, project, token(project.user()))
    start(page)
    job_id = job_of(page)
    page.goto(f"{examples}/#")  # the page itself stops polling
    stop_the_clock(page)
    observe(page, job_id)
    run_until_seen(page, "pending")
    context.set_offline(True)
    take(project, job_id)
    context.set_offline(False)
    run_until_seen(page, "processing")
    project.work("update_job_status", p_job_id=job_id, p_status="cancelled")
    run_until_seen(page, "cancelled")
    assert_no_more_polls(page, polls)


def test_rejection_stops_polling(
    page: Page, examples: str, project: Project, polls: list[str]
) -> None:
    connect(page, examples, project, token(project.user()))
    stop_the_clock(page)
    observe(page, str(uuid4()))
    run_until_seen(page, "There is no such job, or you may not see it.")
    assert len(polls) == 1
    assert_no_more_polls(page, polls)
