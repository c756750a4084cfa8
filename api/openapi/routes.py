"""GET /openapi.json, GET /llms.txt and GET /docs: the API described for programs and people."""

from __future__ import annotations

import json
from functools import cache
from types import MappingProxyType
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.openapi.document import document
from api.openapi.llms import llms_text
from api.openapi.page import docs_page
from api.pages.files import PageFile
from api.pages.routes import HEADERS, respond
from api.rpc.database import DatabaseRpc

_CACHE_FOR_MINUTES: Final = "public, max-age=300"
_NO_HEADERS: Final = MappingProxyType[str, str]({})


async def openapi(request: Request) -> Response:
    """GET /openapi.json: this API as OpenAPI 3.1."""
    return respond(
        request, await _cached_document(request, "openapi.json"), _CACHE_FOR_MINUTES, _NO_HEADERS
    )


async def llms(request: Request) -> Response:
    """GET /llms.txt: a short description of the API, for language models."""
    return respond(
        request, await _cached_document(request, "llms.txt"), _CACHE_FOR_MINUTES, _NO_HEADERS
    )


async def docs(request: Request) -> Response:
    """GET /docs: the document for people."""
    return respond(request, await _cached_document(request, "docs"), _CACHE_FOR_MINUTES, HEADERS)


async def _cached_document(request: Request, name: str) -> PageFile:
    """Runs in a thread, because the first call takes 0.2 s."""
    has_rest = isinstance(request.state.rpc, DatabaseRpc)
    files = await run_in_threadpool(_files, request.scope.get("root_path", ""), has_rest)
    return files[name]


@cache
def _files(root_path: str, has_rest: bool) -> dict[str, PageFile]:
    made = document(root_path, has_rest=has_rest)
    text = json.dumps(made, ensure_ascii=False)
    return {
        "openapi.json": PageFile(text.encode(), "application/json"),
        "llms.txt": PageFile(llms_text(made).encode(), "text/plain; charset=utf-8"),
        "docs": docs_page(made),
    }
