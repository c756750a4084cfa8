"""GET /openapi.json and GET /llms.txt: what programs and agents read first."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.openapi.document import document
from api.openapi.llms import llms_text
from api.rpc.database import DatabaseRpc

_CACHED: Final = "public, max-age=300"


async def openapi(request: Request) -> Response:
    """GET /openapi.json: this API as OpenAPI 3.1."""
    return _cached(request, _document(*_served(request)), "application/json")


async def llms(request: Request) -> Response:
    """GET /llms.txt: this API in a few words, for language models and people in a hurry."""
    return _cached(request, _llms(*_served(request)), "text/plain; charset=utf-8")


def _served(request: Request) -> tuple[str, bool]:
    """Below which path, and whether with /rest/v1."""
    return request.scope.get("root_path", ""), isinstance(request.state.rpc, DatabaseRpc)


@cache
def _document(root_path: str, has_rest: bool) -> bytes:
    return json.dumps(document(root_path, has_rest=has_rest), ensure_ascii=False).encode()


@cache
def _llms(root_path: str, has_rest: bool) -> bytes:
    return llms_text(document(root_path, has_rest=has_rest)).encode()


def _cached(request: Request, body: bytes, media_type: str) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": _CACHED, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)
