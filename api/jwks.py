"""The public keys of one token issuer, fetched apart from the requests that need them.

An issuer may hang, fail or answer nonsense. Its known keys then stay in use, no request waits for
more than one fetch, and no valid token is called invalid.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextvars import Context
from typing import Any, Final

import jwt

from db.tools.logs import get_logger

logger = get_logger(__name__)

FETCH_SECONDS: Final = 3.0
"""How long one fetch may take, from the DNS lookup to the last byte."""
FRESH_SECONDS: Final = 300.0
"""How often the keys are fetched: a withdrawn key is accepted for up to this long."""
KEPT_SECONDS: Final = 86_400.0
"""How long keys stay in use when fetching fails. Users' older tokens have expired by then, because
of JWT_MAX_LIFETIME_SECONDS."""
PAUSE_SECONDS: Final = 10.0
"""The pause between a fetch and the next one that an unknown key id can start."""
ALGORITHMS: Final = frozenset({"ES256", "RS256", "EdDSA"})
"""The algorithms of tokens checked with an issuer's keys."""
MAX_BYTES: Final = 65_536
MAX_KEYS: Final = 32

# The pause between fetches while they fail: doubled each time, from the first to the second.
_RETRY_SECONDS: Final = (1.0, 30.0)


class IssuerUnavailable(Exception):
    """The issuer's keys are not available right now, so the token cannot be checked."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the issuer's keys cannot be fetched")
        self.retry_after = max(1, round(retry_after + 0.5))
        """Whole seconds until the next attempt."""


class _Fault(Exception):
    """What is wrong with the issuer's answer."""


class IssuerKeys:
    """The keys at a JWKS URL, by key id. Fetches in the background until closed.

    The first fetch begins when the first key is needed.
    """

    def __init__(self, url: str) -> None:
        import httpx  # noqa: PLC0415  (it loads rich; only who sets JWKS_URL needs it)

        self._url = url
        self._client = httpx.AsyncClient(follow_redirects=True, max_redirects=3)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")  # the last success
        self._next_at = float("-inf")  # when an unknown key id may start a fetch again
        self._failures = 0  # since the last success
        self._fetch: asyncio.Task[None] | None = None
        self._refresh: asyncio.TimerHandle | None = None

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """Returns the key with this id, or None if the issuer has none. Known keys need no wait.

        Raises IssuerUnavailable after at most FETCH_SECONDS.
        """
        if key := self._known(kid):
            return key
        if self._fetch is None and time.monotonic() >= self._next_at:
            self._start()
        if self._fetch:
            await asyncio.wait(
                {self._fetch}
            )  # many requests may wait for it, and each may be cancelled
        if key := self._known(kid):
            return key
        if self._failures:
            raise IssuerUnavailable(self._next_at - time.monotonic())
        return None

    async def aclose(self) -> None:
        """Stops the current fetch and all later ones."""
        self._next_at = float("inf")
        if self._refresh:
            self._refresh.cancel()
        if self._fetch:
            self._fetch.cancel()
            await asyncio.wait({self._fetch})
        await self._client.aclose()

    def _known(self, kid: str) -> jwt.PyJWK | None:
        is_kept = time.monotonic() - self._fetched_at < KEPT_SECONDS
        return self._keys.get(kid) if is_kept else None

    def _start(self) -> None:
        if self._refresh:
            self._refresh.cancel()
        # many requests may wait for it, so its log lines have the id of none
        self._fetch = asyncio.create_task(self._run(), context=Context())

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = await self._read()
        except Exception as error:  # whatever the cause, the keys are not available
            self._failures += 1
            shortest, longest = _RETRY_SECONDS
            pause = min(longest, shortest * 2.0 ** (self._failures - 1))
            again = pause
            reason = str(error) or type(error).__name__
            logger.warning(
                "JWKS_URL cannot be fetched", error=reason, retry_seconds=round(pause, 1)
            )
        else:
            self._failures = 0
            self._fetched_at = time.monotonic()
            pause, again = PAUSE_SECONDS, FRESH_SECONDS
        finally:
            self._fetch = None
        self._next_at = time.monotonic() + pause
        self._refresh = asyncio.get_running_loop().call_later(again, self._start)

    async def _read(self) -> dict[str, jwt.PyJWK]:
        """Returns the issuer's keys. Raises _Fault, and what httpx raises."""
        body = bytearray()
        plain = {
            "Accept-Encoding": "identity"
        }  # a small compressed answer can expand to a large one
        async with self._client.stream("GET", self._url, headers=plain) as answer:
            if answer.status_code != 200:
                raise _Fault(f"the issuer answered {answer.status_code}")
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise _Fault(f"the issuer's answer has more than {MAX_BYTES} bytes")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise _Fault("the issuer's answer is not JSON") from None
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise _Fault(f"the issuer's answer is not a set of at most {MAX_KEYS} keys")
        keys: dict[str, jwt.PyJWK] = {}
        for entry in entries:
            key = _usable(entry)
            if key and key.key_id:
                keys[key.key_id] = key
            await asyncio.sleep(
                0
            )  # reading a key takes time, and other requests must not wait for it
        if not keys:
            raise _Fault("the issuer's answer has no usable key")
        return keys


def _usable(entry: Any) -> jwt.PyJWK | None:
    """Returns a public signature key that has an id, or None for any other entry."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig" or "d" in entry:  # d: a private key, slow to read
        return None
    try:
        key = jwt.PyJWK(entry)
    except Exception:  # each kind of key raises its own errors
        return None
    return key if key.algorithm_name in ALGORITHMS else None
