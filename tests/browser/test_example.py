"""docs/examples in a real browser: supabase-js against our /rest/v1, and against PostgREST."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from .conftest import Project, stop_time, token


def connect(page: Page, examples: str, project: Project, access_token: str, job: str = "") -> None:
    page.goto(examples)
    page.get_by_label("Project URL").fill(project.url)
    page.get_by_label("Your access token").fill(access_token)
    page.get_by_label("Your access token").blur()
    if job:
        page.goto(f"{examples}/#job={job}")


def start(page: Page, **fields: str) -> None:
    values = {"Repository": f"owner/{uuid4()}", "Git URL": "https://example.org/a.git"} | fields
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start indexing").click()


def stop_the_clock(page: Page) -> None:
    """Reloads the page. After that only page.clock.run_for advances its time."""
    stop_time(page)
    page.reload()


def job_of(page: Page) -> str:
    expect(page.locator("#job-id")).not_to_be_empty()
    return page.locator("#job-id").inner_text()


def take(project: Project, job_id: str) -> None:
    project.work(
        "update_job_status", p_job_id=job_id, p_status="processing", p_worker_id=str(uuid4())
    )


def test_job_is_created_and_followed_to_completion(
    page: Page, examples: str, project: Project
) -> None:
    connect(page, examples, project, token(project.user()))
    start(page, **{"Branch, tag or ref": "main"})
    expect(page.get_by_role("status")).to_have_text("Pending")
    job_id = job_of(page)

    take(project, job_id)
    expect(page.get_by_role("status")).to_have_text("Processing")
    bar = page.get_by_role("progressbar", name="Progress of the job")
    assert bar.get_attribute("value") is None
    progress = {"p_phase": "symbols", "p_done": 30, "p_total": 90}
    project.work("report_job_progress", p_job_id=job_id, p_attempt=1, **progress)
    expect(page.get_by_text("symbols 30 of 90")).to_be_visible()
    assert (bar.get_attribute("value"), bar.get_attribute("max")) == ("30", "90")

    metadata = '{"stats": {"files_indexed": 12, "symbols_extracted": 345}}'
    project.work(
        "update_job_status", p_job_id=job_id, p_status="completed", p_metadata=metadata, p_attempt=1
    )
    expect(page.get_by_role("status")).to_have_text("Completed")
    expect(page.locator("dl")).to_have_text("Files12Symbols345")
    expect(bar).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_failed_job_shows_its_error_also_after_a_reload(
    page: Page, examples: str, project: Project
) -> None:
    connect(page, examples, project, token(project.user()))
    start(page)
    job_id = job_of(page)
    take(project, job_id)
    metadata = '{"error": "<b>the clone</b> was refused"}'
    project.work(
        "update_job_status", p_job_id=job_id, p_status="failed", p_metadata=metadata, p_attempt=1
    )
    expect(page.get_by_role("status")).to_have_text("Failed")
    expect(page.locator("dl")).to_have_text("Error<b>the clone</b> was refused")
    page.reload()
    expect(page.get_by_role("status")).to_have_text("Failed")


@pytest.mark.parametrize("lifetime", [None, -60])
def test_signed_out_and_expired_users_get_a_message(
    page: Page, examples: str, project: Project, lifetime: int | None
) -> None:
    user = project.user()
    connect(page, examples, project, token(user, lifetime) if lifetime else "")
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    expect(page.get_by_label("Your access token")).to_be_focused()
    page.get_by_label("Your access token").fill(token(user))
    page.get_by_role("button", name="Start indexing").click()
    expect(page.get_by_role("status")).to_have_text("Pending")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_another_users_job_is_not_found(page: Page, examples: str, project: Project) -> None:
    connect(page, examples, project, token(project.user()))
    start(page)
    job_id = job_of(page)
    for job in (job_id, str(uuid4())):
        connect(page, examples, project, token(project.user()), job)
        page.reload()
        expect(page.get_by_role("alert")).to_have_text(
            "There is no such job, or you may not see it."
        )
        expect(page.get_by_role("status")).to_be_hidden()


def test_invalid_request_shows_error_and_remedy(
    page: Page, examples: str, project: Project
) -> None:
    connect(page, examples, project, token(project.user()))
    start(page, Repository="no slash")
    expect(page.get_by_role("alert")).to_have_text(
        "Full_name is not of the form owner/name."
        " Use letters, digits, ., _ and -, with at least one slash."
    )
    start(page, **{"Git URL": ""})
    expect(page.get_by_role("alert")).to_contain_text("Git_url is missing")


def test_example_recovers_from_an_outage(
    page: Page, context: BrowserContext, examples: str, project: Project
) -> None:
    connect(page, examples, project, token(project.user()))
    start(page)
    job_id = job_of(page)
    expect(page.get_by_role("status")).to_have_text("Pending")
    context.set_offline(True)
    expect(page.get_by_text("The server cannot be reached. Trying again.")).to_be_visible()
    take(project, job_id)
    context.set_offline(False)
    expect(page.get_by_role("status")).to_have_text("Processing")
    expect(page.get_by_text("Trying again.")).to_be_hidden()


def test_quiet_job_is_polled_less_often_and_a_finished_one_never(
    page: Page, examples: str, project: Project
) -> None:
    polls: list[str] = []
    ended: list[str] = []

    def noting(urls: list[str]) -> Callable[[Request], None]:
        return lambda request: urls.append(request.url) if "get_job_status" in request.url else None

    page.on("request", noting(polls))
    page.on("requestfinished", noting(ended))
    page.on("requestfailed", noting(ended))
    connect(page, examples, project, token(project.user()))
    start(page)
    job_id = job_of(page)
    expect(page.get_by_role("status")).to_have_text("Pending")
    stop_the_clock(page)

    def milliseconds_to_the_next_poll() -> int:
        before, milliseconds = len(polls), 0
        while len(polls) == before:
            page.clock.run_for(250)
            milliseconds += 250
        while len(ended) < len(polls):  # the next step comes after this poll
            page.wait_for_timeout(10)
        return milliseconds

    waits = [milliseconds_to_the_next_poll() for _ in range(6)]
    assert waits[-1] >= 4_000

    project.work("update_job_status", p_job_id=job_id, p_status="cancelled")
    milliseconds_to_the_next_poll()
    expect(page.get_by_role("status")).to_have_text("Cancelled")
    polls.clear()
    page.clock.run_for(600_000)
    page.evaluate("fetch('jobs.js')")  # all earlier requests are in `polls` by now
    assert polls == []
