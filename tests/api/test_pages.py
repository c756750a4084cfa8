"""The routes of the page: their contents, who gets them, and their headers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from api.pages.routes import Demo

from .conftest import Api, over_the_database, serve

pytestmark = over_the_database

DEMO = Demo("alice", "free", "ij_0123456789abcdef_" + "0" * 64, "/home/alice/project")
PAGES = ("/", "/jobs/00000000-0000-4000-8000-0000000000b1/view")
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def development(api: Api) -> Iterator[Api]:
    """An API on the same database whose pages sign in as alice."""
    with serve(api.place, demo=DEMO) as served:
        yield served


def files_of(api: Api, page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/pages/[^"]+)"', api.client.get(page).text)


@pytest.mark.parametrize("page", PAGES)
def test_page_allows_only_its_own_scripts_and_styles(api: Api, page: str) -> None:
    answer = api.client.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert not re.search(r"<style| style=| on[a-z]+=|<script(?![^>]* src=)", answer.text)


@pytest.mark.parametrize("page", PAGES)
def test_page_and_its_files_are_less_than_50_kb(api: Api, page: str) -> None:
    sizes = {path: len(api.client.get(path).content) for path in (page, *files_of(api, page))}
    assert len(sizes) == 4
    assert sum(sizes.values()) < 50_000, sizes


def test_page_is_identical_for_all_users(api: Api) -> None:
    tenant = api.tenant()
    page = "/jobs/{}/view"
    answers = [
        api.client.get(page.format("x")),
        api.client.get(page.format("%22%3E%3Cb%3E")),
        api.client.get(page.format(api.create(tenant)), headers=tenant.headers),
    ]
    assert len({answer.content for answer in answers}) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_cached_files_get_304(api: Api) -> None:
    style = next(path for path in files_of(api, "/") if ".css" in path)
    for path, policy in {
        "/": "no-cache",
        style: "public, max-age=31536000, immutable",
        style.partition("?")[0]: "no-cache",
        f"{style}0": "no-cache",
    }.items():
        answer = api.client.get(path)
        assert answer.headers["cache-control"] == policy
        again = api.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    assert api.client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("name", ["none.js", "..%2froutes.py", "%2e%2e/routes.py", "base.html", ""])
def test_other_files_get_404(api: Api, name: str) -> None:
    answer = api.client.get(f"/pages/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")


def test_other_origins_may_read_jobs_but_not_pages(development: Api) -> None:
    script = next(path for path in files_of(development, "/") if ".js" in path)
    for path in (*PAGES, script):
        answer = development.client.get(path, headers={"Origin": EVIL})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    for path in (*PAGES, "/pages/demo"):
        preflight = development.client.options(path, headers=asked)
        assert "access-control-allow-origin" not in preflight.headers
    answer = development.client.get("/jobs", headers={"Origin": EVIL})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_demo_key_is_given_to_pages_of_the_same_origin(development: Api) -> None:
    answer = development.client.post("/pages/demo", headers={"Origin": development.url})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["api_key"] == DEMO.api_key
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", [None, EVIL, "null", "", "http://127.0.0.1:1"])
def test_demo_key_is_refused_to_other_origins(development: Api, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = development.client.post("/pages/demo", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_ORIGIN")
    assert DEMO.api_key not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "x["]
)
def test_foreign_host_name_gets_421(development: Api, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    for method, path in (("POST", "/pages/demo"), *(("GET", path) for path in PAGES)):
        answer = development.client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (421, "FOREIGN_HOST")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8321"])
def test_loopback_host_names_are_served(development: Api, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert development.client.get("/", headers=headers).status_code == 200
    assert development.client.post("/pages/demo", headers=headers).status_code == 200


def test_production_has_neither_demo_key_nor_index_form(api: Api) -> None:
    answer = api.client.post("/pages/demo", headers={"Origin": api.url})
    assert answer.status_code == 405
    page = api.client.get("/").text
    assert "data-development" not in page
    assert 'id="index"' not in page


def test_disabled_pages_get_404(api: Api) -> None:
    with serve(api.place, pages_enabled=False) as served:
        for path in (*PAGES, "/pages/page.js"):
            answer = served.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")


def test_links_in_pages_contain_the_root_path(api: Api) -> None:
    with serve(api.place, root_path="/jobs-api") as served:
        page = served.client.get("/").text
        assert 'data-root="/jobs-api"' in page
        assert 'src="/jobs-api/pages/page.js?v=' in page
