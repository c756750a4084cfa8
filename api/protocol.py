"""uvicorn's HTTP protocol, with limits on what one connection can send, hold and cost.

Without them an anonymous client could fill the memory with requests, headers or chunks, hold a
connection open forever, or keep the event loop busy. The limits of bodies are in api/body.py.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from fcntl import ioctl
from functools import partial
from http import HTTPStatus
from termios import TIOCOUTQ
from typing import Any, Final, NoReturn, cast
from uuid import uuid4

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from api.errors import Problem
from db.tools.logs import get_logger

logger = get_logger(__name__)

MAX_BYTES: Final = 65_536
"""The maximum size of a request without its body: line, headers, chunk framing, trailers."""
MAX_TARGET: Final = 8_192
"""The maximum bytes of a request's target: path and query."""
MAX_HEADERS: Final = 100
MAX_PARAMETERS: Final = 100
"""Of a query."""
WHOLE_ANSWER: Final = "index_jobs.whole_answer"
"""The scope extension that sends a whole answer at once: a function of status, headers and body.

If it returns False, send the answer by messages as usual. Raises RuntimeError if a header contains
a line break."""
SECONDS: Final = 15.0
"""The time limit from the start of a connection to the first byte of a request, and from there to
the end of its headers. Also the limit for the rest of a body whose request is already answered, and
for a client that does not read its answer."""

# The bytes that one callback of the event loop parses. The rest waits for the next one.
_MAX_PARSED: Final = 4_096
# The bytes that the parser gets at once. It cannot be stopped within them, so up to 5 of the
# following requests are taken in while one is answered.
_PIECE: Final = 128
# How much, and for how long, a refused client can still send, so that it can read the reason.
_LINGER_BYTES: Final = 1_048_576
_LINGER_SECONDS: Final = 2.0
# Connections over the limit that get a 503. Those over this one too are closed without an answer.
_MAX_REFUSED: Final = 100
_SECONDS_BETWEEN_WARNINGS: Final = 60.0

# On every answer, so that browsers do not guess its type.
_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")

_MALFORMED: Final = Problem("INVALID_HTTP")
_TARGET_TOO_LONG: Final = Problem("URI_TOO_LONG")
_TOO_LARGE: Final = Problem("HEADERS_TOO_LARGE")
_TOO_SLOW: Final = Problem("REQUEST_TIMEOUT")
_TOO_MANY_CONNECTIONS: Final = Problem("TOO_MANY_CONNECTIONS", headers={"Retry-After": "5"})


class _Refused(Exception):
    """Stops the parser; the answer is written."""


