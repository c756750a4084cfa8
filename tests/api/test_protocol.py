"""How the line and headers of a request are read, limited by size and time."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx2
import psycopg
import pytest
from starlette.responses import Response

from api import protocol
from tests.support.pooled import one_process
from tests.support.waiting import until

from .conftest import Api, over_the_database
from .test_outage import is_waiting_for_a_lock

MAX = protocol.MAX_BYTES


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SECONDS", 1.0)


@contextmanager
def connected(api: Api) -> Iterator[socket.socket]:
    url = httpx2.URL(api.url)
    with socket.create_connection((url.host, url.port), timeout=60) as client:
        yield client


def get(*headers: bytes, path: bytes = b"/health") -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: x", *headers, b"", b""])


def all_of(client: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    said = b""
    while True:
        try:
            more = client.recv(65_536)
        except ConnectionResetError:
            return said
        if not more:
            return said
        said += more


def one_answer(client: socket.socket, until: bytes) -> bytes:
    said = b""
    while until not in said:
        more = client.recv(65_536)
        assert more, said
        said += more
    return said


def let_the_time_pass(api: Api) -> None:
    """Waits as long as a connection may stay silent."""
    with connected(api) as idle:
        all_of(idle)


def ask(api: Api, request: bytes) -> bytes:
    with connected(api) as client:
        send(client, request)
        return all_of(client)


def send(client: socket.socket, request: bytes) -> None:
    """Sends as much as the server accepts."""
    with suppress(ConnectionError):
        client.sendall(request)


def assert_refused(said: bytes, status: int, code: str) -> None:
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), said[:200]
    assert b"\r\ncontent-type: application/problem+json\r\n" in head + b"\r\n"
    assert b"\r\nconnection: close" in head
    assert b"\r\nx-request-id: " in head
    assert b"\r\nx-content-type-options: nosniff" in head
    assert b'"code": "%b"' % code.encode() in body
    assert b"\r\ncontent-length: %d\r\n" % len(body) in head + b"\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        get(b"X-Long: " + b"x" * MAX),
        get(*(b"X-%d: %b" % (number, b"x" * 1000) for number in range(70))),
        get(*(b"X-%d: y" % number for number in range(100))),
        get(b"X-Long: " + b"x" * MAX)[:-4],
        get(b"Content-Length: 70000", b"X-Long: " + b"x" * MAX).replace(b"GET", b"POST"),
    ],
    ids=["one header", "long headers", "101 headers", "headers without end", "before a body"],
)
def test_head_of_more_than_64_kb_gets_431(api: Api, request_: bytes) -> None:
    assert_refused(ask(api, request_), 431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize(
    "path",
    [
        b"/" + b"x" * MAX,
        b"/jobs?cursor=" + b"x" * 8180,
        b"/jobs?" + b"&" * 100,
        b"/rest/v1/rpc/f?" + b"&a=b" * 100,
    ],
    ids=["64 kB", "8 kB", "101 parameters", "101 arguments"],
)
def test_target_of_more_than_8_kb_or_100_parameters_gets_414(api: Api, path: bytes) -> None:
    assert_refused(ask(api, get(path=path)), 414, "URI_TOO_LONG")


def test_target_of_8_kb_with_100_parameters_is_accepted(api: Api) -> None:
    path = (b"/health?" + b"a=b&" * 99).ljust(8_192, b"x")
    said = ask(api, get(b"Connection: close", path=path))
    assert said.startswith(b"HTTP/1.1 200 ")


def test_endless_head_is_not_buffered_in_memory(api: Api) -> None:
    with connected(api) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nX: ")
        sent = 0
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while sent < 64 * 1024**2:
                sent += client.send(b"x" * 4096)
    assert sent < 16 * 1024**2  # buffered in sockets


def test_head_of_nearly_64_kb_is_accepted(api: Api) -> None:
    said = ask(api, get(b"X-Long: " + b"x" * (MAX - 200), b"Connection: close"))
    assert said.startswith(b"HTTP/1.1 200 ")


def test_head_limit_applies_per_request_on_a_connection(api: Api) -> None:
    with connected(api) as client:
        for _ in range(5):
            client.sendall(get(b"X-Long: " + b"x" * (MAX // 2)))
            assert one_answer(client, b'{"status":"ok"}').startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_all_answered(api: Api) -> None:
    with connected(api) as client:
        client.sendall(get(b"X-Long: " + b"x" * 1000) * 199 + get(b"Connection: close"))
        assert all_of(client).count(b"HTTP/1.1 200 ") == 200


def test_trailers_have_the_same_size_limit(api: Api) -> None:
    alice = api.tenant()
    head = b"POST /index HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: "
    head += f"Bearer {alice.key}\r\n\r\n".encode()
    trailers = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 1000) for number in range(300))
    with connected(api) as client:
        send(client, head + b"2\r\n{}\r\n0\r\n" + trailers[:-2])
        assert_refused(all_of(client), 431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01 hello, TLS?\r\n\r\n",
        b"GET http://host HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT host:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        get(path=b"/\xff"),
        get(b"Content-Length: x"),
    ],
    ids=["TLS", "no path", "CONNECT", "a path that is not ASCII", "a length that is not a number"],
)
@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
def test_invalid_http_gets_400(api: Api, request_: bytes, before: int) -> None:
    with connected(api) as client:
        for _ in range(before):
            client.sendall(get())
            one_answer(client, b'{"status":"ok"}')
        send(client, request_)
        assert_refused(all_of(client), 400, "INVALID_HTTP")


POST = b"POST /index HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: 2, 2\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Content-Length: -1\r\n\r\n{}",
        POST + b"Content-Length: 0x2\r\n\r\n{}",
        POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        POST + b"Content-Length : 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        get(b"Host: y"),
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /health\r\nHost: x\r\n\r\n",
        get(path=b"/health#x"),
        get(path=b"/health\tx"),
        get(b"A: b\r\n c"),
        get(b" A: b"),
        get(b"A: b\0c"),
        get(b"A: b\rc"),
        get(b"A: b\nc"),
        get(b"A\0: b"),
        get(b"A b: c"),
        get(b": c"),
        get().replace(b"\r\n", b"\n"),
    ],
)
def test_ambiguous_framing_gets_400(api: Api, request_: bytes) -> None:
    """Forms of request smuggling, each with a hidden request that must not be answered."""
    said = ask(api, request_ + get(path=b"/jobs"))
    assert_refused(said, 400, "INVALID_HTTP")
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "chunks",
    [b"0x2\r\n{}\r\n", b"2 \r\n{}\r\n", b"2\n{}\r\n", b"2\r\n{}x", b"-2\r\n",
     b"fffffffffffffffff\r\n", b'2;a="\n"\r\n{}\r\n', b"0\r\nContent-Length: 5\r\n\r\n",
     b"0\r\nA\0: b\r\n\r\n"],
)  # fmt: skip
def test_ambiguous_chunks_get_400(api: Api, chunks: bytes) -> None:
    alice = api.tenant()
    head = POST + f"Authorization: Bearer {alice.key}\r\n".encode()
    said = ask(api, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert_refused(said, 400, "INVALID_HTTP")


def test_every_response_has_nosniff(api: Api) -> None:
    preflight = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    answers = [
        api.client.get("/health"),
        api.client.get("/jobs"),
        api.client.get("/nowhere"),
        api.client.post("/health"),
        api.client.post("/rest/v1/rpc/nothing", json={}),
        api.client.options("/index", headers=preflight),
        api.client.get("/jobs/x", headers=api.tenant().headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 404, 405, 404, 200, 404]
    assert {answer.headers.get("x-content-type-options") for answer in answers} == {"nosniff"}


def test_absolute_target_is_routed_by_its_path(api: Api) -> None:
    said = ask(api, get(b"Connection: close", path=b"http://elsewhere/health"))
    assert said.startswith(b"HTTP/1.1 200 ")
    said = ask(api, get(b"Connection: close", path=b"*").replace(b"GET", b"OPTIONS"))
    assert said.startswith(b"HTTP/1.1 404 ")


def test_trailer_is_not_treated_as_a_header(api: Api) -> None:
    head = b"POST /rest/v1/rpc/list_api_keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    said = ask(api, head + b"X-Request-Id: of-a-trailer\r\n\r\n")
    assert b"of-a-trailer" not in said
    assert said.startswith(b"HTTP/1.1 4")


def test_input_after_the_last_request_is_ignored(api: Api) -> None:
    for last in (get(b"Connection: close"), get().replace(b"1.1", b"1.0")):
        nonsense = b"\x16\x03\x01 no HTTP\r\n\r\n"
        for rest in (get() * 3, nonsense, get() + nonsense):
            said = ask(api, last + rest)
            assert said.count(b"HTTP/1.1 200 ") == 1
            assert said.count(b"HTTP/1.1 ") == 1


def test_upgrade_request_is_ignored_and_later_requests_are_answered(api: Api) -> None:
    upgrade = get(b"Connection: Upgrade", b"Upgrade: h2c")
    said = ask(api, upgrade + upgrade + get(b"Connection: close"))
    assert said.count(b"HTTP/1.1 200 ") == 3


def test_late_head_gets_408_and_other_requests_are_served(api: Api, impatient: None) -> None:
    with connected(api) as slow:
        slow.sendall(get()[:-2])
        assert api.client.get("/health").status_code == 200
        assert_refused(all_of(slow), 408, "REQUEST_TIMEOUT")


def test_later_requests_on_a_connection_have_the_same_timeout(api: Api, impatient: None) -> None:
    with connected(api) as client:
        client.sendall(get())
        one_answer(client, b'{"status":"ok"}')
        client.sendall(get()[:-2])
        assert_refused(all_of(client), 408, "REQUEST_TIMEOUT")


def test_silent_connection_is_closed_without_response(api: Api, impatient: None) -> None:
    with connected(api) as client:
        assert all_of(client) == b""


@pytest.mark.parametrize("rest", [b"\r\n", b"x" * 10], ids=["empty line", "late body"])
def test_garbage_after_a_response_does_not_keep_the_connection_open(
    api: Api, impatient: None, rest: bytes
) -> None:
    with connected(api) as client:
        if rest == b"\r\n":
            client.sendall(get())
        else:
            client.sendall(b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        one_answer(client, b"}")
        client.sendall(rest)
        assert all_of(client) == b""


@over_the_database
def test_pipelined_request_does_not_time_out_behind_a_slow_one(
    own_api: Callable[..., Api], impatient: None
) -> None:
    api = own_api(statement_timeout_seconds=60)
    tenant = api.tenant()
    job_id = api.create(tenant)
    key = f"Authorization: Bearer {tenant.key}".encode()
    with (
        psycopg.connect(api.place.url) as locker,
        api.sql() as watcher,
        connected(api) as client,
    ):
        locker.execute("lock table public.index_jobs in access exclusive mode")
        late = get(b"Connection: close")
        client.sendall(get(key, path=f"/jobs/{job_id}".encode()) + get() + late[:20])
        until(lambda: is_waiting_for_a_lock(watcher))
        let_the_time_pass(api)
        locker.rollback()
        client.sendall(late[20:])
        assert all_of(client).count(b"HTTP/1.1 200 ") == 3


@over_the_database
def test_head_timeout_does_not_end_a_slow_request(
    own_api: Callable[..., Api], impatient: None
) -> None:
    api = own_api(statement_timeout_seconds=60)
    tenant = api.tenant()
    job_id = api.create(tenant)
    with (
        ThreadPoolExecutor(1) as thread,
        psycopg.connect(api.place.url) as locker,
        api.sql() as watcher,
    ):
        locker.execute("lock table public.index_jobs in access exclusive mode")
        answer = thread.submit(api.get, f"/jobs/{job_id}", tenant)
        until(lambda: is_waiting_for_a_lock(watcher))
        let_the_time_pass(api)
        locker.rollback()
        assert answer.result(60).status_code == 200


def test_unread_body_is_cut_off_after_the_timeout(api: Api, impatient: None) -> None:
    """The request is answered from its head. The server stops waiting for the body."""

    def is_closed() -> bool:
        try:
            client.send(b"x")
        except (ConnectionResetError, BrokenPipeError):
            return True
        return False

    with connected(api) as client:
        client.sendall(b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
        said = one_answer(client, b"}")
        assert said.startswith(b"HTTP/1.1 401 ")
        until(is_closed, limit=60)


def test_stalled_body_after_a_response_ends_the_connection(api: Api, impatient: None) -> None:
    with connected(api) as client:
        client.sendall(b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert all_of(client).count(b"HTTP/1.1 ") == 1


def test_websocket_upgrade_is_ignored(api: Api) -> None:
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    with connected(api) as client:
        client.sendall(get(*upgrade, path=b"/jobs"))
        said = one_answer(client, b"}")
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"application/problem+json" in said


@over_the_database
def test_request_found_invalid_midway_gets_one_response(
    own_api: Callable[..., Api],
) -> None:
    api = own_api(statement_timeout_seconds=60)
    tenant = api.tenant()
    lines = [f"GET /jobs/{api.create(tenant)} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]
    lines += [f"Authorization: Bearer {tenant.key}", "", "1", "x", ""]
    with (
        psycopg.connect(api.place.url) as locker,
        api.sql() as watcher,
        connected(api) as client,
    ):
        locker.execute("lock table public.index_jobs in access exclusive mode")
        client.sendall("\r\n".join(lines).encode())
        until(lambda: is_waiting_for_a_lock(watcher))
        client.sendall(b"no chunk\r\n")
        assert all_of(client).startswith(b"HTTP/1.1 400 ")
        locker.rollback()
        until(lambda: not is_waiting_for_a_lock(watcher))
        assert api.get("/jobs", tenant).status_code == 200


@one_process("adds a route to one process")
@over_the_database
def test_response_header_with_a_line_break_is_a_500(
    own_api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health(_: object) -> Response:
        return Response("text", headers={"X-One": "one\r\nX-Two: two"})

    monkeypatch.setattr("api.app.health", health)
    api = own_api()
    api.expected_errors.append("/health")
    with connected(api) as client:
        client.sendall(get())
        said = one_answer(client, until=b"}")
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nx-request-id: " in said
    assert b"two" not in said
