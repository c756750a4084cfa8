"""uvicorn's HTTP protocol, with bounds on what one connection may send, hold and cost.

Without them an anonymous client could fill the memory with requests, headers or chunks, hold a
connection open forever, or keep the event loop busy. Bodies have their own bounds, in api/body.py.
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
"""Of a request without its body: line, headers, framing of chunks, trailers."""
MAX_TARGET: Final = 8_192
"""Bytes of a request's target: path and query."""
MAX_HEADERS: Final = 100
MAX_PARAMETERS: Final = 100
"""Of a query."""
WHOLE_ANSWER: Final = "index_jobs.whole_answer"
"""The extension of the scope by which an application sends an answer at once: a function of its
status, its headers and its body. False: send it by messages, as any other. Raises RuntimeError when
a header has a line break."""
SECONDS: Final = 15.0
"""From a connection's start to the first byte of a request, and from there to the end of its
headers; as long again for the rest of a body whose request is answered already; and for a client
that reads nothing of its answer."""

# Bytes that one callback of the event loop parses; the rest waits for the next one.
_MAX_PARSED: Final = 4_096
# Bytes that the parser is given at once. It cannot be stopped within: so this is also how much of
# the requests that follow is taken up while one is answered, which is 5 at most.
_PIECE: Final = 128
# What a client that was refused may still send, so that it can read why, and for how long.
_LINGER_BYTES: Final = 1_048_576
_LINGER_SECONDS: Final = 2.0
# Connections over the limit that are told so; those over this too are closed without a word.
_MAX_REFUSED: Final = 100
_SECONDS_BETWEEN_WARNINGS: Final = 60.0

# Of every answer: a browser takes it for what it says it is.
_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")

_MALFORMED: Final = Problem("INVALID_HTTP")
_TARGET_TOO_LONG: Final = Problem("URI_TOO_LONG")
_TOO_LARGE: Final = Problem("HEADERS_TOO_LARGE")
_TOO_SLOW: Final = Problem("REQUEST_TIMEOUT")
_TOO_MANY_CONNECTIONS: Final = Problem("TOO_MANY_CONNECTIONS", headers={"Retry-After": "5"})


class _Refused(Exception):
    """Stops the parser; the answer is written."""


class _Flow(FlowControl):
    """Whether uvicorn wants more of a connection; the protocol then parses, and reads, on."""

    def __init__(self, transport: asyncio.Transport, resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._resume = resume

    def pause_reading(self) -> None:
        self.read_paused = True

    def resume_reading(self) -> None:
        self.read_paused = False
        self._resume()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what breaks a bound of this module, and closes the connection.

    400 for what is not HTTP/1.1, 408, 414, 431, and 503 for a connection over uvicorn's
    limit_concurrency. A connection on which nothing ever came is closed without an answer, and so
    is one whose client breaks a bound while the answer to it is on its way.
    """

    _answering: RequestResponseCycle | None = None  # the request whose answer is under way, or was
    _unparsed = b""  # what was read; as long as there is some, nothing more is read
    _parsing: asyncio.Handle | None = None  # the callback that will go on with it
    _is_reading = True
    _overhead = 0  # bytes of the request that is arriving, without its body
    _is_arriving = False
    _has_head = False
    _is_last = False  # the client, or its version of HTTP, wants no request after this one
    _linger: int | None = None  # bytes that are still taken, and dropped, after a refusal
    _deadline: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None  # looks at whether the client reads its answer
    _unsent = 0  # bytes that waited for the client when it last looked
    _warned_at = float("-inf")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # uvicorn's own use of it refuses requests one by one, with a line in the log for each
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
        if self._answering:  # uvicorn tells the one that arrived last
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
                "the limit of connections is reached; more are refused",
                status=503,
                max_connections=self._max_connections,
            )

    def resume_writing(self) -> None:
        self._unsent = 0
        super().resume_writing()

    def _check_reader(self) -> None:
        """Drops a client that took nothing of what waits for it since the last look."""
        unsent = self._waiting_for_the_client()
        is_over = self._is_answered() or self.transport.is_closing()
        is_still = is_over or self.flow.write_paused  # nothing is added
        if is_still and unsent >= self._unsent > 0:
            self.transport.abort()
            return
        self._unsent = unsent
        self._reader = self.loop.call_later(SECONDS, self._check_reader)

    def _waiting_for_the_client(self) -> int:
        """Bytes here and in the kernel, which takes no more until a third of its megabytes left."""
        waiting = self.transport.get_write_buffer_size()
        with suppress(OSError):
            queued = ioctl(self.transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
            waiting += int.from_bytes(queued, sys.byteorder)
        return waiting

    # --- what is read ----------------------------------------------------------------------------

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
        """Whether the last request of the connection has arrived."""
        return self._is_last and not self._is_arriving

    def _parse_on(self) -> None:
        """Goes on after a pause: with what was read, and when that is parsed, with reading."""
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
        # what came may have been no request, and have ended the time of keep-alive
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
        """How many bytes of it were parsed."""
        self._overhead += len(piece)
        fed = len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            (fed,) = upgrade.args  # the request is an ordinary one, and others may follow
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
        if self._has_head:  # a trailer, which must not pass for a header
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
        super().on_headers_complete()  # raises for an address that is none
        self.cycle.default_headers = [*self.cycle.default_headers, _NO_SNIFFING]
        self.scope["extensions"] = {WHOLE_ANSWER: partial(self._answer, self.cycle)}  # type: ignore[dict-item]
        self._has_head = True
        self._is_last = not self.cycle.keep_alive
        self._drop_deadline()

    def _is_sound(self) -> bool:
        """What RFC 9112 asks beyond what the parser checks: so that no proxy reads it otherwise."""
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

    # --- what is answered ------------------------------------------------------------------------

    def _answer(
        self,
        cycle: RequestResponseCycle,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
    ) -> bool:
        """Writes the usual answer, head and body, at once: see WHOLE_ANSWER."""
        is_usual = cycle.keep_alive and not (cycle.response_started or cycle.disconnected)
        if not is_usual or self.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        lines = [b"%b: %b" % header for header in (*cycle.default_headers, *headers)]
        head = b"\r\n".join(lines)
        if head.count(b"\n") + head.count(b"\r") != 2 * (len(lines) - 1):
            raise RuntimeError("a header of an answer has a line break")
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
        if not self._is_reading:  # until what came before is answered
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
            if self._has_head:  # the request is under way: what it is answered goes nowhere
                self.cycle.disconnected = True
                self.cycle.message_event.set()
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