class _Flow(FlowControl):
    """Whether uvicorn wants more from a connection. If so, the protocol parses and reads on."""

    def __init__(self, transport: asyncio.Transport, resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._resume = resume

    def pause_reading(self) -> None:
        self.read_paused = True

    def resume_reading(self) -> None:
        self.read_paused = False
        self._resume()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses requests that exceed a limit of this module, and closes the connection.

    Answers 400 for what is not HTTP/1.1, 408, 414 or 431, and 503 for a connection over uvicorn's
    limit_concurrency. Closes a connection without an answer if it never sent anything, or if it
    exceeds a limit while an earlier answer is being sent.
    """

    _answering: RequestResponseCycle | None = (
        None  # the request that is being answered, or the last one
    )
    _unparsed = b""  # what was read; while there is any, nothing more is read
    _parsing: asyncio.Handle | None = None  # the callback that will parse it
    _is_reading = True
    _overhead = 0  # bytes of the arriving request, without its body
    _is_arriving = False
    _has_head = False
    _is_last = False  # the client, or its version of HTTP, sends no request after this one
    _linger: int | None = None  # bytes that are still read and dropped after a refusal
    _deadline: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None  # checks whether the client reads its answer
    _unsent = 0  # bytes that were unsent at the last check
    _warned_at = float("-inf")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn itself would refuse requests one by one, each with a log line
        self._max_connections, self.limit_concurrency = self.limit_concurrency, None

    # --- the connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self.flow = _Flow(self.transport, self._parse_on)
        over = len(self.connections) - (self._max_connections or len(self.connections))
        if over > 0:
            self._warn_of_connections()
        if over > _MAX_REFUSED:
            self.transport.abort()
            return
        self._reader = self.loop.call_later(SECONDS, self._check_reader)
        if over > 0:
            self._refuse(_TOO_MANY_CONNECTIONS)
        else:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        if self._reader:
            self._reader.cancel()
        if self._parsing:
            self._parsing.cancel()
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        if self._answering:  # uvicorn only tells the last one
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _warn_of_connections(self) -> None:
        now = time.monotonic()
        if now - BoundedProtocol._warned_at > _SECONDS_BETWEEN_WARNINGS:
            BoundedProtocol._warned_at = now
            logger.warning(
                "connection limit reached, refusing new connections",
                status=503,
                max_connections=self._max_connections,
            )

    def resume_writing(self) -> None:
        self._unsent = 0
        super().resume_writing()

    def _check_reader(self) -> None:
        """Drops a client that has read nothing since the last check."""
        unsent = self._waiting_for_the_client()
        is_over = self._is_answered() or self.transport.is_closing()
        is_still = is_over or self.flow.write_paused  # nothing is added
        if is_still and unsent >= self._unsent > 0:
            self.transport.abort()
            return
        self._unsent = unsent
        self._reader = self.loop.call_later(SECONDS, self._check_reader)

    def _waiting_for_the_client(self) -> int:
        """Returns the unsent bytes, here and in the kernel, which frees its buffer in steps."""
        waiting = self.transport.get_write_buffer_size()
        with suppress(OSError):
            queued = ioctl(self.transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
            waiting += int.from_bytes(queued, sys.byteorder)
        return waiting

    # --- input -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._linger is not None:
            self._linger -= len(data)
            if self._linger < 0:
                self.transport.close()
        elif not self._is_over():
            self._unparsed += data
            if not self._parsing:
                self._parse()

    def _is_over(self) -> bool:
        """Whether the connection's last request has arrived."""
        return self._is_last and not self._is_arriving

    def _parse_on(self) -> None:
        """Continues after a pause: parses what was read, then reads on."""
        if self._unparsed and self._may_parse() and not self._parsing:
            self._parsing = self.loop.call_soon(self._parse)
        self._read(self._linger is not None or not (self._unparsed or self.flow.read_paused))

    def _parse(self) -> None:
        self._parsing = None
        unparsed, done = memoryview(self._unparsed), 0
        while done < min(len(unparsed), _MAX_PARSED) and self._may_parse():
            self._unset_keepalive_if_required()
            done += self._feed(unparsed[done : done + _PIECE])
        self._unparsed = b"" if self._is_over() else self._unparsed[done:]
        self._parse_on()
        # the data may not have been a request, and may have ended the keep-alive time
        has_nothing = done > 0 and not self._is_arriving and self._is_answered()
        if self._deadline is None and (has_nothing or (self._is_arriving and not self._has_head)):
            self._set_deadline()

    def _may_parse(self) -> bool:
        return (
            not self.flow.read_paused
            and not self.pipeline
            and self._linger is None
            and not self.transport.is_closing()
        )

    def _read(self, wanted: bool) -> None:
        if wanted != self._is_reading and not self.transport.is_closing():
            self._is_reading = wanted
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()

    def _feed(self, piece: memoryview) -> int:
        """Returns the number of bytes parsed."""
        self._overhead += len(piece)
        fed = len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            (fed,) = upgrade.args  # an ordinary request, which others may follow
        except httptools.HttpParserError:
            if not self._is_over():
                self._refuse(_MALFORMED)
        if self._overhead > MAX_BYTES:
            self._refuse(_TOO_LARGE)
        return fed

    def _should_upgrade(self) -> bool:
        return False

    def send_400_response(self, msg: str) -> None:
        self._refuse(_MALFORMED)

    def on_message_begin(self) -> None:
        if self._is_over():
            raise _Refused
        super().on_message_begin()
        self._is_arriving, self._has_head = True, False
        self._drop_deadline()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET:
            self._stop(_TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:  # a trailer must not become a header
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > MAX_BYTES:
            self._stop(_TOO_LARGE)
        if self.url.count(b"&") >= MAX_PARAMETERS:
            self._stop(_TARGET_TOO_LONG)
        if not self._is_sound():
            self._stop(_MALFORMED)
        super().on_headers_complete()  # raises if the target is malformed
        self.cycle.default_headers = [*self.cycle.default_headers, _NO_SNIFFING]
        self.scope["extensions"] = {WHOLE_ANSWER: partial(self._answer, self.cycle)}  # type: ignore[dict-item]
        self._has_head = True
        self._is_last = not self.cycle.keep_alive
        self._drop_deadline()

    def _is_sound(self) -> bool:
        """Checks what RFC 9112 requires beyond the parser, so that proxies read it the same."""
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if b"#" in self.url or hosts > 1:
            return False
        if version == "1.0":
            return not codings
        return version == "1.1" and hosts == 1 and codings in ([], [b"chunked"])

    def on_body(self, body: bytes) -> None:
        self._overhead = max(0, self._overhead - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead = 0
        self._is_arriving = self._has_head = False
        self._drop_deadline()
        super().on_message_complete()

    # --- output ----------------------------------------------------------------------------------

    def _answer(
        self,
        cycle: RequestResponseCycle,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
    ) -> bool:
        """Writes a whole answer at once. See WHOLE_ANSWER."""
        is_usual = cycle.keep_alive and not (cycle.response_started or cycle.disconnected)
        if not is_usual or self.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        lines = [b"%b: %b" % header for header in (*cycle.default_headers, *headers)]
        head = b"\r\n".join(lines)
        if head.count(b"\n") + head.count(b"\r") != 2 * (len(lines) - 1):
            raise RuntimeError("a response header contains a line break")
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, body))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def on_response_complete(self) -> None:
        self._unsent = 0
        super().on_response_complete()
        if self._deadline is None and self._has_head and self._is_answered():
            self._set_deadline()

    def _is_answered(self) -> bool:
        return self._answering is None or self._answering.response_complete

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(SECONDS, self._give_up)

    def _drop_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self._is_reading:  # until the earlier requests are answered
            self._set_deadline()
        elif self._is_arriving:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _stop(self, problem: Problem) -> NoReturn:
        self._refuse(problem)
        raise _Refused

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing() or self._linger is not None:
            return
        self._drop_deadline()
        if self._may_answer():
            answer = problem.response()
            head = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()]
            head += [b"%b: %b" % header for header in answer.raw_headers]
            head += [b"x-request-id: " + uuid4().hex.encode(), b"connection: close"]
            head += [b"%b: %b" % _NO_SNIFFING]
            self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
            if self._has_head:  # the request is running: its answer will be dropped
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            # closing with unread bytes would send a reset, which can overtake the answer
            self._linger = _LINGER_BYTES
            self.transport.write_eof()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _may_answer(self) -> bool:
        """Whether an answer written now answers the arriving request."""
        if self.pipeline:
            return False
        if self._has_head:
            return not self.cycle.response_started
        return self._is_answered()
