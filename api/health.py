"""GET /health, GET /ready and GET /status."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.errors import Problem, read_only
from api.records import Check, ServiceStatus
from api.rpc.contract import Rpc, Schema
from db.version import VERSION

_LATER: Final = {"Retry-After": "5"}
_WORST_FIRST: Final[tuple[Check, ...]] = ("fail", "warn", "pass")
_SECONDS: Final = 10
"""How long an answer of /status is cached, here and by clients."""


class StatusBoard:
    """The answer of /status. Queries the database at most once in ten seconds."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._asking = asyncio.Lock()
        self._known: ServiceStatus | None = None
        self._until = 0.0

    async def read(self) -> ServiceStatus:
        """Returns the status, at most ten seconds old. Covers an outage of the database too."""
        async with self._asking:
            if self._known is None or time.monotonic() > self._until:
                self._known = await self._ask()
                self._until = time.monotonic() + _SECONDS
            return self._known

    async def _ask(self) -> ServiceStatus:
        database: Check = "pass"
        runners: Check = "warn"  # their state is unknown
        waiting: Check = "warn"
        try:
            found = json.loads((await self._rpc.call("api_status")).body or "{}")
            runners, waiting = found["runners"], found["waiting"]
        except Problem as problem:
            if problem.status != 503:
                raise
            database = "fail"
        worst = min((database, runners, waiting), key=_WORST_FIRST.index)
        return {"status": worst, "database": database, "runners": runners, "waiting": waiting}


async def health(_: Request) -> Response:
    """GET /health: the process is running. Does not query the database."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def status(request: Request) -> Response:
    """GET /status: pass, warn or fail, for a status page.

    Covers the database, the runners and the waiting jobs, without numbers or tenants. 503 if it
    fails. Cached for ten seconds.
    """
    found: ServiceStatus = await request.state.board.read()
    answer = 503 if found["status"] == "fail" else 200
    return JSONResponse(found, answer, {"Cache-Control": f"public, max-age={_SECONDS}"})


async def ready(request: Request) -> Response:
    """GET /ready: 200 if the database is writable and its schema serves this code, else 503.

    Raises Problem 503 SCHEMA_MISMATCH or DATABASE_READ_ONLY, and what the transport raises.
    """
    schema: Schema = await request.state.rpc.schema()
    if schema.version is None or schema.version < VERSION:
        raise Problem(
            "SCHEMA_MISMATCH",
            f"The database is at schema version {schema.version}; this API needs {VERSION}.",
            hint="Run `index-jobs migrate` with the code deployed here.",
            headers=_LATER,
        )
    if schema.serves is None or schema.serves > VERSION:
        raise Problem(
            "SCHEMA_MISMATCH",
            f"The database is at schema version {schema.version}, which serves code from "
            f"{schema.serves} on; this API is from {VERSION}.",
            hint="Deploy the release that the database was migrated for.",
            headers=_LATER,
        )
    if not schema.is_writable:
        raise read_only()
    return JSONResponse({"status": "ready", "schema_version": schema.version})
