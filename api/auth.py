"""Authentication: API keys, checked by the database; JWTs and the service key, checked here."""

from __future__ import annotations

import hmac
import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import jwt

from api.errors import Problem, unauthenticated
from api.jwks import ALGORITHMS, IssuerKeys, IssuerUnavailable
from api.settings import ApiSettings
from db.tools.logs import bind

_API_KEY: Final = re.compile(r"ij_[0-9a-f]{16}_[0-9a-f]{64}")
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)
_LONGEST_TOKEN: Final = 8_192
_CLOCK_SKEW: Final = (
    30  # seconds that an issuer's clock may be ahead of ours; the same as at Supabase
)


@dataclass(frozen=True, slots=True)
class Caller:
    """An API key that the database has yet to check, or verified claims."""

    api_key: str | None
    claims: str | None
    """JSON: sub and role of a user, or the role of the service. None for anon."""
    role: Literal["authenticated", "service_role", "anon"]
    expires_at: float = math.inf
    """When the token expires, in Unix seconds."""


def as_user(caller: Caller) -> Caller:
    """Returns the caller. Raises Problem 403 if it is not a user."""
    if caller.role != "authenticated":
        raise Problem("AUTH_USER_REQUIRED")
    return caller


ANON: Final = Caller(None, None, "anon")
"""A browser without a user. Only /rest/v1 accepts it."""


def _service(subject: object) -> Caller:
    """The service. If `subject` is a plain name, the audit log records it."""
    claims = {"role": "service_role"}
    if isinstance(subject, str) and re.fullmatch(r"[\x20-\x7e]{1,200}", subject):
        claims["sub"] = subject
    return Caller(None, json.dumps(claims), "service_role")


class Authenticator:
    """Reads and checks the Authorization header or a token.

    Accepts JWTs with HS256 and JWT_SECRET, or with ES256, RS256 or EdDSA and a key of JWKS_URL.
    The key determines the algorithm, never the token. `exp` is required. A user's token needs the
    role authenticated, the audience JWT_AUDIENCE and a UUID as `sub`, and must expire within
    JWT_MAX_LIFETIME_SECONDS. The last three do not apply to the roles service_role and anon.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._secret = settings.jwt_secret and settings.jwt_secret.get_secret_value()
        self._service_key = (
            settings.service_key.get_secret_value().encode() if settings.service_key else None
        )
        self._audience = settings.jwt_audience
        self._max_lifetime = settings.jwt_max_lifetime_seconds
        self._issuer = IssuerKeys(settings.jwks_url) if settings.jwks_url else None

    async def aclose(self) -> None:
        """Stops fetching the issuer's keys."""
        if self._issuer:
            await self._issuer.aclose()

    async def __call__(self, authorization: Sequence[str]) -> Caller:
        """Returns the caller, given the values of all Authorization headers.

        Raises Problem 400 (two headers), 401 or 503 (the JWKS cannot be fetched).
        """
        token = bearer(authorization)
        if self._service_key and hmac.compare_digest(token.encode(), self._service_key):
            return _service(None)
        if token.startswith("ij_"):
            if not _API_KEY.fullmatch(token):
                raise unauthenticated("AUTH_INVALID_KEY")
            bind(key_id=token[3:19])
            return Caller(token, None, "authenticated")
        try:
            caller = await self.bearer_of(token)
        except jwt.PyJWTError as error:
            raise unauthenticated("AUTH_INVALID_KEY") from error
        if caller.role == "anon":
            raise unauthenticated("AUTH_INVALID_KEY")
        return caller

    async def bearer_of(self, token: str) -> Caller:
        """Returns the caller of a JWT, which is anon if the token has that role or none.

        Raises jwt.PyJWTError if it is not valid, Problem 503 if the JWKS cannot be fetched.
        """
        if len(token) > _LONGEST_TOKEN or token.count(".") != 2:
            raise jwt.DecodeError("not a token of three parts")
        try:
            return self._caller(await self._claims(token))
        except IssuerUnavailable as error:
            headers = {"Retry-After": str(error.retry_after)}
            raise Problem("AUTH_UNAVAILABLE", headers=headers) from error
        except (ValueError, OverflowError, RecursionError) as error:  # of the token's contents
            raise jwt.DecodeError(str(error)) from error

    async def _claims(self, token: str) -> dict[str, Any]:
        key: jwt.PyJWK | str
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" and self._secret:
            key, algorithm = self._secret, "HS256"
        elif header.get("alg") in ALGORITHMS and self._issuer and header.get("kid"):
            known = await self._issuer.key(header["kid"])
            if known is None:
                raise jwt.InvalidTokenError("no key has this id")
            key, algorithm = (
                known,
                known.algorithm_name,
            )  # decode() refuses tokens with another algorithm
        else:
            raise jwt.InvalidAlgorithmError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            leeway=_CLOCK_SKEW,
            options={"require": ["exp"], "verify_aud": False},
        )
        return claims

    def _caller(self, claims: dict[str, Any]) -> Caller:
        expires = claims["exp"]
        if not isinstance(expires, int | float):  # RFC 7519: a number
            raise jwt.DecodeError("exp is not a number")
        lifetime = expires - time.time()
        if lifetime <= 0:
            raise jwt.ExpiredSignatureError
        role = claims.get("role", "anon")
        if role == "service_role":
            return _service(claims.get("sub"))
        if role == "anon":
            return ANON
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise jwt.InvalidAudienceError("JWTNotInAudience")
        if role != "authenticated" or lifetime > self._max_lifetime:
            raise jwt.InvalidTokenError("not a user's token, or its lifetime is too long")
        user = str(UUID(claims.get("sub") or ""))
        bind(user_id=user)
        verified = json.dumps({"sub": user, "role": "authenticated"})
        return Caller(None, verified, "authenticated", expires)


def bearer(headers: Sequence[str]) -> str:
    """Returns the token of the Authorization header. Raises Problem 400 (two headers) or 401."""
    if not headers:
        raise unauthenticated("AUTH_MISSING_KEY")
    if len(headers) > 1:
        raise Problem("AUTH_INVALID_HEADER", "There are two Authorization headers.", status=400)
    match = _BEARER.fullmatch(headers[0].strip())
    if not match:
        raise unauthenticated("AUTH_INVALID_HEADER")
    return match[1]
