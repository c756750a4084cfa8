"""The routes of jobs. A handler is one call of the api_* function that has its name.

Every answer for which that function identified a user carries the caller's rate limit. A body
or a query that is refused here is refused after a function was called that does nothing but check
and count: so an unknown key gets 401 rather than 422, and every authenticated request costs one.
"""

from __future__ import annotations

import re
import time
from typing import Final, NoReturn

from starlette.responses import Response

from api.auth import Caller
from api.body import read_object
from api.errors import STATUS_BY_SQLSTATE, Problem, invalid, invalid_key, not_found
from api.rpc.contract import Answer, Function
from api.schema import UNFINISHED, IndexRequest, index_request, list_request
from api.settings import ApiSettings
from api.state import ApiRequest
from db.tools.logs import bind

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WINDOW: Final = 3_600
_POLL_AFTER: Final = {"Retry-After": "1"}


async def create_index_job(request: ApiRequest) -> Response:
    """POST /index: 202 with jobId, runId (the same, deprecated) and status; the work then runs.

    Where status tracking is off for the caller, runId is all that the answer tells.
    """
    caller = await _user(request)
    wanted: IndexRequest | None = None
    key: str | None = None
    refusal: Problem | None = None
    try:
        key = _idempotency_key(request)
        wanted = index_request(await read_object(request), request.state.settings)
    except Problem as problem:
        refusal = problem
    answer = await request.state.rpc.call(
        "api_create_index_job",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_repository=wanted.repository if wanted else None,
        p_git_url=wanted.git_url if wanted else None,
        p_organization=wanted.organization if wanted else None,
        p_ref=wanted.ref if wanted else None,
        p_commit_sha=wanted.commit_sha if wanted else None,
        p_idempotency_key=key,
        p_tracking_percent=_tracking_percent(request.state.settings),
    )
    if refusal:
        _refuse(refusal, answer)
    headers = {"Cache-Control": "no-store"}
    if answer.job_id:
        bind(job_id=str(answer.job_id))
        root = request.scope.get("root_path", "")
        headers.update({"Location": f"{root}/jobs/{answer.job_id}", **_POLL_AFTER})
    response = _respond(answer, 202, headers)
    request.state.kick()
    return response


async def get_job_status(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}: the job, or 404 when it is missing or another tenant's."""
    return _respond_job(request, await _call_for_job(request, "api_get_job_status"))


async def list_index_jobs(request: ApiRequest) -> Response:
    """GET /jobs: one page of the caller's jobs, or of an organization's, newest first.

    `Link: <…>; rel="next"` leads to the next page, if there is one.
    """
    caller = await _user(request)
    try:
        wanted = list_request(request.query_params.multi_items())
    except Problem as refusal:
        _refuse(refusal, await _count_only(request, caller))
    answer = await request.state.rpc.call(
        "api_list_index_jobs",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_organization=wanted.organization,
        p_repository=wanted.repository,
        p_status=wanted.status,
        p_since=wanted.since,
        p_cursor=wanted.cursor,
        p_limit=wanted.limit,
    )
    headers = {"Cache-Control": "private, no-cache"}
    if answer.next_cursor:
        following = request.url.include_query_params(cursor=answer.next_cursor)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return _respond(answer, 200, headers)


