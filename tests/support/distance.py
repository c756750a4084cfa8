"""A network between two servers, with a delay and a way to cut it."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_BLOCK = 1 << 16


@dataclass
class Distance:
    """Forwards to `server`, a loopback port, with a delay of `seconds`."""

    server: int
    seconds: float
    port: int = 0
    _cut: threading.Event = field(default_factory=threading.Event)
    _sockets: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """Cuts the connection. Data in flight is lost."""
        self._cut.set()
        for endpoint in self._sockets:
            with suppress(OSError):
                endpoint.shutdown(socket.SHUT_RDWR)

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        """Starts to forward data from one socket to the other."""
        under_way: queue.Queue[tuple[float, bytes]] = queue.Queue()

        def receive() -> None:
            data = b"begun"
            with suppress(OSError):
                while data:
                    data = source.recv(_BLOCK)
                    under_way.put((time.monotonic() + self.seconds, data))
            under_way.put((0, b""))

        def deliver() -> None:
            while True:
                due, data = under_way.get()
                time.sleep(max(0, due - time.monotonic()))
                if self._cut.is_set() or not data:
                    break
                with suppress(OSError):
                    target.sendall(data)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        for part in (receive, deliver):
            threading.Thread(target=part, daemon=True).start()

    def accept(self, listener: socket.socket) -> None:
        """Accepts connections until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.server))
                except OSError:  # the server is gone
                    near.close()
                    continue
                for endpoint in (near, far):
                    endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [near, far]
                self.carry(near, far)
                self.carry(far, near)


@contextmanager
def distance(server: int, seconds: float) -> Iterator[Distance]:
    """Runs such a network until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Distance(server, seconds, listener.getsockname()[1])
        threading.Thread(target=made.accept, args=(listener,), daemon=True).start()
        try:
            yield made
        finally:
            made.cut()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for endpoint in made._sockets:
                endpoint.close()
