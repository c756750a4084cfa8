"""The routes of the page. None of them reads the database.

The script in the browser gets its data from the API, with the key of the user who signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.answers import matches
from api.errors import Problem
from api.pages.files import PageFile, shells, static_files
from api.routing import Handler, Route
from api.settings import ApiSettings
from db.tools.settings import is_loopback

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""The headers of every page and file: no content of other origins, no framing, no reading by them.
api/protocol.py adds nosniff to every answer."""
_REVALIDATED: Final = "no-cache"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Demo:
    """The user that a development server's page signs in, and the folder it offers to index."""

    name: str
    tier: str
    api_key: str = field(repr=False)
    folder: str


class PageRoute(Route):
    """A route for pages of this origin only, for which CORS allows no other."""


def page_routes(settings: ApiSettings, demo: Demo | None) -> list[PageRoute]:
    """Returns the routes of the page. With `demo` it signs in automatically, on loopback only."""
    pages = shells(settings.root_path, is_development=demo is not None)
    check_host = _check_host if demo else _accept

    def page(name: str) -> Handler:
        async def shell(request: Request[Any]) -> Response:
            check_host(request)
            return respond(request, pages[name], _REVALIDATED, HEADERS)

        return shell

    async def static_file(request: Request[Any]) -> Response:
        """GET /pages/{file}: a file that the shells use."""
        check_host(request)
        found = static_files().get(request.path_params["file"])
        if found is None:
            raise Problem("ROUTE_NOT_FOUND")
        is_pinned = request.query_params.get("v") == found.digest
        return respond(request, found, _IMMUTABLE if is_pinned else _REVALIDATED, HEADERS)

    routes = [
        PageRoute("/", page("list")),
        PageRoute("/jobs/{job_id}/view", page("job")),
        PageRoute("/pages/{file}", static_file),
    ]
    if demo:
        routes.insert(0, PageRoute("/pages/demo", _sign_in(demo), methods=["POST"]))
    return routes


def _sign_in(demo: Demo) -> Handler:
    async def sign_in(request: Request[Any]) -> Response:
        """POST /pages/demo: the demo user's key, for pages of this server only."""
        host = _check_host(request)
        if request.headers.getlist("origin") != [f"http://{host}"]:
            raise Problem("FOREIGN_ORIGIN")
        return JSONResponse(asdict(demo), headers={**HEADERS, "Cache-Control": "no-store"})

    return sign_in


def _accept(_: Request[Any]) -> None:
    pass


def _check_host(request: Request[Any]) -> str:
    """Returns the Host header, which must name this machine. Raises Problem 421.

    With DNS rebinding, a page of another origin makes its own name resolve to 127.0.0.1. The Host
    is then still that name.
    """
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise Problem("FOREIGN_HOST")
    return host


def respond(
    request: Request[Any], file: PageFile, cache_control: str, headers: Mapping[str, str]
) -> Response:
    """Returns a 200 with the file, or a 304 if the client has it."""
    opaque_tag = f'"{file.digest}"'
    headers = {**headers, "Cache-Control": cache_control, "ETag": opaque_tag}
    if matches(request.headers.get("if-none-match", ""), opaque_tag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers={**headers, "Content-Type": file.media_type})
