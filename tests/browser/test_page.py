"""The page of a deployment in a real browser: a job in each state, and the list."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.api.conftest import (
    Api,
    Job,
    Tenant,
    avoid_end_of_hour,
    serve,
    text_of,
)
from tests.support.fetch import npm_pack
from tests.support.ports import kept_port

from .conftest import stop_time, token
from .pages import (
    HOSTILE,
    SHOWN,
    completed,
    failed,
    forget_runners,
    open_job,
    report_runner,
    retrying,
    sentence,
    sign_in,
    silent,
)

AXE = "axe-core@4.14.1"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
FIRST_PAINT = """new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime))
        .observe({ type: 'paint', buffered: true });
})"""
NO_JOB = "There is no such job, or you may not see it."


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    """One API that signs nobody in automatically."""
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        avoid_end_of_hour(place)
        yield api


@pytest.fixture
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture
def job(api: Api, alice: Tenant) -> Job:
    return Job(api, alice)


def stored(page: Page) -> str:
    """Returns what the tab stores."""
    kept: str = page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    return kept + page.evaluate("document.cookie")


def test_job_is_watched_to_its_end_for_one_request(page: Page, api: Api, alice: Tenant) -> None:
    job = Job(api, alice, repository="owner/watched")
    before = api.requests_of(alice)
    sign_in(page, api, alice.key, f"{job.path}/view")
    status = page.locator("#status")
    expect(status).to_have_text("Pending")
    expect(sentence(page)).to_contain_text("Waiting: no worker has been seen")
    job.begin()
    expect(status).to_have_text("Processing")
    expect(sentence(page)).to_contain_text("A worker is on attempt 1 of 3.")
    job.progress(30)
    expect(page.get_by_text("parsing 30 of 100 · 30 %")).to_be_visible()
    bar = page.get_by_role("progressbar")
    assert (bar.get_attribute("value"), bar.get_attribute("max")) == ("30", "100")
    expect(page).to_have_title("Processing 30 % · owner/watched")
    job.complete()
    expect(status).to_have_text("Completed")
    expect(page.locator("#timeline li > span")).to_have_text(
        ["Created", "Attempt 1 started", "Completed"]
    )
    expect(page.get_by_role("button", name="Cancel the job")).to_be_hidden()
    assert api.requests_of(alice) == before + 1


def test_job_page_shows_the_results(page: Page, api: Api, alice: Tenant, job: Job) -> None:
    completed(job)
    open_job(page, api, alice, job)
    figures = page.locator("#figures")
    expect(figures).to_contain_text("Files1")
    expect(figures).to_contain_text("Size2 kB")
    page.get_by_text("Skipped files 1").click()
    expect(page.locator("#skipped td")).to_have_text(["src/main.py", "binary"])
    page.locator("#files summary").click()
    expect(page.locator("#files td")).to_have_text(["src/main.py", "src/main.py", "2 kB", "1"])
    page.locator("#symbols summary").click()
    for name, how, cells in (
        ("src", "starts with", ["src/main.py", "function", "src/main.py:1", "src/main.py"]),
        ("src", "exactly", []),
    ):
        page.get_by_label("Name").fill(name)
        page.get_by_label("Match").select_option(how)
        page.get_by_role("button", name="Find").click()
        expect(page.locator("#symbols td")).to_have_text(cells)
    expect(page.locator("#symbols .found")).to_have_text("None.")


def test_failed_job_shows_its_error(page: Page, api: Api, alice: Tenant, job: Job) -> None:
    open_job(page, api, alice, job)
    failed(job)
    expect(page.locator("#status")).to_have_text("Failed")
    expect(page.locator("#error-text")).to_have_text("There is no branch 'nowhere'.")
    expect(page.locator("#phase")).to_have_text("stopped")
    assert page.locator("progress").get_attribute("value") == "0"


def test_retried_job_shows_its_next_attempt(page: Page, api: Api, alice: Tenant, job: Job) -> None:
    open_job(page, api, alice, job)
    retrying(job)
    expect(sentence(page)).to_contain_text("Attempt 2 of 3 starts in ")
    expect(page.locator("#phase")).to_have_text("between two attempts")
    first = sentence(page).inner_text()
    expect(page.locator("#error")).to_contain_text("Last error")
    expect(page.locator("#error")).to_contain_text("The host could not be reached.")
    expect(page.locator("#timeline")).to_contain_text("Attempt 1 failed, retry scheduled")
    expect(sentence(page)).not_to_have_text(first)  # the seconds count down


def test_job_with_a_silent_worker_shows_when_it_is_retried(
    page: Page, api: Api, alice: Tenant, job: Job
) -> None:
    silent(job)
    open_job(page, api, alice, job)
    expect(sentence(page)).to_contain_text("No heartbeat from the worker for ")
    expect(sentence(page)).to_contain_text("another worker takes the job over in ")


def test_pending_job_shows_its_position(page: Page, api: Api, alice: Tenant, job: Job) -> None:
    behind = Job(api, alice)
    report_runner(api)
    open_job(page, api, alice, behind)
    expect(sentence(page)).to_contain_text(re.compile(r"Waiting: \d+ jobs? comes? first"))
    forget_runners(api)
    job.begin()


def test_cancel_button_asks_for_confirmation(page: Page, api: Api, alice: Tenant, job: Job) -> None:
    open_job(page, api, alice, job)
    cancel = page.locator("#cancel")
    cancel.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("Pending")
    cancel.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#status")).to_have_text("Cancelled")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cancel).to_be_hidden()

    running = Job(api, alice)
    running.begin()
    open_job(page, api, alice, running)
    cancel.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(sentence(page)).to_contain_text("The worker was asked to stop.")
    expect(cancel).to_be_hidden()


def test_tenants_do_not_see_each_others_jobs(
    page: Page, browser: Browser, api: Api, alice: Tenant, job: Job
) -> None:
    bob = api.tenant()
    open_job(page, api, alice, job)
    context = browser.new_context()
    other = context.new_page()
    sign_in(other, api, bob.key)
    expect(other.locator("#empty")).to_be_visible()
    shown = set()
    for path in (job.path, f"/jobs/{uuid4()}", "/jobs/x", "/jobs/%3Cb%3E", "/jobs/%zz"):
        other.goto(f"{api.url}{path}/view")
        expect(other.get_by_role("main")).to_contain_text(NO_JOB)
        shown.add((other.title(), other.get_by_role("main").inner_html()))
    assert len(shown) == 1
    expect(page.locator("#status")).to_have_text("Pending")
    context.close()


def test_page_recovers_from_a_server_restart(page: Page, api: Api) -> None:
    with kept_port() as port:
        with serve(api.place, port=port) as first:
            alice = first.tenant()
            job = Job(first, alice)
            open_job(page, first, alice, job)
            expect(page.locator("#status")).to_have_text("Pending")
        expect(page.locator("#trouble")).to_contain_text("The server cannot be reached.")
        job.api = api
        job.begin()
        expect(page.locator("#status")).to_have_text("Pending")
        with serve(api.place, port=port):
            expect(page.locator("#status")).to_have_text("Processing")
            expect(page.locator("#trouble")).to_be_hidden()
            job.complete()
            expect(page.locator("#timeline li > span")).to_have_text(
                ["Created", "Attempt 1 started", "Completed"]
            )


def test_hostile_strings_are_shown_as_text(page: Page, api: Api, alice: Tenant) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    job = Job(api, alice, ref="<svg/onload=window.hacked=1>")
    failing, again = Job(api, alice), Job(api, alice)
    completed(job, HOSTILE)
    failed(failing, HOSTILE)
    retrying(again, HOSTILE)
    with api.sql() as connection:
        connection.execute(
            "update public.index_jobs set repository = %s, commit_sha = repeat('a', 40)"
            " where owner_user_id = %s",
            (HOSTILE, alice.id),
        )
    sign_in(page, api, alice.key)
    expect(page.locator("#jobs bdi").nth(0)).to_have_text(SHOWN)
    expect(page.locator("#jobs")).to_contain_text("@ <svg/onload=window.hacked=1>")
    for each in (failing, again):
        open_job(page, api, alice, each)
        expect(page.locator("#repository")).to_have_text(SHOWN)
        expect(page.locator("#error-text")).to_have_text(SHOWN)
        expect(page.locator("#timeline pre")).to_have_text(SHOWN)
    open_job(page, api, alice, job)
    page.get_by_text("Skipped files 1").click()
    expect(page.locator("#skipped td").first).to_have_text(SHOWN)
    page.locator("#files summary").click()
    expect(page.locator("#files td").first).to_have_text(SHOWN)
    page.locator("#symbols summary").click()
    page.get_by_label("Name").fill("<img")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#symbols td").first).to_have_text(SHOWN)
    page.goto(f"{api.url}/?repository={'<img src=x onerror=hacked=1>'}&status=%22%3E%3Cb%3E")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, main script, main svg").count() == 0
    assert [url for url in requests if not url.startswith(f"{api.url}/")] == []


def test_rejected_key_is_not_stored_in_the_tab(page: Page, api: Api, alice: Tenant) -> None:
    refused = f"ij_{'0' * 16}_{'1' * 64}"
    service = token(alice.id).replace(".", "x")
    for key in (refused, "not a key", "ключ", HOSTILE, service, alice.key[:-1] + "g"):
        sign_in(page, api, key)
        expect(page.get_by_role("alert")).to_contain_text("key")
        assert stored(page) in ("{}", '{"signed-out":"yes"}')
        assert page.get_by_label("API key").input_value() == ""
        assert key not in page.content()
        assert page.url == f"{api.url}/"
    expect(page.locator("#jobs")).to_have_count(0)


def test_signed_out_page_shows_only_a_form(page: Page, api: Api, job: Job) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(api.url)))
    for path in ("/", f"{job.path}/view"):
        page.goto(f"{api.url}{path}")
        expect(page.get_by_label("API key")).to_be_focused()
        expect(page.get_by_role("main").get_by_role("button")).to_have_text(["Sign in"])
    assert not [path for path in asked if path not in ("/", f"{job.path}/view")
                and not path.startswith("/pages/")]  # fmt: skip


def test_supabase_session_signs_in_and_a_revoked_key_signs_out(
    page: Page, api: Api, alice: Tenant, job: Job
) -> None:
    session = token(alice.id)
    sign_in(page, api, session)
    expect(page.locator("#jobs li")).to_have_count(1)
    page.reload()
    expect(page.locator("#jobs li")).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_focused()
    assert session not in stored(page) + page.content()

    key = api.new_key(alice.id)
    sign_in(page, api, key, f"{job.path}/view")
    expect(page.locator("#status")).to_have_text("Pending")
    with api.sql() as connection:
        connection.execute(
            "update private.api_keys set enabled = false where user_id = %s", (alice.id,)
        )
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("invalid or has expired")
    assert key not in stored(page) + page.content()
    assert job.id not in page.get_by_role("main").inner_html()
    logged = " ".join(map(text_of, api.log))
    assert session not in logged
    assert key not in logged
    assert key not in page.url


def test_list_belongs_to_the_signed_in_user_and_costs_two_requests(
    page: Page, api: Api, alice: Tenant
) -> None:
    job = Job(api, alice, repository="owner/mine")
    Job(api, api.tenant(), repository="owner/not-mine")
    before = api.requests_of(alice)
    sign_in(page, api, alice.key)
    rows = page.locator("#jobs li")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("owner/mine @ HEAD")
    expect(page.get_by_role("link", name="Pending 1")).to_be_visible()
    assert api.requests_of(alice) == before + 2

    page.get_by_role("link", name="Failed 0").click()
    expect(page).to_have_url(f"{api.url}/?status=failed")
    expect(page.locator("#empty")).to_contain_text("No jobs match.")
    page.get_by_role("link", name="All").click()
    page.get_by_text("Filter").click()
    page.get_by_label("Repository").fill("owner/mine")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{api.url}/?repository=owner%2Fmine")
    expect(rows).to_have_count(1)
    page.locator("#jobs a").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{api.url}{job.path}/view")
    expect(page.locator("#status")).to_have_text("Pending")


def test_empty_list_shows_how_to_create_a_job(page: Page, api: Api, alice: Tenant) -> None:
    sign_in(page, api, alice.key)
    expect(page.locator("#create")).to_contain_text(
        f'curl {api.url}/index -H "Authorization: Bearer $API_KEY"'
    )
    assert alice.key not in page.content()


def test_list_polls_every_ten_seconds_while_a_job_runs(
    page: Page, api: Api, alice: Tenant, job: Job
) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/jobs" in request.url:
            asked.append(request.url)

    stop_time(page)
    sign_in(page, api, alice.key)
    rows = page.locator("#jobs li")
    expect(rows).to_have_count(1)
    page.on("request", note)
    page.clock.run_for(9_000)
    assert asked == []
    job.begin()
    page.clock.run_for(2_000)
    expect(rows).to_contain_text("Processing")
    assert len(asked) == 1

    page.locator("#jobs a").hover()
    Job(api, alice, repository="owner/new")
    button = page.get_by_role("button", name="Show 1 new job")
    while not button.is_visible():  # the page asks for the counts first
        page.clock.run_for(1_000)
    expect(rows).to_have_count(1)  # so that nothing moves under the pointer
    button.click()
    expect(rows.first).to_contain_text("owner/new")

    page.get_by_role("button", name="Pause").click()
    asked.clear()
    page.clock.run_for(60_000)
    assert asked == []
    with api.sql() as connection:
        connection.execute(
            "update public.index_jobs set status = 'cancelled', attempt = 0,"
            " completed_at = private.clock(),"
            " started_at = null, lease_expires_at = null where owner_user_id = %s",
            (alice.id,),
        )
    page.get_by_role("button", name="Resume").click()
    while "counts" not in " ".join(asked):
        page.clock.run_for(1_000)
    expect(page.get_by_role("link", name="Cancelled 2")).to_be_visible()
    asked.clear()
    page.clock.run_for(120_000)
    assert asked == []


def test_user_without_quota_gets_a_message(page: Page, api: Api) -> None:
    poor = api.tenant(limit=1)
    job = Job(api, poor)
    page.goto(f"{api.url}{job.path}/view")
    page.get_by_label("API key").fill(poor.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#trouble")).to_contain_text(
        "You have used this hour's quota of 1 requests."
    )


def test_page_paints_quickly_without_layout_shift(
    page: Page, api: Api, alice: Tenant, job: Job, proving: bool
) -> None:
    completed(job)
    sign_in(page, api, alice.key)
    expect(page.locator("#jobs li")).to_have_count(1)
    for path in ("/", f"{job.path}/view"):
        paints = []
        for _ in range(5 if proving else 1):
            page.goto(f"{api.url}{path}")
            page.locator("#jobs li, #now").first.wait_for()
            paints.append(page.evaluate(FIRST_PAINT))
            shift = page.evaluate(
                "new Promise((resolve) => { let sum = 0;"
                " new PerformanceObserver((list) => {"
                "   for (const entry of list.getEntries()) sum += entry.value; })"
                "   .observe({ type: 'layout-shift', buffered: true });"
                " setTimeout(() => resolve(sum), 300); })"
            )
            assert shift == 0
        if proving:
            assert min(paints) < 300, paints  # whatever the load of the machine


def test_axe_finds_no_violations_in_any_state_and_color_scheme(
    page: Page, api: Api, alice: Tenant, job: Job
) -> None:
    with tarfile.open(npm_pack(AXE, AXE_SHA256)) as package:
        file = package.extractfile("package/axe.min.js")
        assert file
        axe = file.read().decode()

    def check(state: str) -> None:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate(axe)
            found = page.evaluate(
                "axe.run().then(({violations}) => violations.map(({id, nodes}) =>"
                " [id, ...nodes.map((node) => node.html)]))"
            )
            assert found == [], f"{state}, {scheme}"

    page.goto(api.url)
    expect(page.get_by_label("API key")).to_be_focused()
    check("signing in")
    sign_in(page, api, alice.key)
    expect(page.locator("#jobs li")).to_have_count(1)
    failing, again, ending = Job(api, alice), Job(api, alice), Job(api, alice)
    failed(failing)
    retrying(again)
    completed(ending)
    job.begin()
    page.reload()
    expect(page.locator("#jobs li")).to_have_count(4)
    check("the list")
    page.goto(f"{api.url}/?status=cancelled")
    expect(page.locator("#empty")).to_be_visible()
    check("an empty list")
    open_job(page, api, alice, again)
    check("trying again")
    open_job(page, api, alice, failing)
    check("failed")
    open_job(page, api, alice, ending)
    page.get_by_text("Skipped files 1").click()
    expect(page.locator("#skipped td").first).to_be_visible()
    page.locator("#symbols summary").click()
    page.get_by_text("Record as JSON").click()
    check("completed")
    open_job(page, api, alice, job)
    page.locator("#cancel").click()
    check("asking whether to cancel")
