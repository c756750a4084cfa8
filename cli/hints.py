"""What the API says to programs, in words for a person at a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_GIVE_A_KEY: Final = (
    "Give a key by --api-key or API_KEY, to admin by --service-key or SERVICE_KEY; "
    "index-jobs keys create makes a user's."
)
_GIVE_THE_SERVICE_KEY: Final = "Give the service key of the API by --service-key or SERVICE_KEY."
_TRY_AGAIN: Final = "Try again in a moment."
_OTHER_API: Final = "It may be another release than this command line."

_SENTENCES: Final[Mapping[str, str]] = {
    "AUTH_INVALID_HEADER": "The API key is empty, or has a space in it.",
    "AUTH_MISSING_KEY": "This needs an API key or a token.",
    "AUTH_SERVICE_ROLE_REQUIRED": "This is for support: it needs the service key.",
    "AUTH_USER_REQUIRED": "This needs a user's key; the service key does not belong to a user.",
    "BODY_TIMEOUT": "The API did not get the whole request in time.",
    "BODY_TOO_LARGE": "The arguments are too long for the API.",
    "HEADERS_TOO_LARGE": "The arguments are too long for the API.",
    "INVALID_HTTP": "The API, or a proxy in front of it, does not understand the request.",
    "INVALID_JSON": "The API does not understand the request.",
    "METHOD_NOT_ALLOWED": "The API does not know this command.",
    "REQUEST_TIMEOUT": "The API did not get the whole request in time.",
    "ROUTE_NOT_FOUND": "The API does not know this command.",
    "UNSUPPORTED_MEDIA_TYPE": "The API does not understand the request.",
    "URI_TOO_LONG": "The arguments are too long for the API.",
    "invalid_cursor": "cursor does not come from an earlier page.",
    "invalid_idempotency_key": "idempotency_key must have 1 to 255 visible ASCII characters.",
    "name_and_prefix": "name and prefix exclude each other.",
    "unknown_field": "The API does not know an option of this command.",
    "unknown_parameter": "The API does not know an option of this command.",
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
    "HEADERS_TOO_LARGE": "Give shorter ones.",
    "INVALID_HTTP": "Is API_URL right?",
    "INVALID_JSON": _OTHER_API,
    "LIVE_LIMIT": _TRY_AGAIN,
    "METHOD_NOT_ALLOWED": _OTHER_API,
    "RATE_LIMITED": "",  # the client says when they come back
    "REQUEST_TIMEOUT": _TRY_AGAIN,
    "ROUTE_NOT_FOUND": _OTHER_API,
    "TOO_MANY_CONNECTIONS": _TRY_AGAIN,
    "TOO_MANY_STREAMS": "End another index-jobs watch.",
    "UNSUPPORTED_MEDIA_TYPE": _OTHER_API,
    "URI_TOO_LONG": "Give shorter ones.",
    "invalid_cursor": "Give the cursor that the previous page printed, or none for the first page.",
    "invalid_limit": "Give a number from 1 to 100; --cursor leads to the rest.",
    "invalid_parameter": "Give it once, as plain text.",
    "invalid_since": "Give a time with its zone, such as 2026-01-31T12:00:00Z.",
    "invalid_transition": "A job that has ended stays as it is.",
    "name_and_prefix": "Give --name for exactly that name, or --prefix for all that begin with it.",
    "not_completed": "index-jobs why JOB_ID explains its state.",
    "repository_url_differs": (
        "If it has moved: index-jobs repository set-url NAME ADDRESS. If it is another one, give"
        " it another name."
    ),
    "unknown_field": _OTHER_API,
    "unknown_parameter": _OTHER_API,
}


def explain_refusal(code: str, sentence: str, hint: str | None) -> str:
    """The sentence and the hint of a refusal with that code, as this command line says them."""
    hint = _HINTS.get(code, hint or "")
    for verb in ("Send ", "Pass "):
        if hint.startswith(verb):
            hint = f"Give {hint.removeprefix(verb)}"
    return f"{_SENTENCES.get(code, sentence)} {hint}".rstrip()
