"""Ports of loopback for servers that stop and start again while other tests take ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def taken(port: int) -> Iterator[bool]:
    """Listens on the port. Yields False if another program already does."""
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield False
    else:
        with listener:
            yield True


@contextmanager
def kept_port() -> Iterator[int]:
    """Reserves a free port.

    It refuses connections until a server listens there with SO_REUSEADDR.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]
