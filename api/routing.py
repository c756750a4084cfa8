"""Routes of handlers: functions from a request to a response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette import routing
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request[Any]], Awaitable[Response]]


class Route(routing.Route):
    """Starlette's route without its handlers of exceptions, because Guard answers them all."""

    def __init__(
        self, path: str, endpoint: Handler, *, methods: Collection[str] | None = None
    ) -> None:
        super().__init__(path, endpoint, methods=methods)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = answer
