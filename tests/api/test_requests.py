"""Which requests POST /index accepts: api.requests checks the form, the SQL the meaning.

Without a server. Refs are judged by git itself.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import DictRow, dict_row

from api.errors import Problem
from api.requests import index_body, local_url
from api.settings import ApiSettings

SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = "https://github.com/"
PLAIN = ApiSettings(git_base_url=GITHUB, local_repository_roots=())

Wanted = dict[str, Any]
Judge = Callable[[dict[str, Any], ApiSettings], Wanted]

MADE = """
select r.full_name, r.git_url, j.ref, j.commit_sha
from public.index_jobs as j join public.repositories as r on r.id = j.repository_id
where j.id = %s
"""


@pytest.fixture(scope="module")
def index_request(clusters: Callable[[int], Any]) -> Iterator[Judge]:
    """Creates the job for a body and rolls it back. Raises Problem as the route does."""
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        psycopg.connect(place.url, row_factory=dict_row) as connection,
    ):
        user = "00000000-0000-4000-8000-0000000000aa"
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        connection.commit()
        claims = json.dumps({"sub": user, "role": "authenticated"})

        def judge(body: dict[str, Any], settings: ApiSettings) -> Wanted:
            sent = index_body(body)
            folder = local_url(sent.local_path, settings.local_repository_roots)
            arguments = (claims, sent.repository, sent.organization, sent.ref, sent.commit_sha)
            with connection.transaction(force_rollback=True):
                answer = _one(
                    connection,
                    "select a.* from public.api_create_index_job(null, %s, %s, %s, %s, %s, null,"
                    " %s, %s) as a",
                    (*arguments, settings.git_base_url, folder),
                )
                if answer["verdict"] != "ok":
                    assert answer["verdict"] == "PT422"
                    raise Problem(answer["code"], field=answer["field"], hint=answer["hint"])
                return _one(connection, MADE, (answer["job_id"],))

        yield judge


def _one(connection: psycopg.Connection[DictRow], query: Any, values: tuple[Any, ...]) -> Wanted:
    row = connection.execute(query, values).fetchone()
    assert row
    return row


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> ApiSettings:
    root = tmp_path_factory.mktemp("roots")
    (root / "allowed" / "project with blank").mkdir(parents=True)
    (root / "outside").mkdir()
    (root / "allowed" / "escape").symlink_to(root / "outside")
    (root / "allowed" / "inner").symlink_to(root / "allowed" / "project with blank")
    (root / "allowed" / "circle").symlink_to(root / "allowed" / "circle")
    (root / "allowed-not").mkdir()
    (root / "allowed" / "file").touch()
    return ApiSettings(git_base_url=GITHUB, local_repository_roots=(root / "allowed",))


def refused(
    index_request: Judge, body: dict[str, Any], configured: ApiSettings
) -> tuple[str | None, str]:
    with pytest.raises(Problem) as problem:
        index_request(body, configured)
    assert problem.value.status == 422
    assert problem.value.hint
    return problem.value.field, problem.value.code


@pytest.mark.parametrize(
    ("repository", "full_name", "git_url"),
    [
        ("owner/name", "owner/name", "https://github.com/owner/name.git"),
        ("owner/name.git", "owner/name", "https://github.com/owner/name.git"),
        ("https://github.com/owner/name", "owner/name", "https://github.com/owner/name.git"),
        (
            "https://GitHub.com:443/owner/name.git/",
            "owner/name",
            "https://github.com/owner/name.git",
        ),
        ("https://host.example/a/b", "host.example/a/b", "https://host.example/a/b"),
        ("https://host.example/a.git", "host.example/a", "https://host.example/a.git"),
        ("https://h:8443/a/b/c.git", "h_8443/a/b/c", "https://h:8443/a/b/c.git"),
        ("https://gitlab.com/a/b/c", "gitlab.com/a/b/c", "https://gitlab.com/a/b/c"),
    ],
)
def test_spellings_of_a_repository_have_one_name_and_url(
    index_request: Judge, configured: ApiSettings, repository: str, full_name: str, git_url: str
) -> None:
    wanted = index_request({"repository": repository}, configured)
    assert (wanted["full_name"], wanted["git_url"]) == (full_name, git_url)


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "name",
        "/name",
        "owner/",
        "owner/name/more",
        "owner/..",
        "./name",
        "owner/.git",
        "owner/..git",
        "-owner/name",
        "owner/--upload-pack=x",
        "owner/na me",
        "owner/na\0me",
        "owner/na\nme",
        "owner/näme",
        "a/" + "b" * 300,
        "git@github.com:owner/name",
        "file:///etc",
        "/etc/passwd",
        "ext::sh -c id",
        "ssh://host/a/b",
        "http://host/a/b",
        "https://",
        "https://host",
        "https://host/",
        "https:///a/b",
        "https://user@host/a/b",
        "https://user:secret@host/a/b",
        "https://host/a/b?x=1",
        "https://host/a/b?",
        "https://host/a/b#x",
        "https://host/a\\b",
        "https://host/a b",
        "https://host/../b",
        "https://host/a/%2e%2e/b",
        "https://host:0x50/a/b",
        "https://host:99999/a/b",
        "https://[::1/a/b",
        "https://-host/a/b",
        "https://host/a/b\n",
        "https://höst/a/b",
        "https://host/" + "a" * 3000,
        "https://host/" + "a" * 300,
        "https://host/1/2/3/4/5/6/7/8",
        " https://host/a/b",
    ],
)
def test_invalid_repository_is_named(
    index_request: Judge, configured: ApiSettings, repository: str
) -> None:
    assert refused(index_request, {"repository": repository}, configured) == (
        "repository",
        "invalid_repository",
    )


@pytest.mark.parametrize("field", ["repository", "ref", "commit_sha", "organization", "localPath"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["a/b"]])
def test_field_that_is_not_a_string_is_named(
    index_request: Judge, configured: ApiSettings, field: str, value: object
) -> None:
    named, code = refused(index_request, {"repository": "a/b", field: value}, configured)
    assert named == field
    assert code.startswith("invalid_")


@pytest.mark.parametrize("body", [{}, {"repository": None}, {"ref": "main"}])
def test_missing_repository_is_named(
    index_request: Judge, configured: ApiSettings, body: dict[str, Any]
) -> None:
    assert refused(index_request, body, configured) == ("repository", "missing_repository")


@pytest.mark.parametrize("name", ["Repository", "local_path", "", "__proto__", "x" * 5000, "\0"])
def test_unknown_field_is_named(index_request: Judge, configured: ApiSettings, name: str) -> None:
    assert refused(index_request, {"repository": "a/b", name: None}, configured) == (
        name[:100],
        "unknown_field",
    )


def test_null_means_absent(index_request: Judge, configured: ApiSettings) -> None:
    body = {"repository": "a/b", "ref": None, "commit_sha": None, "organization": None}
    wanted = index_request({**body, "localPath": None}, configured)
    assert (wanted["ref"], wanted["commit_sha"]) == ("HEAD", None)


def test_commit_sha_is_stored_in_lower_case(index_request: Judge, configured: ApiSettings) -> None:
    wanted = index_request({"repository": "a/b", "commit_sha": SHA.upper()}, configured)
    assert wanted["commit_sha"] == SHA


@pytest.mark.parametrize("sha", ["", "main", SHA[:-1], SHA + "0", SHA[:-1] + "g", SHA + "\n"])
def test_invalid_commit_sha_is_named(
    index_request: Judge, configured: ApiSettings, sha: str
) -> None:
    body = {"repository": "a/b", "commit_sha": sha}
    assert refused(index_request, body, configured) == ("commit_sha", "invalid_commit_sha")


@pytest.mark.parametrize("organization", ["", "a b", "a/b", "a" * 64, "\0", "a\n"])
def test_invalid_organization_is_named(
    index_request: Judge, configured: ApiSettings, organization: str
) -> None:
    body = {"repository": "a/b", "organization": organization}
    assert refused(index_request, body, configured) == ("organization", "invalid_organization")


def git_accepts(ref: str) -> bool:
    command = ["git", "check-ref-format", "--allow-onelevel", ref]
    return subprocess.run(command, check=False).returncode == 0


def we_accept(index_request: Judge, ref: str, configured: ApiSettings) -> bool:
    try:
        wanted = index_request({"repository": "a/b", "ref": ref}, configured)
        return bool(wanted["ref"] == ref)
    except Problem as problem:
        assert (problem.field, problem.code) == ("ref", "invalid_ref")
        return False


REFS = [
    "main", "HEAD", SHA, "refs/heads/main", "feature/ä-1", "v1.0.0", "a@b", "a.b/c", "{", "a{b}",
    "a.lockx", "@a", "a/@", "", "@", "-x", "--upload-pack=x", ".a", "a/.b", "a.", "a..b", "a.lock",
    "a.lock/b", "a//b", "/a", "a/", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a@{0}",
    "a\nb", "a\n", "a\x7f", "a\x01", "ref with space", "a\tb",
]  # fmt: skip


@pytest.mark.parametrize("ref", REFS)
def test_valid_refs_are_those_of_git_without_a_leading_dash(
    index_request: Judge, configured: ApiSettings, ref: str
) -> None:
    assert we_accept(index_request, ref, configured) == (
        git_accepts(ref) and not ref.startswith("-")
    )


@given(st.text(st.sampled_from("aA1./@{}-~^:?*[\\ \n\x7fälock"), min_size=1, max_size=12))
def test_any_text_is_judged_as_git_does(index_request: Judge, ref: str) -> None:
    assert we_accept(index_request, ref, PLAIN) == (git_accepts(ref) and not ref.startswith("-"))


@pytest.mark.parametrize("ref", ["a\0b", "a" * 256])
def test_ref_with_nul_or_of_256_characters_is_rejected(
    index_request: Judge, configured: ApiSettings, ref: str
) -> None:
    assert not we_accept(index_request, ref, configured)


def local(index_request: Judge, path: object, configured: ApiSettings) -> str:
    wanted = index_request({"repository": "local/x", "localPath": str(path)}, configured)
    return str(wanted["git_url"])


def test_local_path_becomes_the_url_of_the_resolved_folder(
    index_request: Judge, configured: ApiSettings
) -> None:
    (root,) = configured.local_repository_roots
    real = root / "project with blank"
    assert local(index_request, real, configured) == real.as_uri()
    assert local(index_request, root / "inner", configured) == real.as_uri()
    assert local(index_request, f"{root}/x/../inner/.", configured) == real.as_uri()
    assert local(index_request, root, configured) == root.as_uri()


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "project", "~/x", "{root}/../outside", "{root}/escape", "{root}-not", "/", "/etc",
        "{root}/circle", "{root}/file", "{root}/missing", "{root}/a\0b", "file://{root}/inner",
        "{root}/" + "a" * 300, "{root}" + "/." * 5000 + "/missing",
        "{root}" + "/." * 1000 + "/inner",
    ],
)  # fmt: skip
def test_local_path_outside_the_roots_is_named(
    index_request: Judge, configured: ApiSettings, path: str
) -> None:
    (root,) = configured.local_repository_roots
    body = {"repository": "local/x", "localPath": path.replace("{root}", str(root))}
    assert refused(index_request, body, configured) == ("localPath", "invalid_local_path")


def test_local_path_is_rejected_without_roots_and_the_setting_is_named(
    index_request: Judge, tmp_path: Path
) -> None:
    with pytest.raises(Problem) as problem:
        index_request({"repository": "local/x", "localPath": str(tmp_path)}, PLAIN)
    assert problem.value.field == "localPath"
    assert "LOCAL_REPOSITORY_ROOTS" in (problem.value.hint or "")


def test_local_path_requires_a_plain_repository_name(
    index_request: Judge, configured: ApiSettings
) -> None:
    (root,) = configured.local_repository_roots
    body = {"repository": "https://host/a/b", "localPath": str(root)}
    assert refused(index_request, body, configured) == ("repository", "invalid_repository")


@given(st.dictionaries(st.text(max_size=12), st.text() | st.none() | st.integers(), max_size=4))
def test_any_object_is_accepted_or_422_with_a_field(
    index_request: Judge, body: dict[str, Any]
) -> None:
    try:
        index_request(body, PLAIN)
    except Problem as problem:
        assert (problem.status, problem.field is None) == (422, False)
