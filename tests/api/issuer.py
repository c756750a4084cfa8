"""Token issuers for the tests: real servers of public keys that can be made to fail."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from .conftest import Tenant


def claims_of(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    claims = {
        "sub": tenant.id,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": int(time.time()) + 3600,
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def say(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


SYMMETRIC = b"a published symmetric key is no secret"


Misbehaviour = Callable[[BaseHTTPRequestHandler], None]


@functools.cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """Shared by all issuers, because generating a key is slow."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


class Issuer:
    """A server of public keys, like Supabase Auth. Everything about it can change while it runs."""

    def __init__(self) -> None:
        self.signing: dict[str, tuple[Any, str]] = {
            "ec": (ec.generate_private_key(ec.SECP256R1()), "ES256"),
            "rsa": (_rsa_key(), "RS256"),
        }
        self.published = ["ec", "rsa"]
        self.fetches = 0
        self.misbehave: Misbehaviour | None = None
        """How it fails instead of responding."""
        self.is_over = threading.Event()
        """Set at the end of the test: a handler that hangs must then stop."""

    def document(self) -> bytes:
        keys = [
            {
                "kty": "oct",
                "kid": "symmetric",
                "k": base64url_encode(SYMMETRIC).decode(),
                "alg": "HS256",
            }
        ]
        for kid in self.published:
            key, algorithm = self.signing[kid]
            to_jwk = (ECAlgorithm if kid == "ec" else RSAAlgorithm).to_jwk
            jwk = to_jwk(key.public_key(), as_dict=True)
            keys.append(jwk | {"kid": kid, "alg": algorithm, "use": "sig"})
        return json.dumps({"keys": keys}).encode()

    def token(self, kid: str, tenant: Tenant, **changes: Any) -> str:
        key, algorithm = self.signing[kid]
        return jwt.encode(claims_of(tenant, **changes), key, algorithm, headers={"kid": kid})


@contextmanager
def issuing() -> Iterator[tuple[Issuer, str]]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            if issuer.misbehave:
                with suppress(OSError):
                    issuer.misbehave(self)
                self.close_connection = True
                return
            say(self, issuer.document())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield issuer, f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        issuer.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()
