"""Errors as application/problem+json (RFC 9457), and the table of statuses by SQLSTATE.

Every problem has type, title, status and detail. It also has `code`, which is stable and for
programs, and `error`, which equals detail. `field` names what is wrong, `hint` says what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import psycopg
from psycopg_pool import TooManyRequests
from starlette.exceptions import HTTPException
from starlette.responses import Response

from db.tools.codes import codes

# SQLSTATE, or its two-character class, -> HTTP status. Anything else is a bug: 500.
STATUS_BY_SQLSTATE: Final[Mapping[str, int]] = {
    "PT401": 401,
    "PT403": 403,
    "PT404": 404,
    "PT409": 409,
    "PT422": 422,
    "PT429": 429,
    "08": 503,  # the connection broke
    "22021": 422,  # text that the database's encoding cannot represent
    "22P05": 422,
    "23503": 409,  # the user, or what the request refers to, was just deleted
    "25": 503,  # a session that is read-only, or in a failed transaction
    "28": 503,  # the login is refused
    "3D000": 503,  # no such database
    "3F000": 503,  # no such schema
    "40": 503,  # deadlock, serialization failure: rolled back, safe to repeat
    "42501": 503,  # the login may not execute the function
    "42883": 503,  # no such function
    "53": 503,  # out of connections, disk or memory
    "55P03": 503,  # lock timeout
    "57": 503,  # statement timeout, shutdown, start-up
}
# PostgREST's own codes -> the SQLSTATE that a database login would have got.
_SQLSTATE_BY_POSTGREST_CODE: Final[Mapping[str, str]] = {
    "PGRST000": "08006",  # it cannot connect
    "PGRST001": "08006",
    "PGRST002": "08006",  # it has not read the schema yet
    "PGRST003": "53300",  # it has no free connection
    "PGRST106": "3F000",  # the schema is not exposed
    "PGRST202": "42883",
    "PGRST300": "28000",  # it has no secret to check keys with
    "PGRST301": "28000",  # the key is not valid
    "PGRST302": "28000",
    "PGRST303": "28000",
}
_UNREACHABLE: Final = "The database cannot be reached right now."
_BUSY: Final = "The database was too busy to answer in time."
# What only the operator can fix: the login, or its privileges.
_REFUSALS: Final = ("28", "42501")
_READ_ONLY: Final = "25006"
_NOT_MIGRATED: Final = "The database has not been migrated to the version that this API needs."
_SENTENCES: Final[Mapping[str, str]] = {
    "22021": "The request contains text that the database cannot store.",
    "22P05": "The request contains text that the database cannot store.",
    "23503": "The user, or what the request refers to, no longer exists.",
    "3F000": _NOT_MIGRATED,
    "40": _BUSY,
    "42883": _NOT_MIGRATED,
    "53300": _BUSY,
    "55P03": _BUSY,
    "57014": _BUSY,
}


class Problem(Exception):
    """A refusal with a code of db/codes.json. Its texts default to those of the code.

    `detail` is one sentence for people.
    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        status: int | None = None,
        field: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self._detail = detail
        self._status = status
        self.field = field
        self._hint = hint
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self._status or codes()[self.code].status[0]

    @property
    def detail(self) -> str:
        """What is wrong, as a sentence."""
        return self._detail or codes()[self.code].sentence

    @property
    def hint(self) -> str | None:
        """What to do about it, if anything."""
        return self._hint or codes()[self.code].hint

    def response(self) -> Response:
        """Returns the response. Equal problems have equal bytes."""
        members = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "error": self.detail,
            "field": self.field,
            "hint": self.hint,
        }
        body = json.dumps({name: value for name, value in members.items() if value is not None})
        return Response(
            body,
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            "application/problem+json",
        )


def unauthenticated(code: str) -> Problem:
    """Returns a 401 with AUTH_MISSING_KEY, AUTH_INVALID_HEADER or AUTH_INVALID_KEY."""
    return Problem(code, headers={"WWW-Authenticate": "Bearer"})


def unavailable(reason: str) -> Problem:
    """Returns a 503. Nothing is known to have happened; the request can be sent again."""
    return Problem("DATABASE_UNAVAILABLE", reason, headers={"Retry-After": "1"})


def refused() -> Problem:
    """Returns a 503: the database refuses this process until its operator fixes that."""
    return Problem("DATABASE_REFUSED", headers={"Retry-After": "5"})


def read_only() -> Problem:
    """Returns a 503: the database accepts no writes for now."""
    return Problem("DATABASE_READ_ONLY", headers={"Retry-After": "5"})


def from_database(error: Exception) -> Problem:
    """Returns the answer to a failed statement, or to a pool without a free connection."""
    sqlstate: str | None = getattr(error, "sqlstate", None)
    if isinstance(error, TooManyRequests):
        return unavailable(_BUSY)
    if sqlstate is None:  # the connection broke, or none was free in time
        lost = (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError)
        return unavailable(_UNREACHABLE) if isinstance(error, lost) else internal()
    return _from_sqlstate(sqlstate)


def from_supabase(code: str | None) -> Problem:
    """Returns the answer to an error with this code: an SQLSTATE, or one of PostgREST's own.

    Any other code, or none, means that something in between answered and PostgREST did not.
    """
    sqlstate = code or ""
    if sqlstate.startswith("PGRST"):
        sqlstate = _SQLSTATE_BY_POSTGREST_CODE.get(sqlstate, "XX000")
    elif not re.fullmatch("[0-9A-Z]{5}", sqlstate):
        sqlstate = "08006"
    return _from_sqlstate(sqlstate)


def _from_sqlstate(sqlstate: str) -> Problem:
    if sqlstate.startswith(_REFUSALS):
        return refused()
    if sqlstate == _READ_ONLY:
        return read_only()
    status = STATUS_BY_SQLSTATE.get(sqlstate) or STATUS_BY_SQLSTATE.get(sqlstate[:2], 500)
    sentence = _SENTENCES.get(sqlstate) or _SENTENCES.get(sqlstate[:2], _UNREACHABLE)
    if status == 503:
        return unavailable(sentence)
    return Problem("REFUSED", sentence, status=status) if status < 500 else internal()


def internal() -> Problem:
    """Returns a 500: a bug. The traceback is in the log only."""
    return Problem("INTERNAL")


def from_http_exception(error: HTTPException) -> Problem:
    """Returns the answer to Starlette's own 404 (no such route) and 405 (with Allow)."""
    code = "ROUTE_NOT_FOUND" if error.status_code == 404 else HTTPStatus(error.status_code).name
    return Problem(code, headers=error.headers)
