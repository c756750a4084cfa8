"""The baseline of the HTTP figures: one Starlette route without middleware on the same server.

    python -m bench.floor PORT LENGTH

It answers GET and POST / with LENGTH bytes.
"""

from __future__ import annotations

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.main import Server, listen
from api.settings import ApiSettings


def app(length: int) -> Starlette:
    """The application."""
    body = b"x" * length

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])


if __name__ == "__main__":
    with listen("127.0.0.1", int(sys.argv[1])) as listener:
        Server(app(int(sys.argv[2])), ApiSettings(), on_ready=lambda: None).run([listener])
