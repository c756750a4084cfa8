"""A real PostgREST on loopback behind Supabase's path /rest/v1."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import psycopg
from psycopg import sql

from db.local.postgres import Server, die_with_parent
from tests.support import loopback
from tests.support.fetch import postgrest
from tests.support.ports import kept_port

LOGIN = "test_authenticator"
_PATIENCE = 30.0


@contextmanager
def run(
    server: Server, database: str, jwt_secret: str, *, port: int = 0, options: str = ""
) -> Iterator[str]:
    """Runs PostgREST on a database. Yields the SUPABASE_URL for clients.

    `options` are settings of its login, as in `-c name=value`. `port` is that of the URL.
    """
    with run_bare(server, database, jwt_secret, options) as address, _gateway(address, port) as url:
        yield url


@contextmanager
def run_bare(server: Server, database: str, jwt_secret: str, options: str = "") -> Iterator[str]:
    """The same without the path prefix /rest/v1.

    Its login is like Supabase's authenticator: it may become anon, authenticated and service_role.
    """
    _make_login(server, database)
    with kept_port() as port, _process(server, database, jwt_secret, options, port) as address:
        yield address


@contextmanager
def _process(
    server: Server, database: str, jwt_secret: str, options: str, port: int
) -> Iterator[str]:
    settings = {
        "PGRST_DB_URI": psycopg.conninfo.make_conninfo(
            server.url(database, LOGIN), options=options
        ),
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_POOL": "4",
        "PGRST_JWT_SECRET": jwt_secret,
        "PGRST_JWT_AUD": "authenticated",
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
    }
    process = subprocess.Popen(
        [postgrest()],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_it_knows_the_schema(process, address)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)


def _make_login(server: Server, database: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        found = connection.execute("select from pg_roles where rolname = %s", (LOGIN,))
        if found.fetchone() is None:
            connection.execute(
                sql.SQL("create role {} login noinherit password {}").format(
                    sql.Identifier(LOGIN), server.password
                )
            )
        connection.execute(
            sql.SQL("grant anon, authenticated, service_role to {}").format(sql.Identifier(LOGIN))
        )
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(database), sql.Identifier(LOGIN)
            )
        )


def _wait_until_it_knows_the_schema(process: subprocess.Popen[str], address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answer = loopback.post(f"{address}/rpc/no_such_function", json={}, timeout=_PATIENCE)
        except httpx2.TransportError:
            time.sleep(0.02)
            continue
        if answer.json().get("code") == "PGRST202":
            return
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"PostgREST did not start: {process.communicate()[1][-2000:]}")


class _HttpServer(ThreadingHTTPServer):
    """Closes its connections when it stops, like a restarted server."""

    request_queue_size = 128  # with 5, simultaneous connections wait for seconds

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        for connection in self._connections:
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _gateway(address: str, port: int) -> Iterator[str]:
    """Forwards /rest/v1/… to PostgREST's /… unchanged.

    Each request gets its own connection: PostgREST 12 closes a connection after a HEAD response
    without announcing it, which sometimes breaks the next request on the connection.
    """
    unkept = httpx2.Limits(max_keepalive_connections=0)
    with loopback.Client(base_url=address, timeout=_PATIENCE, limits=unkept) as client:
        client.headers.clear()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def pass_on(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = [
                    (name, value)
                    for name, value in self.headers.items()
                    if name.lower() not in {"host", "connection", "content-length"}
                ]
                request = client.build_request(
                    self.command,
                    self.path.removeprefix("/rest/v1"),
                    headers=headers,
                    content=self.rfile.read(length) if length else None,
                )
                for name in {"accept", "user-agent", "accept-encoding"} - {
                    n.lower() for n, _ in headers
                }:
                    request.headers.pop(name, None)
                answer = client.send(request)
                self.send_response_only(answer.status_code, answer.reason_phrase)
                for name, value in answer.headers.multi_items():
                    if name not in {"transfer-encoding", "connection", "content-length"}:
                        self.send_header(name, value)
                if answer.status_code != 204:
                    self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.content)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = pass_on

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = _HttpServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()
            server.server_close()
