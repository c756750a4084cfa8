"""What the HTTP layer is told from outside: environment variables, and nothing else."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from db.tools.settings import (
    DatabaseUrl,
    LocalRepositorySettings,
    MetricsSettings,
    separated_by,
)


class ApiSettings(LocalRepositorySettings, MetricsSettings):
    """Settings of the HTTP layer."""

    api_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """The login of the HTTP layer: a member of job_http, which may execute api_* and no more."""
    supabase_url: str | None = None
    """A Supabase project: with SUPABASE_SERVICE_ROLE_KEY it takes the place of API_DATABASE_URL."""
    database_pool_size: int = Field(default=4, ge=1, le=64)
    database_prepared_statements: bool = True
    """False: plain statements, one at a time on each connection, for a pooler that hands sessions
    on and holds no prepared statements."""
    statement_timeout_seconds: float = Field(default=5, gt=0, le=600)
    """How long one statement may take before its request is answered 503."""
    body_timeout_seconds: float = Field(default=10, gt=0)
    """How long the body of a request may take to arrive before it is answered 408."""

    port: int = Field(default=8321, ge=0, le=65535)
    root_path: str = ""
    """Where a proxy serves the API, such as /jobs-api, when it keeps that from the requests."""
    max_connections: int = Field(default=10_000, ge=1)
    """Of clients at once; fewer when the limit of open files does not allow as many."""
    keep_alive_seconds: int = Field(default=75, ge=1)
    """How long a connection is kept without a request."""
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ()
    """Comma separated addresses and networks of proxies whose X-Forwarded-For and -Proto count."""
    live_limit: int = Field(default=10_000, ge=0)
    """How many clients may follow a job by `Prefer: wait` or a stream at once, in this process."""
    access_log: bool = False
    """Whether each request is a line in the log."""
    metrics_token: SecretStr | None = None
    """What GET /metrics asks for, as a bearer token; without it that is refused to everybody."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ("*",)
    """Comma separated origins of browsers that may call; * is any."""

    pages_enabled: bool = True
    """Whether there is the page at / and /jobs/{id}/view."""

    jwt_secret: SecretStr | None = None
    """Checks HS256 tokens; at least 32 bytes."""
    jwks_url: str | None = None
    """Where the public keys of RS256, ES256 and EdDSA tokens are."""
    jwt_audience: str = "authenticated"
    jwt_max_lifetime_seconds: int = Field(default=86_400, ge=1)
    """A user's token that expires later than this from now is refused."""
    service_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SERVICE_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    )

    job_status_tracking_enabled: bool = True
    """False: POST /index answers {"runId"} alone, as before there was a status; the work is the
    same."""
    job_status_tracking_percent: int = Field(default=100, ge=0, le=100)
    """The share of users, always the same ones, whose POST /index tells of the job."""

    git_base_url: str = "https://github.com/"
    """Where owner/name is cloned from: this, the name, '.git'."""

    @field_validator("root_path")
    @classmethod
    def _root_is_a_path(cls, value: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", value):
            raise ValueError("it must be a path such as /jobs-api, without a slash at its end")
        return value

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _proxies_are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _secret_is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("it must be at least 32 bytes: try `openssl rand -hex 32`")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _token_can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}=*", value.get_secret_value()):
            raise ValueError(
                "it must be at least 16 letters, digits or ._~+/- : try `openssl rand -hex 32`"
            )
        return value

    @field_validator("supabase_url")
    @classmethod
    def _supabase_is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/?#\s]+/?", value):
            raise ValueError("it must be as https://PROJECT.supabase.co, without a path")
        return value

    @field_validator("jwks_url", "git_base_url")
    @classmethod
    def _address_is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/?#\s]", value):
            raise ValueError("it must be a URL that begins with https:// (or http://)")
        return value

    @field_validator("git_base_url")
    @classmethod
    def _base_ends_with_a_slash(cls, value: str) -> str:
        return value if value.endswith("/") else value + "/"
