"""Errors on /rest/v1 in PostgREST's format, and its table of statuses by SQLSTATE."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from api.errors import Problem, from_http_exception, internal

REST: Final = "/rest/v1/"
"""The path below which answers match PostgREST's."""
REST_JSON: Final = "application/json; charset=utf-8"


# SQLSTATE, or its class, -> HTTP status as in PostgREST. Anything else is a 400.
_STATUS_BY_SQLSTATE: Final[Mapping[str, int]] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "23503": 409,
    "23505": 409,
    "25": 500,
    "25006": 405,  # a write by GET, or in a function that is not volatile
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 503,  # PostgREST itself retries these forever
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
    """A refused request to /rest/v1, in the format that Supabase's clients read."""

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
        """Returns the response, with the same members in the same order as PostgREST."""
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
    """Returns the HTTP status that PostgREST gives to this SQLSTATE."""
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:]) if re.fullmatch("PT[2-5][0-9]{2}", sqlstate) else 500
    return _STATUS_BY_SQLSTATE.get(sqlstate) or _STATUS_BY_SQLSTATE.get(sqlstate[:2]) or 400


def rest_path(scope: Scope) -> str | None:
    """Returns the path after /rest/v1/, or None on other routes."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.removeprefix(REST) if path.startswith(REST) else None


def rest_internal() -> RestError:
    """Returns a 500 in PostgREST's format."""
    return RestError(500, "XX000", internal().detail)


def refusal(error: Exception, scope: Scope) -> Problem | RestError | None:
    """Returns a refusal by a handler or Starlette, in the route's format. None if it is a bug."""
    if isinstance(error, (Problem, RestError)):
        return error
    if not isinstance(error, HTTPException):
        return None
    path = rest_path(scope)
    if path is not None and error.status_code == 405:
        return RestError(405, "PGRST101", f"Cannot use the {scope['method']} method on RPC")
    if path is not None and error.status_code == 404:
        return RestError(
            404,
            "PGRST205",
            f"Could not find the table 'public.{path}' in the schema cache",
            hint="This server has functions only: call one with rpc(), such as get_job_status."
            if scope["state"]["settings"].api_database_url
            else "This server is in front of a Supabase project: use the project's own URL.",
        )
    return from_http_exception(error)
