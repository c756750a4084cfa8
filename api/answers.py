"""Makes responses from the answers of the api_* functions: verdicts, rate limits, versions."""

from __future__ import annotations

import re
import time
from math import ceil
from typing import Final, NoReturn

from starlette.responses import Response

from api.errors import STATUS_BY_SQLSTATE, Problem, unauthenticated
from api.rpc.contract import Answer

_WINDOW: Final = 3_600
_SOONEST_POLL: Final = 1
_LATEST_POLL: Final = 10  # seconds, while the quota is not low
_CACHED: Final = (b"cache-control", b"private, no-cache")
# Suffixes that compressing proxies add to a tag: Apache -gzip and -br, Jetty --gzip.
_TAG: Final = re.compile(r'(?:W/)?"([!#-~\x80-\xff]*?)(?:--?(?:gzip|br|zstd|deflate))?"')
_VERSION: Final = re.compile(r"[1-9][0-9]{0,17}")
_JSON: Final = (b"content-type", b"application/json")


def refuse(refusal: Problem, answer: Answer) -> NoReturn:
    """Raises the refusal of a counted request; a bad key or an empty quota takes precedence."""
    if answer.verdict in {"PT401", "PT429"}:
        respond(answer, refusal.status, {})
    refusal.headers.update(rate_headers(answer))
    raise refusal


def known_version(if_none_match: str) -> int | None:
    """Returns the one version that If-None-Match names, whose body the client has."""
    tag = _TAG.fullmatch(if_none_match)
    return int(tag[1]) if tag and _VERSION.fullmatch(tag[1]) else None


def respond_job(answer: Answer, if_none_match: str) -> Response:
    """200 with the whole record, or 304 when the client has this version.

    The function makes no body for a version that it knows the client has.

    Raises Problem unless the verdict is ok.
    """
    check(answer)
    opaque_tag = f'"{answer.job_version}"'
    headers = [_CACHED, (b"etag", b"W/" + opaque_tag.encode())]
    if answer.job_age is not None:
        headers.append((b"retry-after", b"%d" % _retry_after(answer, answer.job_age)))
    headers += _rate_headers(answer)
    if answer.body is None or (if_none_match and matches(if_none_match, opaque_tag)):
        return _Raw(304, headers, b"")
    body = answer.body.encode()
    headers += (_JSON, (b"content-length", b"%d" % len(body)))
    return _Raw(200, headers, body)


class _Raw(Response):
    """A response of ready-made bytes."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = headers


def matches(if_none_match: str, opaque_tag: str) -> bool:
    """Whether the header names the tag, by RFC 9110's weak comparison.

    Ignores W/ and the suffixes of compressing proxies.
    """
    for tag in map(str.strip, if_none_match.split(",")):
        found = _TAG.fullmatch(tag)
        if tag == "*" or (found and f'"{found[1]}"' == opaque_tag):
            return True
    return False


def respond(answer: Answer, status: int, headers: dict[str, str]) -> Response:
    """Returns the function's body unchanged. Raises Problem unless the verdict is ok."""
    check(answer)
    return Response(answer.body, status, {**headers, **rate_headers(answer)}, "application/json")


def version_headers(answer: Answer) -> dict[str, str]:
    """Returns the headers for a changed job. Its version is the ETag."""
    return {"Cache-Control": "private, no-cache", "ETag": f'W/"{answer.job_version}"'}


def check(answer: Answer) -> None:
    """Raises Problem unless the verdict is ok."""
    if answer.verdict != "ok":
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
            f"You have used this hour's quota of {answer.rate_limit} requests.",
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


def poll_after(answer: Answer) -> dict[str, str]:
    """Returns Retry-After, unless the answer can no longer change."""
    if answer.job_age is None:
        return {}
    return {"Retry-After": str(_retry_after(answer, answer.job_age))}


def _retry_after(answer: Answer, age: int) -> int:
    """Returns the seconds until the next poll.

    Grows with the age of the job. A caller that has used more than half of its quota spreads the
    rest over the rest of the hour.
    """
    pause = min(max(age / 10, _SOONEST_POLL), _LATEST_POLL)
    limit, left = answer.rate_limit, answer.rate_remaining
    if limit is not None and left is not None and left < limit / 2:
        pause = max(pause, _seconds_left(answer) / (left + 1))
    return ceil(pause)


def rate_headers(answer: Answer) -> dict[str, str]:
    """Returns X-RateLimit-* as on GitHub, and draft-ietf-httpapi-ratelimit-headers (08 to 11)."""
    return {name.decode(): value.decode() for name, value in _rate_headers(answer)}


def _rate_headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    limit, remaining = answer.rate_limit, answer.rate_remaining
    if limit is None or remaining is None:
        return []
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % (answer.rate_reset or 0)),
        (b"ratelimit-policy", b'"hour";q=%d;w=%d' % (limit, _WINDOW)),
        (b"ratelimit", b'"hour";r=%d;t=%d' % (remaining, _seconds_left(answer))),
    ]


def _seconds_left(answer: Answer) -> int:
    """Returns the seconds until the hour ends, rounded up, and never more than an hour."""
    return min(max(0, int((answer.rate_reset or 0) - time.time()) + 1), _WINDOW)