async def get_job_history(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/events: the events and the attempts of the job."""
    answer = await _call_for_job(request, "api_get_job_history")
    return _respond(answer, 200, {"Cache-Control": "private, no-cache"})


async def cancel_index_job(request: ApiRequest) -> Response:
    """DELETE /jobs/{job_id}: 200 with the cancelled job, 202 when its worker was asked to."""
    answer = await _call_for_job(request, "api_cancel_index_job")
    headers = {"Cache-Control": "private, no-cache", "ETag": f'W/"{answer.job_version}"'}
    if answer.job_status in UNFINISHED:
        return _respond(answer, 202, {**headers, **_POLL_AFTER})
    return _respond(answer, 200, headers)


async def admin_get_job_status(request: ApiRequest) -> Response:
    """GET /admin/jobs/{job_id}?reason=…: any tenant's job, for the service key; audited.

    A user's key gets 403; it is checked first, which costs that user one request.
    """
    caller = await request.state.authenticate(request)
    if caller.role != "service_role":
        answer = await _count_only(request, caller)
        if answer.verdict in {"PT401", "PT429"}:
            return _respond(answer, 403, {})
        raise Problem(
            403,
            "AUTH_SERVICE_ROLE_REQUIRED",
            "This route is for support: it needs the service key.",
            headers=_rate_headers(answer),
        )
    reason = request.query_params.get("reason")
    answer = await request.state.rpc.call(
        "api_admin_get_job_status",
        p_claims=caller.claims,
        p_job_id=_job_id(request),
        p_reason=reason and reason.replace("\0", "")[:500],
    )
    return _respond_job(request, answer)


async def _user(request: ApiRequest) -> Caller:
    caller = await request.state.authenticate(request)
    if caller.role != "authenticated":
        raise Problem(
            403,
            "AUTH_USER_REQUIRED",
            "This route acts for a user, and the service key is nobody's.",
            hint="Send a user's API key or token.",
        )
    return caller


async def _call_for_job(request: ApiRequest, function: Function) -> Answer:
    """What a function answers that takes a user and the job in the path."""
    caller = await _user(request)
    return await request.state.rpc.call(
        function, p_api_key=caller.api_key, p_claims=caller.claims, p_job_id=_job_id(request)
    )


async def _count_only(request: ApiRequest, caller: Caller) -> Answer:
    """Checks the key and counts one request; the answer is about no job."""
    return await request.state.rpc.call(
        "api_get_job_status", p_api_key=caller.api_key, p_claims=caller.claims, p_job_id=""
    )


def _refuse(refusal: Problem, answer: Answer) -> NoReturn:
    """Raises the refusal of a request that was counted; of a bad key or an empty quota, those."""
    if answer.verdict in {"PT401", "PT429"}:
        _respond(answer, refusal.status, {})
    refusal.headers.update(_rate_headers(answer))
    raise refusal


def _tracking_percent(settings: ApiSettings) -> int:
    return settings.job_status_tracking_percent if settings.job_status_tracking_enabled else 0


def _job_id(request: ApiRequest) -> str:
    """The id in the path, or '', which is no job's; nothing but a UUID reaches the database."""
    job_id: str = request.path_params["job_id"]
    return job_id if _UUID.fullmatch(job_id) else ""


def _idempotency_key(request: ApiRequest) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not re.fullmatch(r"[\x21-\x7e]{1,255}", keys[0]):
        raise invalid(
            "idempotency_key",
            "invalid_idempotency_key",
            "Idempotency-Key must be one header of 1 to 255 visible ASCII characters.",
            "A random UUID is a good key.",
        )
    return keys[0]


def _respond_job(request: ApiRequest, answer: Answer) -> Response:
    """200 with the whole record, or 304 when the client has this version."""
    headers = {"Cache-Control": "private, no-cache", "ETag": f'W/"{answer.job_version}"'}
    if answer.job_status in UNFINISHED:
        headers.update(_POLL_AFTER)
    response = _respond(answer, 200, headers)
    if _matches(request.headers.get("if-none-match", ""), f'"{answer.job_version}"'):
        return Response(None, 304, {**headers, **_rate_headers(answer)})
    return response


def _matches(if_none_match: str, opaque_tag: str) -> bool:
    """RFC 9110's weak comparison: W/ does not matter; * is any."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or opaque_tag in tags


def _respond(answer: Answer, status: int, headers: dict[str, str]) -> Response:
    """The function's body as it is. Raises: Problem for a verdict that is not ok."""
    if answer.verdict == "ok":
        return Response(
            answer.body, status, {**headers, **_rate_headers(answer)}, "application/json"
        )
    problem = _problem(answer)
    problem.headers.update(_rate_headers(answer))
    raise problem


def _problem(answer: Answer) -> Problem:
    status = STATUS_BY_SQLSTATE[answer.verdict]
    if status == 401:
        return invalid_key()
    if status == 404:
        return not_found()
    if status == 429:
        return Problem(
            429,
            "RATE_LIMITED",
            f"You have used the {answer.rate_limit} requests of this hour.",
            hint="Send the request again after the time in Retry-After.",
            headers={"Retry-After": str(max(1, _seconds_left(answer)))},
        )
    return Problem(
        status,
        answer.code or "INVALID_REQUEST",
        _sentence(answer.message or "the request was refused"),
        field=answer.field,
        hint=answer.hint,
    )


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}".rstrip(".") + "."


def _rate_headers(answer: Answer) -> dict[str, str]:
    """X-RateLimit-* as GitHub has them, and draft-ietf-httpapi-ratelimit-headers (08 to 11)."""
    if answer.rate_limit is None:
        return {}
    return {
        "X-RateLimit-Limit": str(answer.rate_limit),
        "X-RateLimit-Remaining": str(answer.rate_remaining),
        "X-RateLimit-Reset": str(answer.rate_reset),
        "RateLimit-Policy": f'"hour";q={answer.rate_limit};w={_WINDOW}',
        "RateLimit": f'"hour";r={answer.rate_remaining};t={_seconds_left(answer)}',
    }


def _seconds_left(answer: Answer) -> int:
    """Until the hour ends, rounded up; never longer than the hour, whatever the clocks say."""
    return min(max(0, int((answer.rate_reset or 0) - time.time()) + 1), _WINDOW)
