"""Ports of loopback for servers that stop and start again while other tests take ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def taken(port: int) -> Iterator[bool]:
    """Somebody listens on the port: this test (True), or another program already."""
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield False
    else:
        with listener:
            yield True


@contextmanager
def kept_port() -> Iterator[int]:
    """A port that the system gives to nobody else meanwhile.

    It refuses connections until somebody listens there with SO_REUSEADDR, as servers do.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]
