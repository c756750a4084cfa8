"""The shapes of what is sent to the routes of jobs, and their validation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from api.errors import Problem, invalid
from api.settings import ApiSettings


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """A valid body of POST /index: arguments of api_create_index_job."""

    repository: str
    """Full name: owner/name, or host/path of a URL."""
    git_url: str
    organization: str | None
    ref: str | None
    commit_sha: str | None


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A valid query of GET /jobs: arguments of api_list_index_jobs, which checks the rest."""

    organization: str | None
    repository: str | None
    status: str | None
    since: str | None
    cursor: str | None
    limit: int


_LIST_LIMIT: Final = 20


def list_request(query: Iterable[tuple[str, str]]) -> ListRequest:
    """The query parameters of GET /jobs. Raises: Problem 422 that names the parameter."""
    given: dict[str, str] = {}
    known = [field.name for field in fields(ListRequest)]
    for name, value in query:
        if name not in known:
            raise invalid(
                name[:100],
                "unknown_parameter",
                "The query has a parameter that this route does not have.",
                f"Use {', '.join(known)}.",
            )
        if name in given or "\0" in value:
            raise invalid(
                name,
                "invalid_parameter",
                f"{name} is there more than once, or has a NUL in it.",
                "Send it once, as plain text.",
            )
        given[name] = value
    return ListRequest(
        organization=given.get("organization"),
        repository=given.get("repository"),
        status=given.get("status"),
        since=_since(given.get("since")),
        # a + that was sent as it is arrives as a space, and no cursor has one
        cursor=given["cursor"].replace(" ", "+") if "cursor" in given else None,
        limit=_limit(given.get("limit")),
    )


def _since(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
        if since.utcoffset() is not None:
            return since.astimezone(UTC).isoformat()  # Postgres knows no offset of 16 hours or more
    except (ValueError, OverflowError):
        pass
    raise invalid(
        "since",
        "invalid_since",
        "since is not a time with a zone.",
        "Send RFC 3339, such as 2026-01-31T12:00:00Z; write + as %2B.",
    )


def _limit(text: str | None) -> int:
    if text is None:
        return _LIST_LIMIT
    if re.fullmatch(r"[0-9]{1,3}", text) and 1 <= int(text) <= 100:
        return int(text)
    raise invalid(
        "limit",
        "invalid_limit",
        "limit is not a number from 1 to 100.",
        "Send limit=100 or less, and follow next_cursor to the rest.",
    )


# The fields of POST /index, and the code when one is wrong.
_FIELDS: Final = {
    "repository": "invalid_repository",
    "ref": "invalid_ref",
    "commit_sha": "invalid_commit_sha",
    "organization": "invalid_organization",
    "localPath": "invalid_local_path",
}
_SEGMENT: Final = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.-]+"
_OWNER_NAME: Final = re.compile(rf"(?!-){_SEGMENT}/(?!-){_SEGMENT}")
_URL_PATH: Final = re.compile(rf"(?:/{_SEGMENT}){{1,7}}")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_LONGEST_NAME: Final = 255
_LONGEST_URL: Final = 2_048
_ORGANIZATION: Final = re.compile(r"[A-Za-z0-9-]{1,63}")
_COMMIT_SHA: Final = re.compile(r"[0-9a-fA-F]{40}")
# What `git check-ref-format --allow-onelevel` refuses, and a leading dash.
_BAD_REF: Final = re.compile(
    r"^-|^/|/$|//|\.$|\.\.|@\{|^@$|(?:^|/)\.|\.lock(?:/|$)|[\x00-\x20\x7f~^:?*\[\\]"
)


def index_request(body: Mapping[str, Any], settings: ApiSettings) -> IndexRequest:
    """The validated body of POST /index; null means absent.

    Raises: Problem 422 that names the first wrong field and the remedy.
    """
    for name in body:
        if name not in _FIELDS:
            known = f"The fields are {', '.join(_FIELDS)}."
            raise invalid(name[:100], "unknown_field", "There is no such field.", known)
    for name, code in _FIELDS.items():
        if not isinstance(body.get(name), str | None):
            raise invalid(name, code, f"{name} must be a string.", "Send it in quotes.")
    if body.get("repository") is None:
        raise invalid(
            "repository", "missing_repository", "repository is missing.", _REPOSITORY_HINT
        )
    full_name, git_url = _repository(body["repository"], body.get("localPath"), settings)
    return IndexRequest(
        repository=full_name,
        git_url=git_url,
        organization=_organization(body.get("organization")),
        ref=_ref(body.get("ref")),
        commit_sha=_commit_sha(body.get("commit_sha")),
    )


_REPOSITORY_HINT: Final = "Send owner/name, or the https URL of a git repository."


