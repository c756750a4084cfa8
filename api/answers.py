"""What the api_* functions answer -> the response: verdicts, rate limits and versions."""

from __future__ import annotations

import time
from typing import Final, NoReturn

from starlette.responses import Response

from api.errors import STATUS_BY_SQLSTATE, Problem, unauthenticated
from api.records import UNFINISHED
from api.rpc.contract import Answer
from api.state import ApiRequest

_WINDOW: Final = 3_600
POLL_AFTER: Final = {"Retry-After": "1"}


def refuse(refusal: Problem, answer: Answer) -> NoReturn:
    """Raises the refusal of a request that was counted; of a bad key or an empty quota, those."""
    if answer.verdict in {"PT401", "PT429"}:
        respond(answer, refusal.status, {})
    refusal.headers.update(rate_headers(answer))
    raise refusal


def respond_job(request: ApiRequest, answer: Answer) -> Response:
    """200 with the whole record, or 304 when the client has this version."""
    headers = {"Cache-Control": "private, no-cache", "ETag": f'W/"{answer.job_version}"'}
    if answer.job_status in UNFINISHED:
        headers.update(POLL_AFTER)
    response = respond(answer, 200, headers)
    if _matches(request.headers.get("if-none-match", ""), f'"{answer.job_version}"'):
        return Response(None, 304, {**headers, **rate_headers(answer)})
    return response


def _matches(if_none_match: str, opaque_tag: str) -> bool:
    """RFC 9110's weak comparison: W/ does not matter; * is any."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or opaque_tag in tags


def respond(answer: Answer, status: int, headers: dict[str, str]) -> Response:
    """The function's body as it is. Raises: Problem for a verdict that is not ok."""
    if answer.verdict == "ok":
        return Response(
            answer.body, status, {**headers, **rate_headers(answer)}, "application/json"
        )
    problem = _problem(answer)
    problem.headers.update(rate_headers(answer))
    raise problem


def _problem(answer: Answer) -> Problem:
    status = STATUS_BY_SQLSTATE[answer.verdict]
    if status == 401:
        return unauthenticated("AUTH_INVALID_KEY")
    if status == 404:
        return Problem("NOT_FOUND")
    if status == 429:
        return Problem(
            "RATE_LIMITED",
            f"You have used the {answer.rate_limit} requests of this hour.",
            headers={"Retry-After": str(max(1, _seconds_left(answer)))},
        )
    return Problem(
        answer.code or "INVALID_REQUEST",
        answer.message and _sentence(answer.message),
        status=status,
        field=answer.field,
        hint=answer.hint,
    )


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}".rstrip(".") + "."


def rate_headers(answer: Answer) -> dict[str, str]:
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
