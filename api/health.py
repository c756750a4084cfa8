"""GET /health and GET /ready."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.errors import Problem
from api.rpc.contract import Schema
from db.version import VERSION

_LATER: Final = {"Retry-After": "5"}


async def health(_: Request) -> Response:
    """GET /health: the process answers; the database is not asked."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def ready(request: Request) -> Response:
    """GET /ready: 200 when the database can be written and its schema serves this code, else 503.

    Raises: Problem 503 SCHEMA_MISMATCH or DATABASE_READ_ONLY, and as the transport does.
    """
    schema: Schema = await request.state.rpc.schema()
    if schema.version is None or schema.version < VERSION:
        raise Problem(
            "SCHEMA_MISMATCH",
            f"The database is at schema version {schema.version}; this API needs {VERSION}.",
            hint="Run `make migrate` with the code that is deployed here.",
            headers=_LATER,
        )
    if schema.serves is None or schema.serves > VERSION:
        raise Problem(
            "SCHEMA_MISMATCH",
            f"The database is at schema version {schema.version}, which serves code of "
            f"{schema.serves} and newer; this API is of {VERSION}.",
            hint="Deploy the release here that the database was migrated for.",
            headers=_LATER,
        )
    if not schema.is_writable:
        raise Problem(
            "DATABASE_READ_ONLY",
            "The database accepts no writes: it is a standby, or its sessions are read-only.",
            hint="Connect to the primary, and see that default_transaction_read_only is off.",
            headers=_LATER,
        )
    return JSONResponse({"status": "ready", "schema_version": schema.version})
