"""Imitates a pooler in transaction mode, in front of a real server.

It rejects unknown parameters in the startup packet, as PgBouncer does by default,
reports its own process id instead of the server's, and sometimes switches to a session without
any settings. The extended tests use PgBouncer itself.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from db.local.postgres import Server
from tests.support.ports import kept_port
from tests.support.waiting import until

_KNOWN = {
    *("user", "database", "client_encoding", "datestyle", "timezone", "application_name"),
    "standard_conforming_strings",
}
_CANCEL, _PLAIN_PLEASE = 80877102, {80877103, 80877104}
_NEEDS_REPLY = {3, 5, 10, 11}
_RESET = b"Q" + struct.pack("!i", 14) + b"reset all\0"
_NEW_SESSION_EVERY = 5
_TRANSACTION_ENDS = {b"S", b"Q"}
_COPY_ENDS = {b"c", b"f"}


class _Stream:
    """The messages that arrive on a socket."""

    def __init__(self, endpoint: socket.socket) -> None:
        self.send = endpoint.sendall
        self._endpoint = endpoint

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self._endpoint.recv(length - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def startup(self) -> tuple[int, bytes]:
        """Returns the code of the packet and its content."""
        length, code = struct.unpack("!ii", self._read(8))
        return code, self._read(length - 8)

    def message(self) -> tuple[bytes, bytes]:
        """Returns its type and the whole message."""
        head = self._read(5)
        return head[:1], head + self._read(struct.unpack("!i", head[1:])[0] - 4)


def _serve(client: _Stream, server: _Stream) -> None:
    code, packet = client.startup()
    while code in _PLAIN_PLEASE:
        client.send(b"N")
        code, packet = client.startup()
    if code == _CANCEL:
        return
    names = packet.split(b"\0")[:-2:2]
    if strange := [name.decode() for name in names if name.decode() not in _KNOWN]:
        words = f"SFATAL\0C08P01\0Munsupported startup parameter: {strange[0]}\0\0".encode()
        client.send(b"E" + struct.pack("!i", len(words) + 4) + words)
        return
    server.send(struct.pack("!ii", len(packet) + 8, code) + packet)
    kind = b""
    while kind != b"Z":
        kind, message = server.message()
        if kind == b"K":
            message = message[:5] + struct.pack("!i", 1) + message[9:]
        client.send(message)
        if kind == b"R" and struct.unpack("!i", message[5:9])[0] in _NEEDS_REPLY:
            server.send(client.message()[1])
    transactions = 0
    while True:
        kind, message = client.message()
        server.send(message)
        if kind in _TRANSACTION_ENDS and _relay(server, client, kind) == b"I":
            transactions += 1
            if transactions % _NEW_SESSION_EVERY == 0:
                server.send(_RESET)
                _relay(server, None, b"Q")


def _relay(server: _Stream, client: _Stream | None, asked: bytes) -> bytes:
    """Passes a response on. Returns the transaction status of the session after it."""
    while True:
        kind, message = server.message()
        if client:
            client.send(message)
        if client and kind == b"G":  # rows by COPY; anything but a simple query ends with a Sync
            sent = b""
            while sent not in (_COPY_ENDS if asked == b"Q" else {b"S"}):
                sent, message = client.message()
                server.send(message)
        if kind == b"Z":
            return message[5:]


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """Yields a URL that leads through the pooler to the server of this URL."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def converse(one: socket.socket) -> None:
        with closing(one), suppress(OSError):
            other = socket.create_connection((parts.hostname or "", parts.port or 0))
            with closing(other):
                _serve(_Stream(one), _Stream(other))

    def accept() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                threading.Thread(target=converse, args=(one,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield parts._replace(netloc=f"{login}@127.0.0.1:{listener.getsockname()[1]}").geturl()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Like pooler(), with PgBouncer in transaction mode and its defaults."""
    parts = urlsplit(url)
    login, password = unquote(parts.username or ""), unquote(parts.password or "")
    with _pgbouncer(parts.port or 0, {login: password}) as port:
        netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        yield parts._replace(netloc=netloc).geturl()


@contextmanager
def pgbouncer_of(server: Server, logins: Iterable[str]) -> Iterator[int]:
    """Yields the port of a PgBouncer for all databases of a server, with larger pools."""
    passwords = dict.fromkeys(logins, server.password)
    sizes = {"default_pool_size": 40, "max_client_conn": 1000}
    with _pgbouncer(server.port, passwords, **sizes) as port:
        yield port


@contextmanager
def _pgbouncer(server: int, passwords: Mapping[str, str], **settings: int) -> Iterator[int]:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "install it: apt-get install pgbouncer"
    with kept_port() as port, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        users, config = Path(folder, "users.txt"), Path(folder, "pgbouncer.ini")
        users.write_text("".join(f'"{name}" "{word}"\n' for name, word in passwords.items()))
        config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = transaction\n"
            + "".join(f"{name} = {value}\n" for name, value in settings.items())
        )
        account = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        process = subprocess.Popen([program, "-q", config], user=account, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _listens(port))
            yield port
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False
