"""How much one client can make the server hold, and what that does to others."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx2
import psycopg
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api import protocol
from tests.support import loopback, measured
from tests.support.databases import Database
from tests.support.measured import Measured
from tests.support.pooled import one_process
from tests.support.waiting import until

from .conftest import JWT_SECRET, Api, over_the_database
from .test_outage import is_waiting_for_a_lock
from .test_protocol import all_of, connected, get, one_answer

pytestmark = one_process("measures one process, whose limits it lowers")

MIB = 1024**2


@pytest.fixture(scope="module")
def server(clusters: Callable[[int], Any]) -> Iterator[Measured]:
    place: Database
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        measured.serving(api_database_url=place.api_url, jwt_secret=JWT_SECRET) as running,
    ):
        yield running


def held() -> list[RequestResponseCycle]:
    """Returns the requests that are accepted and not yet answered."""
    gc.collect()
    cycles = [it for it in gc.get_objects() if type(it) is RequestResponseCycle]
    return [cycle for cycle in cycles if not cycle.response_complete]


@contextmanager
def sending(client: socket.socket, what: bytes) -> Iterator[None]:
    """Sends as fast as the server reads, until the block ends."""

    def send() -> None:
        with suppress(OSError):
            client.sendall(what)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        thread.join()


@over_the_database
@pytest.mark.parametrize(
    ("headers", "rest"),
    [
        ([], b"GET / HTTP/1.1\r\nHost:x\r\n\r\n" * 300_000),
        ([b"Content-Length: 8000000"], b"x" * 8_000_000),
        ([b"Transfer-Encoding: chunked"], b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"),
    ],
    ids=["requests", "a body", "a chunk"],
)
def test_little_of_the_following_input_is_buffered_during_a_request(
    own_api: Callable[..., Api], headers: list[bytes], rest: bytes
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
        first = get(key, *headers, path=f"/jobs/{job_id}".encode())
        with sending(client, first + rest):
            until(lambda: is_waiting_for_a_lock(watcher))
            for _ in range(20):
                assert api.client.get("/health").status_code == 200
            assert 1 <= len(held()) <= 8
            assert sum(len(cycle.body) for cycle in held()) <= 70_000


def flood_of(server: Measured, what: bytes, *, reads: bool) -> tuple[int, list[float]]:
    """Measures the growth of memory and the time of /health while sending."""
    took: list[float] = []
    with loopback.Client(base_url=server.url, timeout=60) as other, ExitStack() as at_exit:
        for _ in range(20):
            other.get("/health")
        before = peak = server.memory()
        client = at_exit.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        at_exit.enter_context(sending(client, what))
        client.setblocking(True)
        for _ in range(100):
            began = time.perf_counter()
            assert other.get("/health").status_code == 200
            took.append(time.perf_counter() - began)
            peak = max(peak, server.memory())
            if reads:
                with suppress(BlockingIOError, ConnectionResetError):  # disconnected midway
                    client.recv(MIB, socket.MSG_DONTWAIT)
    return peak - before, took


FLOODS = {
    "requests": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (8 * MIB // 27),
    "requests without Host": b"GET / HTTP/1.1\r\n\r\n" * (8 * MIB // 18),
    "requests with bodies": (
        b"POST /index HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
    )
    * 139,
    "chunks": b"POST /index HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"1\r\nx\r\n" * (8 * MIB // 6),
    "chunk extensions": b"POST /index HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    + b"a" * 8 * MIB,
    "headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * (8 * MIB // 5),
    "one header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 8 * MIB,
    "empty lines": b"\r\n" * 4 * MIB,
}


@pytest.mark.parametrize("reads", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("what", FLOODS.values(), ids=FLOODS)
def test_flood_of_8_mb_neither_fills_memory_nor_delays_others(
    server: Measured, request: pytest.FixtureRequest, what: bytes, reads: bool
) -> None:
    """Only make prove checks the time."""
    grown, took = flood_of(server, what, reads=reads)
    slowest = sorted(took)[len(took) * 99 // 100]
    flood = request.node.callspec.id.replace("-", ", answers ")
    row = f"| {flood} | {grown / MIB:.1f} | {1000 * slowest:.0f} |"
    request.node.user_properties.append(("figures", row))
    assert grown < 20 * MIB
    if request.config.getoption("prove"):
        assert slowest < 0.1


def test_client_that_never_reads_is_disconnected(
    own_api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "SECONDS", 0.5)
    api = own_api()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = httpx2.URL(api.url)
        client.connect((url.host, url.port))
        client.settimeout(60)
        with pytest.raises(ConnectionError):
            client.sendall(get() * 300_000)


def test_slow_reader_gets_all_its_responses(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SECONDS", 2.0)
    many = 60_000
    with socket.socket() as client, ExitStack() as at_exit:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        url = httpx2.URL(api.url)
        client.connect((url.host, url.port))
        client.settimeout(60)
        at_exit.enter_context(sending(client, get() * many + get(b"Connection: close")))
        said, slow_until = bytearray(), time.monotonic() + 4
        while more := client.recv(32_768):
            said += more
            if time.monotonic() < slow_until:
                time.sleep(0.05)
    assert said.count(b"HTTP/1.1 200 ") == many + 1


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allows ten connections and logs each refusal."""
    monkeypatch.setattr(protocol, "_MAX_REFUSED", 5)
    monkeypatch.setattr(protocol, "_SECONDS_BETWEEN_WARNINGS", 0.0)


def test_connection_over_the_limit_gets_503_and_others_continue(
    few_connections: Api, few: None
) -> None:
    api = few_connections
    with ExitStack() as at_exit:
        clients = [at_exit.enter_context(connected(api)) for _ in range(10)]
        for client in clients:
            client.sendall(get())
            one_answer(client, b'{"status":"ok"}')
        refused = at_exit.enter_context(connected(api))
        said = all_of(refused)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b'"code": "TOO_MANY_CONNECTIONS"' in said
        assert b"\r\nretry-after: " in said
        for client in clients:
            client.sendall(get())
            one_answer(client, b'{"status":"ok"}')
    messages = [r.getMessage() for r in api.log if r.levelno == logging.WARNING]
    assert any("connection limit reached" in message for message in messages)

    def answers() -> bool:
        with connected(api) as later:
            later.sendall(get(b"Connection: close"))
            return all_of(later).startswith(b"HTTP/1.1 200 ")

    until(answers)


def test_connections_far_over_the_limit_are_closed_without_response(
    few_connections: Api, few: None
) -> None:
    with ExitStack() as at_exit:
        clients = [at_exit.enter_context(connected(few_connections)) for _ in range(10)]
        for client in clients:
            client.sendall(get())
            one_answer(client, b'{"status":"ok"}')
        over = [at_exit.enter_context(connected(few_connections)) for _ in range(30)]
        said = [all_of(client) for client in over]
        assert said.count(b"") >= 20


@pytest.fixture
def few_connections(own_api: Callable[..., Any], few: None) -> Api:
    return own_api(max_connections=10)
