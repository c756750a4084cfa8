"""The types of requests to the routes of jobs. Checks names, types and unstorable text.

The SQL functions check refs, commits, addresses, names and limits, for HTTP and `supabase.rpc()`
alike. Only whether a folder of this machine may be indexed is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from api.errors import Problem

_LOCAL_PATH_CHARACTERS: Final = 2048
"""The limit of private.is_git_url. Resolving a longer path would block the event loop."""

Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


def _whole(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,9}", value):
        raise PydanticCustomError("digits", "limit is not a number.")
    return int(value) if isinstance(value, str) else value


Limit = Annotated[
    int,
    BeforeValidator(_whole),
    Field(
        description="The number of rows per page.", json_schema_extra={"minimum": 1, "maximum": 100}
    ),  # the SQL functions check the range
]
Cursor = Annotated[Text | None, Field(description="The next_cursor of the previous page.")]
Organization = Annotated[
    Text | None,
    Field(description="The slug or id of an organization. Defaults to your own repositories."),
]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IndexBody(_Sent):
    """The body of POST /index; null means absent."""

    repository: Text = Field(
        description="owner/name or an https URL. With localPath: any owner/name.",
        examples=["octocat/Hello-World"],
    )
    ref: Text | None = Field(
        default=None, description="A branch, a tag, HEAD or a commit. Defaults to HEAD."
    )
    commit_sha: Text | None = Field(
        default=None, description="40 hexadecimal digits. Defaults to the newest commit."
    )
    organization: Organization = None
    local_path: Text | None = Field(
        default=None,
        alias="localPath",
        description="A folder on the server, inside one of LOCAL_REPOSITORY_ROOTS.",
    )


class ReasonBody(_Sent):
    """The body of a change by support."""

    reason: Text = Field(
        description="The reason, for the audit log: 1 to 500 characters.",
        examples=["ticket 42: disk was full"],
    )


class RepositoryBody(_Sent):
    """The body of PATCH /repositories/{id}: one of the two fields; null means absent."""

    git_url: Text | None = Field(
        default=None,
        description="The address to clone from: owner/name or an https URL.",
        examples=["https://git.example.org/octocat/Hello-World.git"],
    )
    local_path: Text | None = Field(
        default=None,
        alias="localPath",
        description="A folder on the server, inside one of LOCAL_REPOSITORY_ROOTS.",
    )


class IndexHeaders(_Sent):
    """The headers that POST /index reads."""

    idempotency_key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        description="1 to 255 visible ASCII characters. A repeated request gets the same job.",
    )


class _Query(_Sent):
    """The base of query models."""


class ListQuery(_Query):
    """The query of GET /jobs."""

    organization: Organization = None
    repository: Text | None = Field(default=None, description="The repository's owner/name or id.")
    status: Text | None = Field(
        default=None, description="pending, processing, completed, failed or cancelled."
    )
    since: Text | None = Field(
        default=None, description="Only jobs created at this time or later: RFC 3339 with a zone."
    )
    cursor: Cursor = None
    limit: Limit = 20


class AdminListQuery(_Query):
    """The query of GET /admin/jobs."""

    status: Text | None = Field(
        default=None, description="pending, processing, completed, failed or cancelled."
    )
    tenant: Text | None = Field(default=None, description="The id of a user or an organization.")
    repository: Text | None = Field(default=None, description="The repository's owner/name or id.")
    since: Text | None = Field(
        default=None, description="Only jobs created at this time or later: RFC 3339 with a zone."
    )
    until: Text | None = Field(
        default=None, description="Only jobs created before this time: RFC 3339 with a zone."
    )
    queue_job_id: Text | None = Field(default=None, description="The id of the queue's job.")
    cursor: Cursor = None
    limit: Limit = 20
    reason: Text | None = Field(default=None, description="The reason, for the audit log.")


class FilesQuery(_Query):
    """The query of GET /jobs/{id}/files."""

    cursor: Cursor = None
    limit: Limit = 20


class SkippedQuery(_Query):
    """The query of GET /jobs/{id}/skipped."""

    reason: Text | None = Field(default=None, description="Only files skipped for this reason.")
    cursor: Cursor = None
    limit: Limit = 20


class SymbolsQuery(_Query):
    """The query of GET /jobs/{id}/symbols."""

    name: Text | None = Field(default=None, description="The full name.")
    prefix: Text | None = Field(default=None, description="The start of the name.")
    cursor: Cursor = None
    limit: Limit = 20


class CountsQuery(_Query):
    """The query of GET /jobs/counts."""

    organization: Organization = None
    since: Text | None = Field(
        default=None,
        description="The start of waits and durations: RFC 3339 with a zone, at most 30 days ago."
        " Defaults to 24 hours ago.",
    )


Sent = TypeVar("Sent", bound=_Sent)
Query = TypeVar("Query", bound=_Query)

# The code if a member of a body, or a header, does not match its model.
_CODES: Final = {
    "repository": "invalid_repository",
    "git_url": "invalid_git_url",
    "ref": "invalid_ref",
    "commit_sha": "invalid_commit_sha",
    "organization": "invalid_organization",
    "localPath": "invalid_local_path",
    "Idempotency-Key": "invalid_idempotency_key",
    "reason": "invalid_reason",
}


def index_body(body: Mapping[str, Any]) -> IndexBody:
    """Raises Problem 422, which names the first invalid field."""
    return _read(IndexBody, body)


def reason_body(body: Mapping[str, Any]) -> ReasonBody:
    """Raises Problem 422, which names the first invalid field."""
    return _read(ReasonBody, body)


def repository_body(body: Mapping[str, Any]) -> RepositoryBody:
    """Raises Problem 422, which names the first invalid field, or if not exactly one is given."""
    wanted = _read(RepositoryBody, body)
    if (wanted.git_url is None) == (wanted.local_path is None):
        raise Problem("invalid_git_url", "Send either git_url or localPath.", field="git_url")
    return wanted


def index_headers(idempotency_keys: Sequence[str]) -> IndexHeaders:
    """Raises Problem 422 if a header is repeated."""
    return _read(IndexHeaders, _single([("Idempotency-Key", key) for key in idempotency_keys]))


def read_query(model: type[Query], parameters: Iterable[tuple[str, str]]) -> Query:
    """Raises Problem 422, which names the first invalid parameter."""
    return _read(model, _single(parameters))


def _single(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Returns the values by name. A duplicate name gets a list, which no model accepts."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: given if given[1:] else given[0] for name, given in values.items()}


def _read(model: type[Sent], sent: Mapping[str, Any]) -> Sent:
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        known = [field.alias or name for name, field in model.model_fields.items()]
        # an unknown name best explains what is missing
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise _problem(first, known, is_query=issubclass(model, _Query)) from None


def _problem(error: ErrorDetails, known: Sequence[str], *, is_query: bool) -> Problem:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        code = "unknown_parameter" if is_query else "unknown_field"
        return Problem(code, field=name[:100], hint=f"Use {', '.join(known)}.")
    if error["type"] == "digits":
        return Problem("invalid_limit", error["msg"], field=name)
    if is_query:
        return Problem("invalid_parameter", field=name)
    is_missing = error.get("input") is None or error["type"] == "missing"
    if name == "repository" and is_missing:
        return Problem("missing_repository", field=name)
    return Problem(_CODES[name], field=name.replace("Idempotency-Key", "idempotency_key"))


def local_url(text: str | None, roots: Sequence[Path]) -> str | None:
    """Returns the file: URL of the folder, with links resolved, if it is inside one of `roots`.

    Raises Problem 422 invalid_local_path.
    """
    if text is None:
        return None
    is_path = text.startswith("/") and len(text) <= _LOCAL_PATH_CHARACTERS
    try:
        real = Path(text).resolve() if is_path else None
        if real and any(real.is_relative_to(root) for root in roots) and real.is_dir():
            return real.as_uri()
    except (OSError, RuntimeError):  # the name is too long, or links form a loop
        pass
    raise Problem("invalid_local_path", field="localPath")
