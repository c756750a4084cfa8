"""A TCP proxy that drops, delays or cuts off one chosen response of a server."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["swallow", "delay", "reset"]
Parser = Callable[[bytes], list[str]]

_BLOCK = 65536
_DELAY_SECONDS = 2.5
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_STARTUPS = {196608: "startup", 196610: "startup", 80877102: "cancel"}


def postgres_messages() -> Parser:
    """Parses the requests of one connection into words.

    A statement is its text, followed by "bind" with its parameters. Other words are startup,
    password, CopyDone and cancel.
    """
    kept = bytearray()
    is_started = False

    def parse(data: bytes) -> list[str]:
        nonlocal is_started
        kept.extend(data)
        found = []
        while len(kept) >= (5 if is_started else 8):
            head = 1 if is_started else 0
            (length,) = struct.unpack_from("!i", kept, head)
            if len(kept) < head + length:
                break
            message = bytes(kept[: head + length])
            del kept[: head + length]
            if is_started:
                found.append(_words(message[:1], message[5:]))
            else:
                words = _STARTUPS.get(struct.unpack_from("!i", message, 4)[0], "")
                is_started = words == "startup"
                found.append(words)
        return [words for words in found if words]

    return parse


def _words(kind: bytes, body: bytes) -> str:
    match kind:
        case b"Q":
            return body.rstrip(b"\0").decode()
        case b"P":
            return body.split(b"\0")[1].decode()
        case b"B":
            return f"bind {body.decode('latin-1')}"
        case b"p":
            return "password"
        case b"c":
            return "CopyDone"
    return ""


def http_requests() -> Parser:
    """Parses the HTTP requests of one connection."""
    return lambda data: [data.decode(errors="replace")]


@dataclass
class _Plan:
    """Drops the response to the last pattern, on a connection that sent all of them in order."""

    patterns: tuple[str, ...]
    fault: Fault
    struck: threading.Event = field(default_factory=threading.Event)
    is_chosen: bool = False
    met: dict[int, int] = field(default_factory=dict)

    def chooses(self, connection: int, words: str) -> bool:
        if self.is_chosen:
            return False
        met = self.met.get(connection, 0)
        if re.search(self.patterns[met], words, re.I):
            self.met[connection] = met = met + 1
        self.is_chosen = met == len(self.patterns)
        return self.is_chosen


class Proxy:
    """Listens on its own port at `address` and forwards to the server."""

    def __init__(self, server: tuple[str, int], parser: Callable[[], Parser]) -> None:
        self._server = server
        self._parser = parser
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self.sent: list[str] = []
        """The requests of clients, in order."""
        self._lock = threading.Lock()
        self._plan: _Plan | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def url(self, url: str) -> str:
        """Returns the same URL with the address of the proxy."""
        host, port = self.address
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login[0]}{login[1]}{host}:{port}").geturl()

    def spoil(self, *patterns: str, fault: Fault = "swallow") -> threading.Event:
        """Waits for a connection whose requests match each pattern in order.

        From the last match on, the server's output on that connection is dropped and the connection
        stays open, or its start is delayed, or only half of it is sent before a reset.
        The event is set when this has happened, which it does once.
        """
        with self._lock:
            self._plan = _Plan(patterns, fault)
            return self._plan.struck

    def close(self) -> None:
        _shut(self._listener)  # wakes the accepting thread
        self._listener.close()
        with self._lock:
            for each in self._sockets:
                _shut(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self._sockets.add(client)
                try:
                    server = socket.create_connection(self._server)
                except OSError:
                    _shut(client)
                    continue
                with self._lock:
                    self._sockets.add(server)
                chosen: list[_Plan] = []
                asking = self._run(self._ask, client, server, chosen)
                self._run(self._answer, client, server, chosen, asking)

    def _ask(self, client: socket.socket, server: socket.socket, chosen: list[_Plan]) -> None:
        parse = self._parser()
        with suppress(OSError):
            while data := client.recv(_BLOCK):
                for words in parse(data):
                    with self._lock:
                        self.sent.append(words)
                        if self._plan and self._plan.chooses(id(chosen), words):
                            chosen.append(self._plan)
                server.sendall(data)
        _shut(server)

    def _answer(
        self,
        client: socket.socket,
        server: socket.socket,
        chosen: list[_Plan],
        asking: threading.Thread,
    ) -> None:
        with suppress(OSError):
            while data := server.recv(_BLOCK):
                if not chosen:
                    client.sendall(data)
                    continue
                plan, is_first = chosen[0], not chosen[0].struck.is_set()
                plan.struck.set()
                if plan.fault == "reset":
                    client.sendall(data[: len(data) // 2])
                    client.shutdown(socket.SHUT_RD)
                    asking.join()  # closing does not end a socket that is being read
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                    client.close()
                    return
                if plan.fault == "delay":
                    if is_first:
                        threading.Event().wait(_DELAY_SECONDS)
                    client.sendall(data)
        _shut(client)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def in_front_of(url: str, parser: Callable[[], Parser] = postgres_messages) -> Iterator[Proxy]:
    """Yields a proxy to the server of a URL."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    proxy = Proxy((parts.hostname, parts.port), parser)
    try:
        yield proxy
    finally:
        proxy.close()