def _repository(repository: str, local_path: str | None, settings: ApiSettings) -> tuple[str, str]:
    """(full name, git URL)."""
    if local_path is not None:
        if not _is_owner_name(repository):
            raise invalid(
                "repository",
                "invalid_repository",
                "repository must be a name such as local/project where a folder is indexed.",
                "Send two parts of letters, digits, '.', '_' and '-', with a slash between them.",
            )
        return repository, _local_path(local_path, settings)
    if "://" in repository:
        return _from_url(repository, settings.git_base_url)
    name = repository.removesuffix(".git")
    if not _is_owner_name(name):
        raise _bad_repository("repository must be owner/name or an https URL")
    return name, f"{settings.git_base_url}{name}.git"


def _is_owner_name(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and _OWNER_NAME.fullmatch(name) is not None


def _from_url(url: str, base_url: str) -> tuple[str, str]:
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_repository(
            f"The URL must be printable ASCII of at most {_LONGEST_URL} characters"
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port if parts.port != 443 else None, parts.hostname or ""
    except ValueError as error:
        raise _bad_repository("repository is not a URL") from error
    if parts.scheme != "https":
        raise _bad_repository("The URL must begin with https://")
    if "@" in parts.netloc:
        raise _bad_repository("The URL must not have a user or a password in it")
    if parts.query or parts.fragment or "?" in url or "#" in url or "\\" in url:
        raise _bad_repository("The URL must not have a query, a fragment or a backslash")
    path = parts.path.removesuffix("/").removesuffix(".git")
    if not _HOST.fullmatch(host) or not _URL_PATH.fullmatch(path):
        raise _bad_repository("The URL must be https://host/path of letters, digits, '.', '_', '-'")
    address = f"https://{host}:{port}" if port else f"https://{host}"
    short = f"{address}{path}".removeprefix(base_url)
    if _is_owner_name(short):
        return short, f"{base_url}{short}.git"
    # '_' is in no host name, so host_8443/a is not another host's name.
    full_name = f"{host}_{port}{path}" if port else f"{host}{path}"
    if len(full_name) > _LONGEST_NAME:
        raise _bad_repository(f"Host and path must have at most {_LONGEST_NAME} characters")
    return full_name, address + parts.path.removesuffix("/")


def _bad_repository(detail: str) -> Problem:
    return invalid("repository", "invalid_repository", f"{detail}.", _REPOSITORY_HINT)


def _local_path(text: str, settings: ApiSettings) -> str:
    """file: URL of the folder that `text` really is, links resolved, inside an allowed root."""
    roots = settings.local_repository_roots
    if not roots:
        raise _bad_local_path("Local paths are not allowed here.")
    if len(text) > _LONGEST_URL:
        raise _bad_local_path("localPath is too long.")
    if "\0" in text or not Path(text).is_absolute():
        raise _bad_local_path("localPath must be an absolute path.")
    try:
        real = Path(text).resolve()
        if not any(real.is_relative_to(root) for root in roots):
            raise _bad_local_path("localPath is outside of the allowed folders.")
        exists = real.is_dir()
    except (OSError, RuntimeError) as error:  # a name too long, links in a circle
        raise _bad_local_path("localPath cannot be followed.") from error
    url = real.as_uri()
    if not exists or len(url) > _LONGEST_URL:
        raise _bad_local_path("localPath is not a folder, or its path is too long.")
    return url


def _bad_local_path(detail: str) -> Problem:
    hint = "Send a folder inside one of those that the setting LOCAL_REPOSITORY_ROOTS lists."
    return invalid("localPath", "invalid_local_path", detail, hint)


def _ref(ref: str | None) -> str | None:
    if ref is None or (0 < len(ref) <= 255 and not _BAD_REF.search(ref)):
        return ref
    raise invalid(
        "ref",
        "invalid_ref",
        "ref is not a name that git accepts, or has more than 255 characters.",
        "Send a branch, a tag, HEAD or a commit; leave it out for the default branch.",
    )


def _commit_sha(sha: str | None) -> str | None:
    if sha is None or _COMMIT_SHA.fullmatch(sha):
        return sha and sha.lower()
    raise invalid(
        "commit_sha",
        "invalid_commit_sha",
        "commit_sha must have 40 hexadecimal digits.",
        "Send what `git rev-parse` prints, or leave it out for the newest commit.",
    )


def _organization(organization: str | None) -> str | None:
    if organization is None or _ORGANIZATION.fullmatch(organization):
        return organization
    raise invalid(
        "organization",
        "invalid_organization",
        "organization is neither a slug nor an id.",
        "Send one of your organizations, or leave it out for a repository of your own.",
    )
