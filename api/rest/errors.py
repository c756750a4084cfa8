"""Refusals and failures on /rest/v1, as PostgREST's four strings; its SQLSTATE -> status table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api import errors
from api.errors import internal

REST: Final = "/rest/v1/"
"""Where answers are as PostgREST's."""
REST_JSON: Final = "application/json; charset=utf-8"


# SQLSTATE, or its class, -> HTTP status as PostgREST has it; 400 for the rest.
_STATUS_BY_SQLSTATE: Final[Mapping[str, int]] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "23503": 409,
    "23505": 409,
    "25": 500,
    "25006": 405,  # a write by GET, or by a function that is not volatile
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 503,  # PostgREST itself repeats these forever
    "42501": 403,  # 401 for anon
    "42883": 404,
    "42P01": 404,
    "53": 503,
    "54": 413,
    "55": 500,
    "57": 500,
    "57P01": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,  # raise exception without a code
    "XX": 500,
}


class RestError(Exception):
    """A request to /rest/v1 that is refused, in the words that Supabase's clients read."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer, with members and their order as PostgREST has them."""
        if self.status in {204, 304}:
            return Response(None, self.status, self.headers)
        members = {
            "code": self.code,
            "details": self.details,
            "hint": self.hint,
            "message": self.message,
        }
        body = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        return Response(body, self.status, self.headers, REST_JSON)


def rest_status(sqlstate: str) -> int:
    """The HTTP status that PostgREST gives an error of that SQLSTATE."""
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:]) if re.fullmatch("PT[2-5][0-9]{2}", sqlstate) else 500
    return _STATUS_BY_SQLSTATE.get(sqlstate) or _STATUS_BY_SQLSTATE.get(sqlstate[:2]) or 400


def rest_path(scope: Scope) -> str | None:
    """What follows /rest/v1/ in the path of a request; None on other routes."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.removeprefix(REST) if path.startswith(REST) else None


def rest_internal() -> RestError:
    """The same on /rest/v1."""
    return RestError(500, "XX000", internal().detail)


async def on_rest_error(_: Request[Any], error: Exception) -> Response:
    """Starlette's handler for RestError."""
    assert isinstance(error, RestError)  # noqa: S101
    return error.response()


async def on_http_exception(request: Request[Any], error: Exception) -> Response:
    """Starlette's handler for its own 404 (no such route) and 405 (with Allow), on all routes."""
    assert isinstance(error, HTTPException)  # noqa: S101
    path = rest_path(request.scope)
    if path is not None and error.status_code == 405:
        message = f"Cannot use the {request.method} method on RPC"
        return RestError(405, "PGRST101", message).response()
    if path is not None and error.status_code == 404:
        return RestError(
            404,
            "PGRST205",
            f"Could not find the table 'public.{path}' in the schema cache",
            hint="This server has functions only: call one by rpc(), such as get_job_status."
            if request.state.settings.api_database_url
            else "This server stands before a Supabase project: use the project's own URL.",
        ).response()
    return await errors.on_http_exception(request, error)
