"""Rewords the API's errors for users of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_GIVE_A_KEY: Final = (
    "Set --api-key or API_KEY (for admin --service-key or SERVICE_KEY); "
    "index-jobs keys create makes a key for a user."
)
_GIVE_THE_SERVICE_KEY: Final = "Set --service-key or SERVICE_KEY to the API's service key."
_TRY_AGAIN: Final = "Try again in a moment."
_OTHER_API: Final = "Its version may differ from that of this command line."

_SENTENCES: Final[Mapping[str, str]] = {
    "AUTH_INVALID_HEADER": "The API key is empty or contains a space.",
    "AUTH_MISSING_KEY": "This command needs an API key or a token.",
    "AUTH_SERVICE_ROLE_REQUIRED": "This command is for support and needs the service key.",
    "AUTH_USER_REQUIRED": "This command needs a user's key; the service key belongs to no user.",
    "BODY_TIMEOUT": "The API did not receive the whole request in time.",
    "BODY_TOO_LARGE": "The arguments are too long for the API.",
    "HEADERS_TOO_LARGE": "The arguments are too long for the API.",
    "INVALID_HTTP": "The API, or a proxy in front of it, could not read the request.",
    "INVALID_JSON": "The API could not read the request.",
    "METHOD_NOT_ALLOWED": "The API does not support this command.",
    "REQUEST_TIMEOUT": "The API did not receive the whole request in time.",
    "ROUTE_NOT_FOUND": "The API does not support this command.",
    "UNSUPPORTED_MEDIA_TYPE": "The API could not read the request.",
    "URI_TOO_LONG": "The arguments are too long for the API.",
    "invalid_cursor": "cursor does not come from an earlier page.",
    "invalid_idempotency_key": "idempotency_key must have 1 to 255 visible ASCII characters.",
    "name_and_prefix": "name and prefix cannot be combined.",
    "unknown_field": "The API does not support an option of this command.",
    "unknown_parameter": "The API does not support an option of this command.",
}
_HINTS: Final[Mapping[str, str]] = {
    "AUTH_INVALID_HEADER": _GIVE_A_KEY,
    "AUTH_INVALID_KEY": _GIVE_A_KEY,
    "AUTH_MISSING_KEY": _GIVE_A_KEY,
    "AUTH_SERVICE_ROLE_REQUIRED": _GIVE_THE_SERVICE_KEY,
    "AUTH_UNAVAILABLE": _TRY_AGAIN,
    "AUTH_USER_REQUIRED": _GIVE_A_KEY,
    "BODY_TIMEOUT": _TRY_AGAIN,
    "DATABASE_UNAVAILABLE": _TRY_AGAIN,
    "HEADERS_TOO_LARGE": "Shorten them.",
    "INVALID_HTTP": "Is API_URL right?",
    "INVALID_JSON": _OTHER_API,
    "LIVE_LIMIT": _TRY_AGAIN,
    "METHOD_NOT_ALLOWED": _OTHER_API,
    "RATE_LIMITED": "",  # the client says when the quota renews
    "REQUEST_TIMEOUT": _TRY_AGAIN,
    "ROUTE_NOT_FOUND": _OTHER_API,
    "TOO_MANY_CONNECTIONS": _TRY_AGAIN,
    "TOO_MANY_STREAMS": "End another index-jobs watch.",
    "UNSUPPORTED_MEDIA_TYPE": _OTHER_API,
    "URI_TOO_LONG": "Shorten them.",
    "invalid_cursor": "Use the cursor printed with the previous page, or none for the first page.",
    "invalid_limit": "Use a number from 1 to 100; --cursor gets the rest.",
    "invalid_parameter": "Use the option once, with plain text.",
    "invalid_since": "Use a time with a time zone, such as 2026-01-31T12:00:00Z.",
    "invalid_transition": "A finished job cannot be changed.",
    "name_and_prefix": "Use --name for one exact name, or --prefix for all names that start so.",
    "not_completed": "Run index-jobs why JOB_ID to see its state.",
    "repository_url_differs": (
        "If it has moved, run index-jobs repository set-url NAME ADDRESS. If it is a different"
        " one, use another name."
    ),
    "unknown_field": _OTHER_API,
    "unknown_parameter": _OTHER_API,
}


def explain_refusal(code: str, sentence: str, hint: str | None) -> str:
    """Returns the sentence and the hint for this code, reworded for the command line."""
    hint = _HINTS.get(code, hint or "")
    for verb in ("Send ", "Pass "):
        if hint.startswith(verb):
            hint = f"Give {hint.removeprefix(verb)}"
    return f"{_SENTENCES.get(code, sentence)} {hint}".rstrip()
