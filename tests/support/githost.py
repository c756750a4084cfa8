"""A git host on loopback that can behave like a hostile one."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PACK = b"000dpackfile\n"
_PRIVATE = frozenset({"private", "away", "gone", "private-suffix"})


def certificate(path: Path) -> Path:
    """Writes a self-signed certificate of 127.0.0.1 and its key to one file."""
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


class Host:
    """Serves the repositories of `root` under /git/, over https if it has a certificate.

    Counts connections and records each request with its credentials. The other paths:
    /uris/ is /git/ with packfile URIs that refer to `elsewhere`;
    /stall/ never responds, /held/ is /git/ once the host is `released` (git gives up
    after a minute), /endless/ and /junk/ respond endlessly, /redirect/ redirects to `elsewhere`,
    /dumb/ uses the dumb protocol with `elsewhere` as an alternate, /401/ returns 401,
    /error/ sends git the rest of the path as an error, /talk/ is a 404 with 2 MB of text.
    /suffix/ redirects to the same URL with .git at the end, and is /git/ if the URL already has it;
    /bare/ is the other way round; /private-suffix/ is /suffix/ behind a login.
    /private/ is /git/ with `token` as the password of x-access-token, and 401 otherwise;
    /away/ requires that too and redirects to `elsewhere`; /gone/ redirects requests for a pack.
    With `holds_packs`, a pack is sent once the host is `released`.
    """

    def __init__(self, root: Path, certificate: Path | None = None) -> None:
        host = self
        self.connections = 0
        self.requests: list[str] = []
        self.credentials: list[str] = []
        self.token = ""
        self.holds_packs = False
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.environment = {"GIT_SSL_CAINFO": str(certificate)} if certificate else {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host.requests.append(self.path)
                for name in ("Authorization", "Proxy-Authorization", "Cookie"):
                    host.credentials += self.headers.get_all(name, [])
                with suppress(ConnectionError, ssl.SSLError):
                    host._answer(self, root)

            do_POST = do_GET
            do_CONNECT = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def process_request(self, *arguments: object) -> None:
                host.connections += 1
                super().process_request(*arguments)  # type: ignore[arg-type]

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.elsewhere = self.url
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def _answer(self, request: BaseHTTPRequestHandler, root: Path) -> None:
        kind, _, rest = request.path.lstrip("/").partition("/")
        if kind == "git":
            self._backend(request, root, "/" + rest)
        elif kind == "uris":
            pack = _packet(f"{'0' * 40} {self.elsewhere}/git/pack\n")
            self._backend(request, root, "/" + rest, _packet("packfile-uris\n") + pack + b"0001")
        elif kind == "stall":
            self._stand_still()
            request.close_connection = True
        elif kind == "held":
            self._stand_still()
            self._backend(request, root, "/" + rest)
        elif kind in {"suffix", "bare"} or (kind == "private-suffix" and self._knows(request)):
            self._suffix(request, root, kind, rest)
        elif kind in _PRIVATE and self._knows(request):
            if kind == "away" or (kind == "gone" and request.command == "POST"):
                self._redirect(request, rest)
            else:
                self._backend(request, root, "/" + rest)
        elif kind == "redirect":
            self._redirect(request, rest)
        elif kind in {"endless", "junk"}:
            self._pour(request, kind)
        elif kind == "dumb":
            self._dumb(request)
        elif kind == "error":
            request.send_response(200)
            request.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            error = _packet(f"ERR {unquote(rest.partition('/info/refs')[0])}\n")
            _finish(request, _packet("# service=git-upload-pack\n") + b"0000" + error)
        elif kind == "talk":
            request.send_response(404)
            request.send_header("Content-Type", "text/plain")
            _finish(request, b"There is no such repository here, as I have said before.\n" * 36_000)
        else:
            unknown = 401 if kind in _PRIVATE else 502
            status = int(kind) if kind.isdigit() else unknown
            request.send_response(status)
            if status == 401:
                request.send_header("WWW-Authenticate", 'Basic realm="git"')
            _finish(request, b"<html>\nA page, and no repository.\n</html>\n")

    def _knows(self, request: BaseHTTPRequestHandler) -> bool:
        login = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {login}"

    def _redirect(self, request: BaseHTTPRequestHandler, rest: str) -> None:
        request.send_response(302)
        request.send_header("Location", f"{self.elsewhere}/git/{rest}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _suffix(self, request: BaseHTTPRequestHandler, root: Path, kind: str, rest: str) -> None:
        path, slash, service = rest.partition("/")
        name = path.removesuffix(".git")
        if (path == name) == (kind == "bare"):
            self._backend(request, root, f"/{name}/.git{slash}{service}")
        else:
            request.send_response(301)
            there = name if kind == "bare" else f"{name}.git"
            request.send_header("Location", f"{self.url}/{kind}/{there}{slash}{service}")
            _finish(request, b"")

    def _stand_still(self) -> None:
        self.stalled.set()
        self.released.wait()

    def _pour(self, request: BaseHTTPRequestHandler, kind: str) -> None:
        request.send_response(200)
        content = "application/x-git-upload-pack-advertisement" if kind == "endless" else "text/x"
        request.send_header("Content-Type", content)
        request.send_header("Connection", "close")
        request.end_headers()
        if kind == "endless":
            request.wfile.write(_packet("# service=git-upload-pack\n") + b"0000")
        for number in count():
            if self.released.is_set():
                return
            names = range(number * 1000, number * 1000 + 1000)
            request.wfile.write(
                b"".join(_packet(f"{n:040x} refs/heads/{'x' * 200}{n}\n") for n in names)
            )

    def _dumb(self, request: BaseHTTPRequestHandler) -> None:
        _, _, name = request.path.partition("?")[0].partition(".git/")
        request.send_response(200)
        content = {
            "info/refs": f"{'1' * 40}\trefs/heads/main\n",
            "HEAD": "ref: refs/heads/main\n",
            "objects/info/http-alternates": f"{self.elsewhere}/git/x.git/objects\n",
            "objects/info/alternates": f"{self.elsewhere}/git/x.git/objects\n",
        }
        _finish(request, content.get(name, "").encode())

    def _backend(
        self, request: BaseHTTPRequestHandler, root: Path, path: str, before_pack: bytes = b""
    ) -> None:
        path, _, query = path.partition("?")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if self.holds_packs and b"command=fetch" in body:
            self._stand_still()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            check=False,
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
        content = content.replace(_PACK, before_pack + _PACK, 1)
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        request.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            request.send_header(name, value)
        _finish(request, content)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def _packet(line: str) -> bytes:
    return f"{len(line) + 4:04x}{line}".encode()


def _finish(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
