"""uvicorn's HTTP protocol, with an end to what it reads before a request is there.

Without it the line and headers of a request, and the frames and trailers of its body, may be of any
size and take for ever, in memory and on a connection that nobody paid for. Bodies have their own
bounds, in api/body.py.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final, cast
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import Problem

MAX_BYTES: Final = 65_536
"""Of a request without its body."""
SECONDS: Final = 15.0
"""From a connection's start to the first byte of a request, and from there to the end of its
headers; and as long again for the rest of a body whose request is answered already."""

# What a client that was refused may still send, so that it can read why, and for how long.
_LINGER_BYTES: Final = 1_048_576
_LINGER_SECONDS: Final = 2.0

_MALFORMED: Final = Problem(
    400, "INVALID_HTTP", "The request is not HTTP/1.1.", hint="Send it as RFC 9112 has it."
)
_TOO_LARGE: Final = Problem(
    431,
    "HEADERS_TOO_LARGE",
    f"The line and headers of the request have more than {MAX_BYTES} bytes.",
    hint="Send fewer or shorter ones.",
)
_TOO_SLOW: Final = Problem(
    408,
    "REQUEST_TIMEOUT",
    f"The request did not arrive within {SECONDS:g} seconds.",
    hint="Send it again.",
)


class _Refused(Exception):
    """Stops the parser; the answer is written."""


class BoundedProtocol(HttpToolsProtocol):
    """408 after SECONDS, 431 over MAX_BYTES, 400 for what is no HTTP; each ends the connection.

    A connection on which nothing ever came is closed without an answer, and so is one whose client
    breaks a bound while the answer to it is on its way.
    """

    _overhead = 0  # bytes of the request that is arriving, without its body
    _is_arriving = False
    _has_head = False
    _linger: int | None = None  # bytes that are still taken, and dropped, after a refusal
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._linger is not None:
            self._linger -= len(data)
            if self._linger < 0:
                self.transport.close()
            return
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._deadline is None and not self._is_arriving and self._is_answered():
            self._set_deadline()  # what came was no request, and ended the time of keep-alive

    def send_400_response(self, msg: str) -> None:
        self._refuse(_MALFORMED)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_arriving, self._has_head = True, False
        self._drop_deadline()
        self._set_deadline()

    def on_headers_complete(self) -> None:
        if self._length_of_head() > MAX_BYTES:
            self._refuse(_TOO_LARGE)
            raise _Refused
        super().on_headers_complete()  # raises for an address that is none
        self._has_head = True
        self._drop_deadline()

    def on_body(self, body: bytes) -> None:
        self._overhead = max(0, self._overhead - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead = 0
        self._is_arriving = self._has_head = False
        self._drop_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._deadline is None and self._has_head and self._is_answered():
            self._set_deadline()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: any caller could fill the log with it."""

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _length_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(SECONDS, self._give_up)

    def _drop_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # by uvicorn, until it has answered what came before
            self._set_deadline()
        elif self._is_arriving:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing() or self._linger is not None:
            return
        self._drop_deadline()
        if self._may_answer():
            answer = problem.response()
            head = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()]
            head += [b"%b: %b" % header for header in answer.raw_headers]
            head += [b"x-request-id: " + uuid4().hex.encode(), b"connection: close"]
            self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
            # to close now, with bytes unread, would be a reset, which may overtake the answer
            self._linger = _LINGER_BYTES
            self.transport.write_eof()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _may_answer(self) -> bool:
        """Whether what is written now is the answer to the request that is arriving."""
        if self.pipeline:
            return False
        if self._has_head:
            return not self.cycle.response_started
        return self._is_answered()
