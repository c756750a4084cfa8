"""GET /jobs/{job_id}, answered before routing, because it is most of the traffic.

Plain ASGI: one pass over the headers, one call. The route with this path gives the same answers,
byte for byte, and also handles HEAD and ids that are not UUIDs.
"""

from __future__ import annotations

import re
from typing import Final

from starlette._utils import get_route_path
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api import jobs
from api.answers import known_version, respond_job
from api.auth import as_user
from api.errors import Problem

ROUTE: Final = Route("/jobs/{job_id}", jobs.get_job_status)
"""The Starlette route with the same answers."""

_PATH: Final = re.compile(r"/jobs/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})")


class Polls:
    """Answers polls and passes everything else to `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "GET":
            found = _PATH.fullmatch(get_route_path(scope))
        if found is None:
            await self.app(scope, receive, send)
            return
        job_id = found[1]
        scope["route"], scope["path_params"] = ROUTE, {"job_id": job_id}
        state = scope["state"]
        authorization, if_none_match = [], ""
        for name, value in scope["headers"]:
            if name == b"prefer":  # it may wait
                await self.app(scope, receive, send)
                return
            if name == b"authorization":
                authorization.append(value.decode("latin-1"))
            elif name == b"if-none-match" and not if_none_match:
                if_none_match = value.decode("latin-1")
        try:
            caller = as_user(await state["authenticate"](authorization))
            answer = await state["rpc"].call(
                "api_get_job_status",
                p_api_key=caller.api_key,
                p_claims=caller.claims,
                p_job_id=job_id,
                p_known_version=known_version(if_none_match),
            )
            response = respond_job(answer, if_none_match)
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)
