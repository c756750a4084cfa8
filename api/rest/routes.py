"""/rest/v1/rpc/{function}: PostgREST's contract, for the functions that users can execute.

With it, supabase-js and supabase-py work unmodified against this server. A request is one call of
api_call_function, which looks up the function in the catalog; none is named here. Costs no quota.
docs/rest.md lists what is supported, and the differences from PostgREST.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from api.auth import ANON, Caller
from api.body import parse_object, read_bytes
from api.errors import Problem
from api.rest.errors import REST_JSON, RestError, rest_status
from api.rest.query import RestQuery, as_query, rest_query
from api.rpc.contract import Called
from api.rpc.database import DatabaseRpc
from api.state import ApiRequest
from db.tools.logs import get_logger

logger = get_logger(__name__)

_SINGULAR: Final = "application/vnd.pgrst.object+json"
# An accepted media type -> the media type of the answer, and whether to omit nulls.
_MEDIA_TYPES: Final[Mapping[str, tuple[str, bool]]] = {
    "*/*": (REST_JSON, False),
    "application/json": (REST_JSON, False),
    "application/vnd.pgrst.array": (REST_JSON, False),
    "application/vnd.pgrst.array+json": (REST_JSON, False),
    "application/vnd.pgrst.array+json;nulls=stripped": (
        "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        True,
    ),
    "application/vnd.pgrst.object": (f"{_SINGULAR}; charset=utf-8", False),
    _SINGULAR: (f"{_SINGULAR}; charset=utf-8", False),
    f"{_SINGULAR};nulls=stripped": (f"{_SINGULAR};nulls=stripped; charset=utf-8", True),
}
_COUNT: Final = re.compile(r"count=(exact|planned|estimated)")
# Headers that a function must not set, and characters that they must not contain.
_FRAMING: Final = {"content-length", "transfer-encoding", "connection"}
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+: [\x20-\x7e]*")
# The longest names for which to look for a similar function: the time grows with the square.
_LONGEST_GUESS: Final = 256
_MOST_OFFERS: Final = 20


async def call_function(request: ApiRequest) -> Response:
    """GET, HEAD and POST /rest/v1/rpc/{function}: calls the function; read-only unless POST."""
    function: str = request.path_params["function"]
    reads = request.method != "POST"
    profile = _check_profile(request, "accept-profile" if reads else "content-profile")
    media_type, strip_nulls = _media_type(request)
    caller = await _caller(request)
    query = rest_query(request.query_params.multi_items(), reads_arguments=reads)
    arguments = json.dumps(query.arguments) if reads else await _body(request)
    if caller.role == "service_role":
        raise RestError(
            403,
            "42501",
            f"permission denied for function {function}",
            hint="This server serves /rest/v1 to users only; use Supabase for the service key.",
        )
    count = _COUNT.search(",".join(request.headers.getlist("prefer")))
    wanted = as_query(query) | {
        "count": count is not None,
        "object": media_type.startswith(_SINGULAR),
        "strip_nulls": strip_nulls,
    }
    rpc = request.state.rpc
    assert isinstance(rpc, DatabaseRpc)  # noqa: S101  (there is no such route otherwise)
    try:
        called = await rpc.call_function(
            p_claims=caller.claims,
            p_function=function.replace("\0", "\ufffd"),
            p_arguments=arguments,
            p_read_only=reads,
            p_query=json.dumps(wanted),
        )
    except Problem as problem:
        raise _from_problem(problem, "PGRST001") from problem
    except psycopg.Error as error:
        if error.diag.context is None:  # a bug in the statement itself
            raise
        raise _from_database(error, caller, is_post=not reads) from error
    status, headers = _range(called, query)
    if count:
        headers["Preference-Applied"] = count[0]
    if status == 416:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details=f"An offset of {query.offset} was requested, but there are only"
            f" {called.total} rows.",
            headers=headers,
        )
    if profile:
        headers["Content-Profile"] = profile
    if called.is_void:
        return Response(None, 204, headers)
    return Response(called.body, status, headers, media_type)


# --- the request ---------------------------------------------------------------------------------


async def _caller(request: ApiRequest) -> Caller:
    """Returns the caller. As on Supabase, a key other than a JWT is anon; apikey suffices."""
    for header in ("authorization", "apikey"):
        if len(request.headers.getlist(header)) > 1:
            raise RestError(400, "PGRST301", f"There are two {header} headers")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or token.startswith("sb_"):
        token = request.headers.get("apikey", "")
    if token.count(".") != 2:
        return ANON
    try:
        return await request.state.authenticate.bearer_of(token)
    except Problem as problem:
        raise _from_problem(problem, "PGRST001") from problem
    except jwt.PyJWTError as error:
        known = _JWT_MESSAGES.get(type(error))
        message = known or "The token is not valid"
        raise RestError(
            401,
            "PGRST301",
            message,
            hint=None if known else _WHAT_IT_NEEDS,
            headers={
                "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{message}"'
            },
        ) from error


_WHAT_IT_NEEDS: Final = "A user's token needs exp, the role authenticated and a UUID as sub."
_JWT_MESSAGES: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "JWT expired",
    jwt.InvalidSignatureError: "JWSError JWSInvalidSignature",
    jwt.ImmatureSignatureError: "JWTNotYetValid",
    jwt.InvalidAudienceError: "JWTNotInAudience",
}


def _check_profile(request: Request[Any], header: str) -> str | None:
    profile = request.headers.get(header)
    if profile not in {None, "public"}:
        raise RestError(406, "PGRST106", "The schema must be one of the following: public")
    return profile


def _media_type(request: Request[Any]) -> tuple[str, bool]:
    """Returns the first supported type that the client accepts. Raises RestError 406."""
    accept = request.headers.get("accept") or "*/*"
    offers = [offer.replace(" ", "") for offer in accept.split(",", _MOST_OFFERS)][:_MOST_OFFERS]
    for offer in offers:
        for name in (offer, offer.partition(";q=")[0]):
            if name in _MEDIA_TYPES:
                return _MEDIA_TYPES[name]
    names = ", ".join(offers)
    raise RestError(415, "PGRST107", f"None of these media types are available: {names}")


async def _body(request: Request[Any]) -> str:
    """Returns the body's JSON object unchanged, or {} if there is none."""
    try:
        body = await read_bytes(request)
        media = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if body and media.lower() != "application/json":
            raise RestError(400, "PGRST102", f"Content-Type not acceptable: {media or '*/*'}")
        if body:
            parse_object(body)
    except Problem as problem:
        if problem.status != 400:
            raise _from_problem(problem, "PGRST102") from problem
        # PostgREST uses the last of duplicate members, and ignores a list or a number
        syntax = isinstance(problem.__cause__, json.JSONDecodeError | UnicodeError)
        details = None if syntax else problem.detail
        raise RestError(400, "PGRST102", "Empty or invalid json", details=details) from problem
    return body.decode() or "{}"


