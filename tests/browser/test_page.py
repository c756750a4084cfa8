"""The page in a real browser: one job from its creation to each of its ends, and the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Api, Job, Tenant, leave_the_turn_of_the_hour, serve


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    """One API of a deployment: nobody is signed in by himself."""
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        leave_the_turn_of_the_hour(place)
        yield api


@pytest.fixture
def alice(api: Api) -> Tenant:
    return api.tenant()


def sign_in(page: Page, api: Api, key: str, path: str = "/") -> None:
    page.goto(f"{api.url}{path}")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_job_that_is_created_is_watched_to_its_end_for_one_request(
    page: Page, api: Api, alice: Tenant
) -> None:
    job = Job(api, alice, repository="owner/watched")
    before = api.requests_of(alice)
    sign_in(page, api, alice.key, f"{job.path}/view")
    status = page.locator("#status")
    expect(status).to_have_text("Pending")
    expect(page.locator("#sentence")).to_contain_text("Waiting: no worker has been seen")
    job.begin()
    expect(status).to_have_text("Processing")
    job.progress(30)
    expect(page.get_by_text("parsing 30 of 100 · 30 %")).to_be_visible()
    bar = page.get_by_role("progressbar")
    assert (bar.get_attribute("value"), bar.get_attribute("max")) == ("30", "100")
    expect(page).to_have_title("Processing 30 % · owner/watched")
    job.complete()
    expect(status).to_have_text("Completed")
    expect(page.locator("#timeline li > span")).to_have_text(
        ["Created", "Attempt 1 began", "Completed"]
    )
    expect(page.get_by_role("button", name="Cancel the job")).to_be_hidden()
    assert api.requests_of(alice) == before + 1


def test_the_list_shows_jobs_of_whoever_signed_in(page: Page, api: Api, alice: Tenant) -> None:
    job = Job(api, alice, repository="owner/mine")
    Job(api, api.tenant(), repository="owner/not-mine")
    before = api.requests_of(alice)
    sign_in(page, api, alice.key)
    expect(page.locator("#jobs li")).to_have_count(1)
    expect(page.locator("#jobs li")).to_contain_text("owner/mine @ HEAD")
    expect(page.get_by_role("link", name="Pending 1")).to_be_visible()
    assert api.requests_of(alice) == before + 2
    page.locator("#jobs a").click()
    expect(page).to_have_url(f"{api.url}{job.path}/view")
    expect(page.locator("#status")).to_have_text("Pending")


def test_a_refused_key_leaves_no_trace_in_the_tab(page: Page, api: Api, alice: Tenant) -> None:
    refused = f"ij_{'0' * 16}_{'1' * 64}"
    for key in (refused, "not a key", "ключ", api.new_key(alice.id)[:-1] + "x"):
        sign_in(page, api, key)
        expect(page.get_by_role("alert")).to_contain_text("API key")
        assert (
            page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})").count("ij_") == 0
        )
        assert page.locator("input").input_value() == ""
        assert key not in page.content()
    assert page.evaluate("sessionStorage.getItem('key')") is None
