"""Middleware for every request: an id, CORS, the last error handler, metrics and the access log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from os import urandom
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal
from api.live.wait import WAITED
from api.pages.routes import PageRoute
from api.protocol import WHOLE_ANSWER
from api.rest.errors import refusal, rest_internal, rest_path
from db.tools.logs import bind_only, get_logger

logger = get_logger(__name__)

_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Guard:
    """Adds an X-Request-Id and the CORS headers, and answers refusals and bugs that handlers raise.

    Keeps the client's own id if it is a plain word. With `access_log`, writes one log line per
    request. Calls `count` for each answer with the method, the route, the status and the seconds
    to its start, which are None if the request asked to wait. Leaves preflights to Starlette. No
    other origin can read `pages`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allow_origins: Sequence[str],
        allow_methods: Sequence[str],
        expose_headers: Sequence[str],
        count: Callable[[str, str, int, float | None], None] = lambda *_: None,
        access_log: bool = False,
        pages: Sequence[PageRoute] = (),
    ) -> None:
        self.app = app
        self._logs_access = access_log
        self._count = count
        self._pages = pages
        self._preflight = CORSMiddleware(
            app, allow_origins=allow_origins, allow_methods=allow_methods, allow_headers=("*",)
        )
        self._allows_all = "*" in allow_origins
        self._origins = {origin.encode() for origin in allow_origins}
        exposed = (b"access-control-expose-headers", ", ".join(expose_headers).encode())
        self._without_origin = [(b"vary", b"Origin")]
        self._of_others = [exposed, *self._without_origin]
        self._of_any = [(b"access-control-allow-origin", b"*"), *self._of_others]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        asked, origin, is_preflight = b"", None, False
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                asked = asked or value
            elif name == b"origin":
                origin = value if origin is None else origin
            elif name == b"access-control-request-method":
                is_preflight = scope["method"] == "OPTIONS"
        if is_preflight and origin is not None and not self._is_for_a_page(scope):
            await self._preflight(scope, receive, send)
            return
        request_id = asked if asked and _ID.fullmatch(asked) else urandom(16).hex().encode()
        bind_only(request_id=request_id.decode())
        answer_whole = scope.get("extensions", {}).get(WHOLE_ANSWER)
        status: int | None = None
        seconds = 0.0  # to the start of the answer
        start: Message | None = None  # while it waits for the body

        async def send_with_id(message: Message) -> None:
            nonlocal status, seconds, start
            if message["type"] == "http.response.start":
                status = message["status"]
                seconds = time.perf_counter() - began
                headers = message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    *self._cors(origin, scope),
                ]
                if answer_whole and _is_whole(status, headers):
                    start = message
                    return
            elif start:
                body, is_last = message.get("body", b""), not message.get("more_body")
                is_sent = is_last and answer_whole(start["status"], start["headers"], body)
                head, start = start, None
                if is_sent:
                    return
                await send(head)
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.debug("client disconnected", **_of_request(scope))
        except Exception as error:
            answer = refusal(error, scope) if status is None else None
            if answer is None:
                logger.exception("request failed", **_of_request(scope))
                if status is not None and not start:
                    raise
                start = None
                answer = internal() if rest_path(scope) is None else rest_internal()
            await answer.response()(scope, receive, send_with_id)
        finally:
            self._note(scope, status, seconds, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int | None, to_start: float, to_end: float) -> None:
        """Counts and logs the request. `status` is None if the client left before the answer."""
        if status is not None:
            seconds = None if WAITED in scope else to_start
            self._count(scope["method"], _route(scope), status, seconds)
        if self._logs_access:
            milliseconds = round(to_end * 1000, 1)
            logger.info("request", status=status, milliseconds=milliseconds, **_of_request(scope))

    def _is_for_a_page(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._pages)

    def _cors(self, origin: bytes | None, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Returns the headers that let a page of this origin read the answer."""
        if origin is None or isinstance(scope.get("route"), PageRoute):
            return self._without_origin
        if self._allows_all:
            return self._of_any
        if origin in self._origins:
            return [(b"access-control-allow-origin", origin), *self._of_others]
        return self._of_others


def _is_whole(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the body follows at once, with no header about the connection."""
    names = [name for name, _ in headers]
    return (status == 304 or b"content-length" in names) and b"connection" not in names


def _of_request(scope: Scope) -> dict[str, str]:
    """Returns the method and the route's template, because a path can be anything."""
    fields = {"method": scope["method"], "route": _route(scope)}
    if job_id := scope.get("path_params", {}).get("job_id"):
        fields["job_id"] = job_id[:36]
    return fields


def _route(scope: Scope) -> str:
    path: str = getattr(scope.get("route"), "path", "none")
    return path
