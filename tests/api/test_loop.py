"""No request blocks the event loop: the largest inputs to every route, from any caller."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.rest.conftest import token
from tests.support import measured
from tests.support.databases import Database
from tests.support.measured import Measured
from tests.support.pooled import one_process

from .conftest import JWT_SECRET, SERVICE_KEY

pytestmark = one_process("measures the event loop of one process")

SECONDS = 0.005
"""CPU time that one callback of the loop may take; only make prove checks it."""
REPEATS = 3
"""The cost of an input is the minimum of this many runs; the rest is noise."""

ID = "00000000-0000-4000-8000-0000000000b1"
ROUTES = [
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/jobs"),
    ("GET", f"/jobs/{ID}"),
    ("DELETE", f"/jobs/{ID}"),
    ("GET", f"/jobs/{ID}/events"),
    ("GET", f"/admin/jobs/{ID}"),
    ("GET", "/nothing"),
    ("OPTIONS", "/index"),
    ("POST", "/index"),
    ("GET", "/rest/v1/rpc/list_index_jobs"),
    ("POST", "/rest/v1/rpc/list_index_jobs"),
    ("POST", "/rest/v1/rpc/create_index_job"),
    ("POST", "/rest/v1/rpc/list_index_jobz"),
]

CALLERS = {
    "nobody": "",
    "alice": token(),
    "a key": f"ij_{'0' * 16}_{'0' * 64}",
    "service": SERVICE_KEY,
    "8 kB of claims": token(padding="x" * 5_500),
    "8 kB of claims, nested": token(padding=[[[[{"a": [1] * 10}]]]] * 170),
    "8 kB, forged": token("another secret of more than 32 bytes, truly", padding="x" * 5_500),
    "8 kB of points": "." * 8_192,
    "a header that is not JSON": "W1tb" * 2_000 + ".e30.x",
    "60 kB": "a" * 60_000,
}

_BIG = 60_000
HEADERS: dict[str, list[str]] = {
    "100 headers": [f"X-{n}: {'x' * 600}" for n in range(95)],
    **{
        f"{name}, 60 kB": [f"{name}: {value[:_BIG]}"]
        for name, value in {
            "If-None-Match": 'W/"1",' * 10_000,
            "If-None-Match ": "," * _BIG,
            "Prefer": "count=exac," * 6_000,
            "Accept": "a/b;q=1," * 8_000,
            "Accept ": "," * _BIG,
            "Content-Type": "application/json" + ";a=b" * 15_000,
            "Content-Encoding": "a," * 30_000,
            "Accept-Encoding": "gzip," * 12_000,
            "Cookie": "a=b; " * 12_000,
            "Origin": "https://x." * 6_000,
            "Access-Control-Request-Headers": "a," * 30_000,
            "Idempotency-Key": "x" * _BIG,
            "X-Request-Id": "x" * _BIG,
            "X-Forwarded-For": "127.0.0.1," * 6_000,
            "X-Forwarded-Proto": "https," * 10_000,
            "Last-Event-ID": "1" * _BIG,
            "Range": "items=0-" + "1" * 50_000,
            "Connection": "a," * 30_000,
            "Accept-Profile": "public," * 8_000,
            "apikey": "a.b.c" * 12_000,
        }.items()
    },
}

_QUERY = 8_000
QUERIES = {
    "nothing": "",
    "a long name": "a" * _QUERY + "=1",
    "a long value": "a=" + "b" * _QUERY,
    "a long escaped value": "cursor=" + "%41" * (_QUERY // 3),
    "escapes that are no text": "cursor=" + "%ff" * (_QUERY // 3),
    "100 parameters": "&".join(f"p{n}={'x' * 70}" for n in range(100)),
    "values of in": "id=in.(" + "a," * 3_900 + "b)",
    "quoted values of in": "id=in.(" + '"a",' * 1_950 + "b)",
    "an in without end": 'id=in.("' + "\\a" * 3_900,
    "columns": "select=" + "a," * 3_900 + "b",
    "orders": "order=" + "a.desc," * 1_100 + "b",
    "limit": "limit=" + "1" * _QUERY,
    "since": "since=" + "2" * _QUERY,
    "operators": "&".join("status=not.eq." + "x" * 60 for _ in range(100)),
}

_BODY = 65_000
BODIES = {
    "nested lists": '{"a":' + "[" * _BODY,
    "nested objects": '{"a":' * 13_000,
    "deep as allowed": '{"a":' * 900 + "1" + "}" * 900,
    "empty objects": '{"a":[' + "{}," * 21_000 + "1]}",
    "numbers": '{"a":[' + "1.5," * 16_000 + "1]}",
    "a long number": '{"a":' + "1" * _BODY + "}",
    "numbers of 4,300 digits": '{"a":[' + ",".join(["9" * 4_300] * 15) + "]}",
    "a long fraction": '{"a":1.' + "1" * _BODY + "}",
    "a long string": '{"p_ref":"' + "x" * _BODY + '"}',
    "escapes": '{"repository":"' + "\\u0061" * 10_800 + '"}',
    "many members": "{" + ",".join(f'"{n:x}":1' for n in range(7_000)) + "}",
    "1,000 members": "{" + ",".join(f'"p_{n:055x}":1' for n in range(990)) + "}",
    "1,000 values": '{"a":[' + ",".join(["1.5"] * 990) + "]}",
    "a long name": '{"' + "p_" * 32_000 + '":1}',
    "a long path": '{"repository":"a/b","localPath":"' + "/a/.." * 12_900 + '"}',
    "white space": " " * _BODY,
    "lines": "{" + "\n" * 64_900 + "x",
    "no UTF-8": '{"a":"' + "\udcff" * 60_000,
    "not JSON": "x" * _BODY,
}


@pytest.fixture(scope="module")
def server(clusters: Callable[[int], Any]) -> Iterator[Measured]:
    place: Database
    with clusters(18).database("ordinary", migrated=True) as place:
        settings = {
            "api_database_url": place.api_url,
            "jwt_secret": JWT_SECRET,
            "service_key": SERVICE_KEY,
            "local_repository_roots": "/tmp",
        }
        with measured.serving(**settings) as running:
            yield running


def request_of(
    method: str, path: str, query: str = "", headers: list[str] | None = None, body: str = ""
) -> bytes:
    lines = [f"{method} {path}{'?' if query else ''}{query} HTTP/1.1", "Host: x"]
    lines += ["Connection: close", *(headers or [])]
    if method == "OPTIONS":
        lines += ["Origin: https://x.example", "Access-Control-Request-Method: POST"]
    content = body.encode(errors="surrogateescape")
    if method == "POST":
        lines.append(f"Content-Length: {len(content)}")
        if not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode() + (content if method == "POST" else b"")


def by(caller: str) -> list[str]:
    return [f"Authorization: Bearer {CALLERS[caller]}"] if CALLERS[caller] else []


def requests() -> Iterator[tuple[str, bytes]]:
    """Yields every request with its description."""
    for method, path in ROUTES:
        route = f"{method} {path}"
        for who in CALLERS:
            yield f"{route} by {who}", request_of(method, path, headers=by(who), body="{}")
        for who in ("nobody", "alice", "a key"):
            for what, headers in HEADERS.items():
                raw = request_of(method, path, headers=by(who) + headers, body="{}")
                yield f"{route} by {who}: {what}", raw
            for what, query in QUERIES.items():
                raw = request_of(method, path, query, by(who), "{}")
                yield f"{route} by {who}: {what}", raw
            if method == "POST":
                for what, body in BODIES.items():
                    yield f"{route} by {who}: {what}", request_of(method, path, "", by(who), body)
    yield "a path of escapes", request_of("GET", "/jobs/" + "%41" * 2_700)
    yield "a long path", request_of("GET", "/jobs/" + "x" * 8_000)
    yield "a path of slashes", request_of("GET", "/" * 8_000)
    yield "a long function", request_of("POST", "/rest/v1/rpc/" + "list_" * 1_600, body="{}")
    yield "chunks", chunked([b"1\r\nx\r\n"] * 13_000)
    yield "chunk extensions", chunked([b"1;a=b;c=d\r\nx\r\n"] * 5_000)
    yield "a long chunk extension", chunked([b"1;a=" + b"b" * 60_000 + b"\r\nx\r\n"])
    yield "trailers", chunked([b"0\r\n", *[b"a:b\r\n"] * 12_000])
    yield "a header flood", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 16_000
    yield "empty lines", b"\r\n" * 32_000
    yield "requests", request_of("GET", "/health").replace(b"close", b"keep-alive") * 1_000
    yield "no HTTP", b"\x16\x03\x01" * 20_000


def chunked(chunks: list[bytes]) -> bytes:
    head = request_of("POST", "/index", headers=by("alice"))
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"".join(chunks)


def status_of(server: Measured, request: bytes) -> int:
    """Returns the status of the first answer, or 0 without one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        said = b""
        with suppress(ConnectionError):
            client.sendall(request)
        with suppress(ConnectionError):
            said = client.recv(65_536)
            while client.recv(65_536):
                pass
        return int(said.split(b" ", 2)[1]) if said else 0


def test_no_request_causes_an_error_or_blocks_the_event_loop(
    server: Measured, pytestconfig: pytest.Config
) -> None:
    """make test sends a tenth of them and does not check the time."""
    proving = pytestconfig.getoption("prove")
    found: dict[str, str] = {}
    for number, (what, request) in enumerate(requests()):
        if not proving and number % 10:
            continue
        costs: list[tuple[float, str]] = []
        for _ in range(REPEATS if proving else 1):
            server.costliest()
            status = status_of(server, request)
            costs.append(server.costliest())
            assert status < 500, what
        seconds, where = min(costs)
        if proving and seconds > SECONDS:
            found[what] = f"{1000 * seconds:.1f} ms in {where}"
    assert found == {}, json.dumps(found, indent=1)
