"""PATCH /repositories/{id} over real HTTP, and the repositories that POST /index makes."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from .conftest import Api, Tenant, over_the_database, serve


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def repository_of(api: Api, tenant: Tenant, name: str) -> str:
    """Returns the id of the repository with this name."""
    job = api.get(f"/jobs/{api.create(tenant, repository=name)}", tenant).json()
    return str(job["repository_id"])


def patch(api: Api, tenant: Tenant, id_: str, body: dict[str, object]) -> httpx2.Response:
    return api.client.patch(f"/repositories/{id_}", json=body, headers=tenant.headers)


@pytest.mark.parametrize(
    "spellings",
    [
        ("ada/app", "https://github.com/ada/app", "HTTPS://www.GitHub.com:443/ada/app.git/"),
        ("https://git.example/a/b.git", "https://git.example/a/b", "https://GIT.example.//a/b/"),
        ("https://h.example/~a/c++%20b", "https://h.example/%7ea/c%2b%2B%20b.git"),
    ],
)
def test_all_spellings_of_a_url_are_one_repository(
    api: Api, alice: Tenant, spellings: tuple[str, ...]
) -> None:
    assert len({repository_of(api, alice, each) for each in spellings}) == 1


def test_corrected_url_is_accepted_by_later_requests(api: Api, alice: Tenant) -> None:
    id_ = repository_of(api, alice, "ada/moved")
    with api.sql() as connection:  # as with an earlier GIT_BASE_URL
        connection.execute(
            "update public.repositories set git_url = 'https://old.example/ada/moved.git'"
            " where id = %s",
            (id_,),
        )
    refused = api.client.post("/index", json={"repository": "ada/moved"}, headers=alice.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "repository_url_differs")
    assert "PATCH /repositories/{id}" in refused.json()["hint"]
    changed = patch(api, alice, id_, {"git_url": "ada/moved"})
    assert changed.status_code == 200
    assert changed.headers["cache-control"] == "no-store"
    assert changed.headers["x-ratelimit-remaining"]
    assert changed.json()["git_url"] == "https://github.com/ada/moved.git"
    assert repository_of(api, alice, "ada/moved") == id_


@over_the_database
def test_local_path_of_a_moved_folder_can_be_corrected(
    api: Api, alice: Tenant, tmp_path: Path
) -> None:
    id_ = repository_of(api, alice, "local/folder")
    with serve(api.place, local_repository_roots=(tmp_path.resolve(),)) as local:
        answer = patch(local, alice, id_, {"localPath": str(tmp_path)})
    assert (answer.status_code, answer.json()["git_url"]) == (200, tmp_path.resolve().as_uri())


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_git_url", "git_url"),
        ({"git_url": None}, "invalid_git_url", "git_url"),
        ({"git_url": "a/b", "localPath": "/srv"}, "invalid_git_url", "git_url"),
        ({"git_url": 1}, "invalid_git_url", "git_url"),
        ({"git_url": "ssh://git@h/a"}, "invalid_repository", "git_url"),
        ({"git_url": "https://u:p@h/a"}, "invalid_repository", "git_url"),
        ({"localPath": "/nowhere"}, "invalid_local_path", "localPath"),
        ({"url": "a/b"}, "unknown_field", "url"),
    ],
)
def test_invalid_url_is_rejected_with_its_field(
    api: Api, alice: Tenant, body: dict[str, object], code: str, field: str
) -> None:
    answer = patch(api, alice, str(uuid4()), body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == field
    assert "x-ratelimit-remaining" in answer.headers


def test_foreign_and_unknown_repositories_get_identical_404s(api: Api, alice: Tenant) -> None:
    bob = api.tenant()
    id_ = repository_of(api, alice, "ada/hidden")
    answers = [patch(api, bob, each, {"git_url": "a/b"}) for each in (id_, str(uuid4()), "x", "..")]
    assert {answer.status_code for answer in answers[:3]} == {404}
    assert len({answer.content for answer in answers[:3]}) == 1
    assert answers[0].json()["code"] == "REPOSITORY_NOT_FOUND"


def test_preflight_of_patch_is_allowed(api: Api) -> None:
    answer = api.client.options(
        f"/repositories/{uuid4()}",
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"},
    )
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["access-control-allow-methods"]
