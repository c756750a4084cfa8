"""GET /openapi.json, GET /llms.txt and GET /docs: what programs, agents and people read first."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.answers import matches
from api.openapi.document import document
from api.openapi.llms import llms_text
from api.openapi.page import docs_page
from api.pages.files import static_files
from api.pages.routes import HEADERS
from api.rpc.database import DatabaseRpc

_CACHED: Final = "public, max-age=300"


async def openapi(request: Request) -> Response:
    """GET /openapi.json: this API as OpenAPI 3.1."""
    return _cached(request, _document(*_served(request)), "application/json")


async def llms(request: Request) -> Response:
    """GET /llms.txt: this API in a few words, for language models and people in a hurry."""
    return _cached(request, _llms(*_served(request)), "text/plain; charset=utf-8")


async def docs(request: Request) -> Response:
    """GET /docs: the document for people."""
    response = _cached(request, _docs(*_served(request)), "text/html; charset=utf-8")
    response.headers.update(HEADERS)
    return response


def _served(request: Request) -> tuple[str, bool]:
    """Below which path, and whether with /rest/v1."""
    return request.scope.get("root_path", ""), isinstance(request.state.rpc, DatabaseRpc)


@cache
def _document(root_path: str, has_rest: bool) -> bytes:
    return json.dumps(document(root_path, has_rest=has_rest), ensure_ascii=False).encode()


@cache
def _llms(root_path: str, has_rest: bool) -> bytes:
    return llms_text(document(root_path, has_rest=has_rest)).encode()


@cache
def _docs(root_path: str, has_rest: bool) -> bytes:
    files = static_files()
    styles = [
        f"{root_path}/pages/{name}?v={files[name].digest}" for name in ("page.css", "docs.css")
    ]
    return docs_page(document(root_path, has_rest=has_rest), styles=styles)


def _cached(request: Request, body: bytes, media_type: str) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": _CACHED, "ETag": tag}
    if matches(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type)