# --- the answer ----------------------------------------------------------------------------------


def _range(called: Called, query: RestQuery) -> tuple[int, dict[str, str]]:
    """Returns the status and the Content-Range header. 206 if there are more rows."""
    total = "*" if called.total is None else str(called.total)
    last = query.offset + called.row_count - 1
    rows = f"{query.offset}-{last}" if called.row_count else "*"
    status = 200
    if called.total is not None:
        if query.offset > called.total:
            status = 416
        elif called.row_count < called.total:
            status = 206
    return status, {"Content-Range": f"{rows}/{total}"}


def _from_problem(problem: Problem, code: str) -> RestError:
    return RestError(
        problem.status, code, problem.detail, hint=problem.hint, headers=problem.headers
    )


def _from_database(error: psycopg.Error, caller: Caller, *, is_post: bool) -> RestError:
    """Returns the answer to an error raised in the function."""
    sqlstate = error.sqlstate or ""
    message = error.diag.message_primary or ""
    if sqlstate == "PGRST":
        return _from_raised(message, error.diag.message_detail or "", caller, is_post=is_post)
    status = rest_status(sqlstate)
    headers = {}
    if sqlstate == "42501" and caller.role == "anon":
        status = 401
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        headers["Retry-After"] = "1"
    if status >= 500:
        logger.warning("function failed", status=status, sqlstate=sqlstate, error=message)
    return RestError(
        status,
        sqlstate,
        message,
        details=error.diag.message_detail,
        hint=error.diag.message_hint,
        headers=headers,
    )


def _from_raised(message: str, detail: str, caller: Caller, *, is_post: bool) -> RestError:
    """SQLSTATE PGRST: the message is the body, detail has status and headers, both as JSON."""
    try:
        body, answer = json.loads(message), json.loads(detail)
        status, headers = int(answer["status"]), dict(answer.get("headers") or {})
        code, words = str(body["code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return RestError(
            500,
            "PGRST121",
            "The message and detail field of RAISE 'PGRST' error expects JSON",
        )
    if code == "PGRST202" and "known" in body:
        known = {} if caller.role == "anon" else body["known"] or {}  # anon cannot execute any
        return _no_such_function(words, body["names"], known, is_post=is_post)
    sound = {
        name: str(value)
        for name, value in headers.items()
        if _HEADER.fullmatch(f"{name}: {value}") and name.lower() not in _FRAMING
    }
    return RestError(
        status if 200 <= status <= 599 else 500,
        code,
        words,
        details=body.get("details"),
        hint=body.get("hint"),
        headers=sound,
    )


def _no_such_function(
    name: str, arguments: list[str], known: dict[str, list[str]], *, is_post: bool
) -> RestError:
    """PGRST202: names the call, and a similar function that users can execute."""
    signature = f"public.{name}({', '.join(arguments)})" if arguments else f"public.{name}"
    searched = f"the function public.{name} "
    if arguments:
        searched += f"with parameter{'s' if arguments[1:] else ''} {', '.join(arguments)}"
    else:
        signature += " without parameters"
        searched += "without parameters"
    if is_post:
        searched += " or with a single unnamed json/jsonb parameter"
    meant = None
    if len(name) + sum(map(len, arguments)) > _LONGEST_GUESS:
        known = {}
    if name in known:
        similar = difflib.SequenceMatcher(None, " ".join(arguments), " ".join(known[name]))
        if similar.ratio() > 0.3:
            meant = f"public.{name}({', '.join(known[name])})"
    elif close := difflib.get_close_matches(name, known, 1):
        meant = f"public.{close[0]}"
    return RestError(
        404,
        "PGRST202",
        f"Could not find the function {signature} in the schema cache",
        details=f"Searched for {searched}, but no matches were found in the schema cache.",
        hint=f"Perhaps you meant to call the function {meant}" if meant else None,
    )
