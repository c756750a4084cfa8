"""What is done to every request: an id, the last resort for errors, and a line in the log."""

from __future__ import annotations

import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal
from api.rest.errors import rest_internal, rest_path
from db.tools.logs import bind, get_logger

logger = get_logger(__name__)


class Guard:
    """Gives each answer an X-Request-Id, and turns what nobody caught into a bare 500.

    The client's own id is kept when it is a plain word. A client that went away needs no answer.
    With `access_log` each request is a line in the log, as nothing is by default.
    """

    def __init__(self, app: ASGIApp, *, access_log: bool = False) -> None:
        self.app = app
        self._logs_access = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", asked) else uuid4().hex
        bind(request_id=request_id)
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            logger.debug("the client went away", **_of_request(scope))
        except Exception:
            logger.exception("request failed", **_of_request(scope))
            if status is not None:
                raise
            failure = internal() if rest_path(scope) is None else rest_internal()
            await failure.response()(scope, receive, send_with_id)
        finally:
            if self._logs_access:
                milliseconds = round((time.perf_counter() - began) * 1000, 1)
                logger.info(
                    "request", status=status, milliseconds=milliseconds, **_of_request(scope)
                )


def _of_request(scope: Scope) -> dict[str, str]:
    """Method and the template of its route; a path may be anything that a client sends."""
    fields = {"method": scope["method"], "route": getattr(scope.get("route"), "path", "none")}
    if job_id := scope.get("path_params", {}).get("job_id"):
        fields["job_id"] = job_id[:36]
    return fields
