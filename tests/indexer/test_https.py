"""Cloning over https from a real server: what works, what fails and how that is told."""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Start


class Host:
    """A git host on loopback. Serves the repositories of `root` under /git/."""

    def __init__(self, root: Path, certificate: Path) -> None:
        host = self
        self.requests: list[str] = []
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.environment = {"GIT_SSL_CAINFO": str(certificate)}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host.requests.append(self.path)
                host._answer(self, root)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._server.server_port
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def _answer(self, request: BaseHTTPRequestHandler, root: Path) -> None:
        kind, _, rest = request.path.lstrip("/").partition("/")
        if kind == "git":
            self._backend(request, root, "/" + rest)
        elif kind == "stall":
            self.stalled.set()
            self.released.wait(60)
        elif kind == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.url}/git/{rest}")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            request.send_response(int(kind))
            if kind == "401":
                request.send_header("WWW-Authenticate", 'Basic realm="git"')
            page = b"<html>\nA page, and no repository.\n</html>\n"
            request.send_header("Content-Length", str(len(page)))
            request.end_headers()
            request.wfile.write(page)

    def _backend(self, request: BaseHTTPRequestHandler, root: Path, path: str) -> None:
        path, _, query = path.partition("?")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": request.command,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        request.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def certificate(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def host(tmp_path: Path, roots: Path) -> Iterator[Host]:
    host = Host(roots, certificate(tmp_path / "host.pem"))
    yield host
    host.close()


@pytest.fixture
def remote(repository: Git, host: Host) -> str:
    return f"{host.url}/git/{repository.path.name}/.git"


def test_a_repository_is_indexed_over_https(
    repository: Git, remote: str, host: Host, index: Index
) -> None:
    first = repository.commit({"a.py": "def a(): ...", "large.bin": os.urandom(2_000_000)})
    second = repository.commit({"b.py": "def b(): ..."})
    for request, commit in [
        ({}, second),
        ({"ref": "main"}, second),
        ({"commit_sha": first}, first),
    ]:
        outcome = index(remote, local_roots=[], environment=host.environment, **request)
        assert outcome.last.get("commit_sha") == commit, outcome
        assert outcome.stats["symbols_extracted"] == (1 if commit == first else 2)


def test_blobs_over_the_limit_never_travel(
    repository: Git, remote: str, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1", "large.bin": os.urandom(2_000_000)})
    repository("config", "uploadpack.allowFilter", "true")
    outcome = index(remote, environment=host.environment)
    assert outcome.stats["skipped"] == {"oversized": 1}
    packs = Path(outcome.last["files"]).parent.glob("**/*.pack")
    assert sum(pack.stat().st_size for pack in packs) < 10_000


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/git/missing", "repository_not_found"),
        ("/401/private", "repository_not_found"),
        ("/403/private", "repository_not_found"),
        ("/404/missing", "repository_not_found"),
        ("/500/broken", "host_unreachable"),
        ("/200/page", "repository_not_found"),
        ("/redirect/repository-1/.git", "repository_moved"),
    ],
)
def test_a_refusal_is_told_in_a_sentence(
    path: str, code: str, repository: Git, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    outcome = index(host.url + path, environment=host.environment)
    assert outcome.error == code
    assert outcome.last["message"].endswith(".")
    assert "127.0.0.1" not in outcome.last["message"]


def test_a_redirect_is_not_followed(repository: Git, host: Host, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    index(f"{host.url}/redirect/{repository.path.name}/.git", environment=host.environment)
    assert host.requests
    assert not any(path.startswith("/git/") for path in host.requests)


def test_a_certificate_must_be_valid(remote: str, host: Host, index: Index) -> None:
    outcome = index(remote, environment={"GIT_SSL_NO_VERIFY": "1"})
    assert outcome.error == "host_unreachable"
    assert not host.requests


def test_a_host_that_is_not_there_is_told(host: Host, index: Index) -> None:
    assert index("https://no-such-host.invalid/a/b").error == "host_not_found"
    host.close()
    assert index(f"{host.url}/a/b").error == "host_unreachable"


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


def group_is_gone(group: int) -> Callable[[], bool]:
    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    return gone


def test_a_host_that_stalls_ends_with_the_time_limit(host: Host, start: Start) -> None:
    process = start(f"{host.url}/stall/a", environment=host.environment, limits={"seconds": 1})
    assert host.stalled.wait(20)
    stdout, _ = process.communicate(timeout=20)
    assert '"code": "time_limit"' in stdout.splitlines()[-1]
    eventually(group_is_gone(process.pid))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_git_ends_with_the_indexer(number: signal.Signals, host: Host, start: Start) -> None:
    process = start(f"{host.url}/stall/a", environment=host.environment)
    assert host.stalled.wait(20)
    os.kill(process.pid, number)
    process.communicate(timeout=20)
    eventually(group_is_gone(process.pid))


def test_the_indexer_ends_with_its_parent(host: Host, tmp_path: Path, start: Start) -> None:
    process = start("/nowhere")
    process.communicate()
    request = next(tmp_path.glob("scratch-*/request.json"))
    request.write_text(request.read_text().replace('"/nowhere"', f'"{host.url}/stall/a"'))
    script = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'api.indexer',"
        " sys.argv[1]], stdout=-3, start_new_session=True); print(p.pid, flush=True); p.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(request)],
        stdout=subprocess.PIPE,
        env=os.environ | host.environment,
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert host.stalled.wait(20)
    parent.kill()
    parent.communicate(timeout=20)
    eventually(group_is_gone(child))


def test_an_orphan_does_not_begin(host: Host, index: Index, start: Start) -> None:
    process = start(f"{host.url}/stall/a", environment=host.environment, parent_pid=1)
    stdout, _ = process.communicate(timeout=20)
    assert stdout == ""
    assert process.returncode == 1
    assert not host.requests
