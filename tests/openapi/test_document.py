"""/openapi.json and /llms.txt match what is served."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from api.openapi.document import document
from api.openapi.operations import OPERATIONS
from api.pages.routes import PageRoute
from api.records import JobStatus
from db.tools.codes import codes
from tests.api.conftest import SERVICE_KEY, Api, Job, Tenant, serve
from tests.rest.conftest import token
from tests.support.pooled import one_process

DOCUMENT = document("", has_rest=True)


def described(api: Api) -> list[Route]:
    """Returns the routes of the API, without pages, Prometheus and the document itself."""
    routes = [route for route in api.app.routes if isinstance(route, Route)]
    return [
        route
        for route in routes
        if not isinstance(route, PageRoute)
        and route.path not in {"/metrics", "/openapi.json", "/llms.txt"}
    ]


@pytest.fixture(scope="module")
def api(clusters: Callable[[int], Any]) -> Iterator[Api]:
    with clusters(18).database("ordinary", migrated=True) as place, serve(place) as api:
        yield api


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


@pytest.fixture(scope="module")
def job(api: Api, alice: Tenant) -> Job:
    return Job(api, alice)


@one_process("reads the routes of the application in its own process")
def test_routes_and_operations_match(api: Api) -> None:
    served = {
        (route.path, method)
        for route in described(api)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == {(each.path, each.method) for each in OPERATIONS}


@one_process("reads the routes of the application in its own process")
def test_routes_use_the_documented_handlers(api: Api) -> None:
    for route in described(api):
        assert route.endpoint in [each.handler for each in OPERATIONS if each.path == route.path]


def test_each_operation_has_a_summary_and_a_unique_id() -> None:
    operations = [each for path in DOCUMENT["paths"].values() for each in path.values()]
    assert all(len(each["summary"]) > 10 for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations) == len(OPERATIONS)


def test_every_http_code_is_listed_with_its_status() -> None:
    responses = DOCUMENT["components"]["responses"]
    listed = {
        (name, int(status))
        for status, response in responses.items()
        for name in codes()
        if f"- `{name}`: " in response["description"]
    }
    meant = {
        (name, status)
        for name, code in codes().items()
        if code.over_http
        for status in code.status
        if str(status) in responses
    }
    assert listed == meant
    assert {name for name, _ in listed} >= {"NOT_FOUND", "RATE_LIMITED", "invalid_repository"}


def test_document_is_served_and_cached(api: Api) -> None:
    first = api.client.get("/openapi.json")
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/json"
    assert first.json() == DOCUMENT
    again = api.client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    compressed = first.headers["etag"][:-1] + '-gzip"'
    again = api.client.get("/openapi.json", headers={"If-None-Match": compressed})
    assert again.status_code == 304


def test_document_contains_the_root_path(clusters: Callable[[int], Any]) -> None:
    assert document("/jobs-api", has_rest=True)["servers"] == [{"url": "/jobs-api"}]


def test_document_omits_the_routes_of_supabase() -> None:
    paths = document("", has_rest=False)
    assert set(DOCUMENT["paths"]) - set(paths["paths"]) == {"/rest/v1/rpc/{function}"}
    assert "rpc" not in {tag["name"] for tag in paths["tags"]}


def test_llms_txt_lists_every_operation(api: Api) -> None:
    answer = api.client.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("# index-jobs ")
    assert [f"- `{each.method} {each.path}`: " in answer.text for each in OPERATIONS] == [
        True
    ] * len(OPERATIONS)


def test_ids_and_times_have_their_formats() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    job = schemas["IndexJob"]["properties"]
    assert job["id"] == {"type": "string", "format": "uuid"}
    assert job["created_at"] == {"type": "string", "format": "date-time"}
    assert set(job["status"]["enum"]) == set(JobStatus.__args__)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def environment(api: Api, alice: Tenant, job: Job) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "API_URL": api.url,
        "JOB": job.id,
        "REPOSITORY": api.get(f"/jobs/{job.id}", alice).json()["repository_id"],
        "API_KEY": alice.key,
        "TOKEN": token(sub=alice.id, exp=int(time.time()) + 3600),
        "SERVICE_KEY": SERVICE_KEY,
    }


def samples(language: str) -> dict[str, str]:
    """Returns the calls by operation. Cancelling and then repeating the job come last."""
    found = {
        operation["operationId"]: next(
            each["source"] for each in operation["x-codeSamples"] if each["label"] == language
        )
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    }
    last = ("cancel_index_job", *AFTER_THE_END, "admin_retry_index_job")
    return dict(sorted(found.items(), key=lambda each: each[0] in last and 1 + last.index(each[0])))


AFTER_THE_END = ("admin_fail_index_job", "admin_release_index_job")
"""The operations that are rejected for a finished job."""


def expected(operation_id: str) -> int:
    """Returns the expected status. The lists are rejected, because the job has no index."""
    if operation_id in {*AFTER_THE_END, "list_indexed_files", "list_skipped_files", "find_symbols"}:
        return 409
    if operation_id == "status":  # a job waits and there is no worker
        return 503
    return 202 if operation_id in {"create_index_job", "admin_retry_index_job"} else 200


def statuses(said: str) -> list[int]:
    return [int(line.split()[0]) for line in said.splitlines() if line[:3].isdigit()]


def run(environment: dict[str, str], *command: str, folder: Path | None = None) -> str:
    return subprocess.run(
        command, env=environment, cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def test_each_curl_sample_works(environment: dict[str, str]) -> None:
    found = samples("curl")
    script = "\n".join(f"{each} -o /dev/null -w '%{{http_code}}\\n'" for each in found.values())
    assert statuses(run(environment, "bash", "-ec", script)) == [*map(expected, found)]


def test_each_python_sample_works(environment: dict[str, str]) -> None:
    found = samples("Python")
    said = run(environment, sys.executable, "-c", "\n".join(found.values()))
    assert statuses(said) == [*map(expected, found)]


def test_each_typescript_sample_works(environment: dict[str, str], tmp_path: Path) -> None:
    found = samples("TypeScript")
    (tmp_path / "all.mjs").write_text("".join(f"{{\n{each}\n}}\n" for each in found.values()))
    said = run(environment, "node", "all.mjs", folder=tmp_path)
    assert statuses(said) == [*map(expected, found)]


def test_document_is_valid_json_without_broken_references() -> None:
    text = json.dumps(DOCUMENT)
    named = {part.split('"')[0] for part in text.split('"$ref": "#')[1:]}
    for reference in named:
        found: Any = DOCUMENT
        for step in reference.strip("/").split("/"):
            found = found[step]


@pytest.fixture(scope="module")
def page(api: Api) -> httpx2.Response:
    return api.client.get("/docs")


def test_docs_shows_every_operation_type_and_code(page: httpx2.Response) -> None:
    ids = set(re.findall('id="([^"]+)"', page.text))
    operations = {
        each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()
    }
    types = {f"type-{name}" for name in DOCUMENT["components"]["schemas"]}
    assert ids >= operations | types
    statuses = {int(status) for status in DOCUMENT["components"]["responses"]}
    for name, code in codes().items():
        is_listed = f"<dt><code>{name}</code></dt>" in page.text
        assert is_listed == (code.over_http and not statuses.isdisjoint(code.status)), name
    for name in ("curl", "Python", "TypeScript"):
        assert page.text.count(f"<summary>{name}</summary>") == len(OPERATIONS)


def test_docs_loads_only_files_of_this_server(api: Api, page: httpx2.Response) -> None:
    assert "default-src 'none'" in page.headers["content-security-policy"]
    loaded = re.findall('<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page.text)
    assert len(loaded) == 2
    for address in loaded:
        assert api.client.get(address).status_code == 200
    assert "<script" not in page.text and "style=" not in page.text


def test_links_of_docs_are_valid(api: Api, page: httpx2.Response) -> None:
    ids = set(re.findall('id="([^"]+)"', page.text))
    for target in re.findall('<a [^>]*href="([^"]+)"', page.text):
        if target.startswith("#"):
            assert target[1:] in ids
        else:
            assert api.client.get(target).status_code == 200


def test_docs_is_off_when_pages_are_off(clusters: Callable[[int], Any]) -> None:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        serve(place, pages_enabled=False) as api,
    ):
        assert api.client.get("/docs").status_code == 404
        assert api.client.get("/openapi.json").status_code == 200
