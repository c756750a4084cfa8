"""Sends each case to our server and to a real PostgREST on the same rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.rest.cases import CASES, Case
from tests.rest.conftest import Both, headers_of
from tests.support import loopback

# The headers that supabase-js and supabase-py read, and those for authentication.
HEADERS = (
    "content-type",
    "content-range",
    "content-profile",
    "preference-applied",
    "www-authenticate",
    "allow",
)
DOCUMENT = Path(__file__).parents[2] / "docs/rest.md"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with loopback.Client(timeout=20) as client:
        client.headers.clear()
        yield client


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_response_equals_that_of_postgrest(both: Both, client: httpx2.Client, case: Case) -> None:
    ours = ask(client, both.ours, both, case)
    if case.differs is None:
        postgrest_url = ask(client, both.postgrest_url, both, case)
        assert seen(ours, case) == seen(postgrest_url, case)
        return
    assert (ours.status_code, code_of(ours)) == (case.differs.status, case.differs.code)
    assert f"\n### {case.differs.why}\n" in DOCUMENT.read_text()
    if code_of(ours) != "40001":  # which PostgREST retries forever
        postgrest_url = ask(client, both.postgrest_url, both, case)
        assert seen(ours, case) != seen(postgrest_url, case), (
            "the responses are equal: drop `differs`"
        )


def test_cases_are_numerous_and_have_unique_names() -> None:
    assert len(CASES) >= 60
    assert [name for name, times in Counter(c.name for c in CASES).items() if times > 1] == []


def test_every_documented_difference_has_a_case() -> None:
    documented = re.findall(r"^### (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert set(documented) == {case.differs.why for case in CASES if case.differs}


def ask(client: httpx2.Client, url: str, both: Both, case: Case) -> httpx2.Response:
    """Returns the response. A case that writes starts with row 99 alone."""
    if case.writes:
        with both.sql() as connection:
            connection.execute("truncate public.probe_rows")
            connection.execute("insert into public.probe_rows values (99, 'there')")
    headers = {**headers_of(case.who), **case.headers}
    content = case.body
    if case.body is not None and not isinstance(case.body, bytes):
        content = json.dumps(case.body).replace("{job}", both.job).encode()
        headers.setdefault("Content-Type", "application/json")
    path = case.path.replace("{job}", both.job)
    answer = client.request(case.method, f"{url}/rest/v1{path}", headers=headers, content=content)
    if case.writes:
        answer.extensions["rows"] = rows_left(both)
    return answer


def rows_left(both: Both) -> list[Any]:
    with both.sql() as connection:
        return connection.execute("select id, note from public.probe_rows order by id").fetchall()


def seen(answer: httpx2.Response, case: Case) -> dict[str, Any]:
    """Returns status, headers, body and, after a write, the rows."""
    headers = {name: answer.headers.get(name) for name in HEADERS}
    # for PGRST116 PostgREST names both JSON and the requested type
    headers["content-type"] = (headers["content-type"] or "").partition(", ")[0]
    return {
        "status": answer.status_code,
        **headers,
        "body": body_of(answer, case),
        "rows": answer.extensions.get("rows"),
    }


def body_of(answer: httpx2.Response, case: Case) -> Any:
    """Returns the text. JSON is parsed when it has members that vary."""
    if case.varies:
        return [{n: v for n, v in row.items() if n not in case.varies} for row in answer.json()]
    if case.hint_is_free and answer.is_error:
        return {name: value for name, value in answer.json().items() if name != "hint"}
    return answer.text


def code_of(answer: httpx2.Response) -> str | None:
    """Returns the code of an error, or None."""
    body = answer.json() if answer.content else None
    return body["code"] if isinstance(body, dict) and "message" in body else None
