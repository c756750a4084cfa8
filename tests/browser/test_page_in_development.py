"""The page of `make serve` signs in automatically there and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from api.pages.routes import Demo
from cli.users import create_api_key
from tests.api.conftest import Api, avoid_end_of_hour, serve
from tests.support.browser import REBOUND
from tests.support.repositories import commit, modules
from worker.runner import Runner
from worker.settings import WorkerSettings

TRY = """
async ([api, folder]) => {
  const index = { method: "POST", body: JSON.stringify({ repository: "a/b", localPath: folder }) };
  const json = { "Content-Type": "application/json" };
  const tries = {
    page: () => fetch(api + "/"),
    opaque: () => fetch(api + "/", { mode: "no-cors" }),
    script: () => import(api + "/pages/page.js"),
    key: () => fetch(api + "/pages/demo", { method: "POST" }),
    opaqueKey: () => fetch(api + "/pages/demo", { method: "POST", mode: "no-cors" }),
    jsonKey: () => fetch(api + "/pages/demo", { method: "POST", headers: json }),
    jobs: () => fetch(api + "/jobs"),
    index: () => fetch(api + "/index", { ...index, headers: json }),
    opaqueIndex: () => fetch(api + "/index", { ...index, mode: "no-cors" }),
  };
  const got = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try {
      const answer = await attempt();
      got[name] = answer.type === "opaque" ? "opaque" : answer.status;
    } catch {
      got[name] = "refused";
    }
  }
  return got;
}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the API may index."""
    folder = tmp_path_factory.mktemp("folders") / "my project"
    commit(folder, modules(3, lines=1))
    return folder


@pytest.fixture(scope="module")
def api(
    clusters: Callable[[int], Any], project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An API with a runner. Its pages sign in as alice."""
    roots = (project.parent,)
    with clusters(18).database("ordinary", migrated=True) as place:
        user = str(uuid4())
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute("insert into auth.users (id) values (%s)", (user,))
            key = str(create_api_key(connection, user, "development")["api_key"])
        runner = Runner(
            WorkerSettings(
                worker_database_url=place.worker_url,
                local_repository_roots=roots,
                run_dir=tmp_path_factory.mktemp("run"),
            )
        )
        demo = Demo("alice", "free", key, str(project))
        with serve(place, [lambda: runner], demo, local_repository_roots=roots) as api:
            avoid_end_of_hour(place)
            yield api


def jobs_of(api: Api) -> int:
    with api.sql() as connection:
        row = connection.execute("select count(*) from public.index_jobs").fetchone()
    assert row
    return int(row[0])


def test_typed_folder_is_indexed_without_signing_in(page: Page, api: Api, project: Path) -> None:
    page.goto(api.url)
    expect(page.locator("header")).to_contain_text("alice (free)")
    field = page.get_by_label("Folder, https address or owner/name")
    expect(field).to_have_value(str(project))
    page.get_by_role("button", name="Index it").click()
    expect(page.locator("#status")).to_have_text("Completed")
    expect(page.locator("#repository")).to_have_text("local/my-project")
    expect(page.locator("#figures")).to_contain_text("Files3")
    page.locator("#symbols summary").click()
    page.get_by_label("Name").fill("f")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#symbols tbody tr").first).to_be_visible()

    page.get_by_role("link", name="Index jobs").click()
    for typed, complaint in (
        ("/etc", "localPath is not a folder, or not one that may be indexed."),
        ("nothing", "Repository must be owner/name or an https URL."),
    ):
        field.fill(typed)
        page.get_by_role("button", name="Index it").click()
        expect(page.locator("#index-error")).to_contain_text(complaint)


def test_signed_out_user_stays_signed_out_until_the_button_is_pressed(page: Page, api: Api) -> None:
    page.goto(api.url)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_focused()
    page.reload()
    page.get_by_role("button", name="Sign in as the demo user").click()
    expect(page.locator("#index")).to_be_visible()


def test_demo_key_is_replaced_after_a_database_reset(page: Page, api: Api) -> None:
    page.goto(api.url)
    expect(page.locator("#index")).to_be_visible()
    key = page.evaluate("sessionStorage.getItem('key')")
    page.evaluate("sessionStorage.setItem('key', 'ij_' + '0'.repeat(16) + '_' + '1'.repeat(64))")
    page.reload()
    expect(page.locator("#index")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('key')") == key


def test_other_origin_can_neither_read_nor_index(
    page: Page, context: BrowserContext, api: Api, project: Path, examples: str
) -> None:
    own = context.new_page()
    own.goto(api.url)
    expect(own.locator("#index")).to_be_visible()
    before = jobs_of(api)
    page.goto(examples)
    assert page.evaluate(TRY, [api.url, str(project)]) == {
        "page": "refused",
        "opaque": "refused",
        "script": "refused",
        "key": "refused",
        "opaqueKey": "opaque",
        "jsonKey": "refused",
        "jobs": 401,
        "index": 401,
        "opaqueIndex": "opaque",
    }
    assert jobs_of(api) == before
    page.evaluate(
        "url => { const frame = document.createElement('iframe'); frame.src = url;"
        " document.body.append(frame); window.opened = window.open(url); }",
        api.url,
    )
    page.wait_for_function("window.opened.closed")  # as seen from the test
    while (framed := [frame.url for frame in page.frames][1:]) in ([], [""], ["about:blank"]):
        page.wait_for_timeout(10)
    assert framed == ["chrome-error://chromewebdata/"]


def test_foreign_host_name_gets_421(page: Page, api: Api, project: Path) -> None:
    before = jobs_of(api)
    url = f"http://{REBOUND}:{urlsplit(api.url).port}"
    page.goto(url)
    assert json.loads(page.locator("pre").inner_text())["code"] == "FOREIGN_HOST"
    got = page.evaluate(TRY, ["", str(project)])
    assert (got["page"], got["key"], got["jsonKey"]) == (421, 421, 421)
    assert (got["jobs"], got["index"]) == (401, 401)
    assert jobs_of(api) == before
