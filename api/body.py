"""Reads request bodies, each of which must be one strict JSON object."""

from __future__ import annotations

import asyncio
import json
import math
from codecs import BOM_UTF8
from typing import Any, Final

from starlette.requests import Request

from api.errors import Problem

LIMIT: Final = 65_536
"""The maximum size of a body in bytes."""
MOST_VALUES: Final = 1_000
"""The approximate maximum of values: counts commas and opening brackets, also in strings."""
LONGEST_NUMBER: Final = 100
"""In characters. The time to read a number grows with the square of its length."""

_LONGEST_MEDIA_TYPE: Final = 255

# What curl -d sends by default. GitHub's API reads it as JSON too.
_UNTYPED: Final = {"", "application/x-www-form-urlencoded"}


async def read_object(request: Request[Any]) -> dict[str, Any]:
    """Returns the body as a dict.

    Raises Problem 400 (not UTF-8, not JSON, NaN, duplicate keys, too deep, unpaired surrogates, not
    an object), 408 (arrives too slowly), 413 (over LIMIT; no more than that is read) or 415
    (another type, or encoded). Raises Starlette's ClientDisconnect if the client disconnects.
    """
    _check_type(request)
    return parse_object(await read_bytes(request))


def _check_type(request: Request[Any]) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise _unsupported("The body is encoded.", "Send it without Content-Encoding.")
    content_type = request.headers.get("content-type", "").lower()
    if len(content_type) > _LONGEST_MEDIA_TYPE:
        raise _unsupported("The Content-Type is too long.", "Send Content-Type: application/json.")
    media, _, parameters = content_type.partition(";")
    media = media.strip()
    is_json = media == "application/json" or (
        media.startswith("application/") and media.endswith("+json")
    )
    if not is_json and media not in _UNTYPED:
        raise _unsupported("The body is not JSON.", "Send Content-Type: application/json.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise _unsupported("The body is not UTF-8.", "Send JSON in UTF-8.")


def _unsupported(detail: str, hint: str) -> Problem:
    return Problem("UNSUPPORTED_MEDIA_TYPE", detail, hint=hint)


async def read_bytes(request: Request[Any]) -> bytes:
    """Returns the body. Raises Problem 408 and 413 and ClientDisconnect as read_object does."""
    body = bytearray()
    seconds = request.state.settings.body_timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LIMIT:
                    raise Problem("BODY_TOO_LARGE")
    except TimeoutError as error:
        raise Problem(
            "BODY_TIMEOUT",
            f"The body did not arrive within {seconds:g} seconds.",
            headers={"Connection": "close"},  # as RFC 9110 asks: the rest may still arrive
        ) from error
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses RFC 8259 JSON with at most MOST_VALUES. Refuses what parsers disagree on.

    Raises Problem 400.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise _bad(f"The body has more than {MOST_VALUES:,} values.")
    if body.startswith(BOM_UTF8):
        raise _bad("The body starts with a byte order mark.")
    try:
        value = _DECODER.decode(body.decode("utf-8"))
        if b"\\u" in body:  # only an escape can be an unpaired surrogate
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("The body is not UTF-8.") from error
    except UnicodeEncodeError as error:
        raise _bad("The body has an unpaired surrogate (\\ud800 to \\udfff).") from error
    except RecursionError as error:
        raise _bad("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise _bad(
            f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from error
    except ValueError as error:  # from the hooks, or an integer of thousands of digits
        raise _bad(f"The body is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise _bad("The body is not a JSON object.")
    return value


def _bad(detail: str) -> Problem:
    return Problem("INVALID_JSON", detail)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise ValueError("duplicate key")
    return seen


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _whole(text: str) -> int:
    _check_length(text)
    return int(text)


def _check_length(number: str) -> None:
    if len(number) > LONGEST_NUMBER:
        raise ValueError(f"a number has more than {LONGEST_NUMBER} characters")


def _finite(text: str) -> float:
    _check_length(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_whole,
)
