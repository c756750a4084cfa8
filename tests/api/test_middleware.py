"""Which answers Guard passes to the server whole, and which as messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware import Guard
from api.protocol import WHOLE_ANSWER

TEXT = Response("text")


def sent(app: ASGIApp, *, takes: bool = True) -> tuple[list[tuple[Any, ...]], list[Message]]:
    """Returns what the server receives. `takes`: whether it accepts whole answers."""
    whole: list[tuple[Any, ...]] = []
    messages: list[Message] = []

    def answer(*given: Any) -> bool:
        if takes:
            whole.append(given)
        return takes

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    guard = Guard(app, allow_origins=["*"], allow_methods=["GET"], expose_headers=["ETag"])
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-request-id", b"mine")]}
    asyncio.run(guard(scope | {"extensions": {WHOLE_ANSWER: answer}}, receive, send))
    return whole, messages


def test_response_of_known_length_is_sent_at_once_with_all_headers() -> None:
    ((status, headers, body),), messages = sent(TEXT)
    assert (status, body, messages) == (200, b"text", [])
    assert headers == [*TEXT.raw_headers, (b"x-request-id", b"mine"), (b"vary", b"Origin")]


def test_response_is_sent_as_messages_when_the_server_requires_it() -> None:
    ((status, headers, body),), _ = sent(TEXT)
    whole, (start, rest) = sent(TEXT, takes=False)
    assert whole == []
    assert (start["status"], start["headers"], rest["body"]) == (status, headers, body)


async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


@pytest.mark.parametrize(
    "app",
    [
        StreamingResponse(iter([b"a", b"b"])),
        in_parts,
        Response("text", headers={"Connection": "close"}),
    ],
    ids=["stream", "parts", "close"],
)
def test_streams_parts_and_closing_responses_are_sent_as_messages(app: ASGIApp) -> None:
    whole, messages = sent(app)
    assert whole == []
    assert [message["type"] for message in messages[:2]] == [
        "http.response.start",
        "http.response.body",
    ]


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    raise ZeroDivisionError


def test_response_that_fails_before_its_body_is_a_500() -> None:
    ((status, _, body),), messages = sent(broken)
    assert (status, messages) == (500, [])
    assert b"INTERNAL" in body
