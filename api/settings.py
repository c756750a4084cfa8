"""The settings of the HTTP layer, which come from environment variables only."""

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
    """The login of the HTTP layer: a member of job_http, which can execute only api_*."""
    supabase_url: str | None = None
    """A Supabase project. With SUPABASE_SERVICE_ROLE_KEY it replaces API_DATABASE_URL."""
    database_pool_size: int = Field(default=4, ge=1, le=64)
    database_prepared_statements: bool = True
    """False: plain statements, one at a time per connection, for a pooler that shares sessions
    between clients without prepared statements."""
    statement_timeout_seconds: float = Field(default=5, gt=0, le=600)
    """How long a statement can take before its request gets a 503."""
    body_timeout_seconds: float = Field(default=10, gt=0)
    """How long a request's body can take to arrive before it gets a 408."""

    port: int = Field(default=8321, ge=0, le=65535)
    root_path: str = ""
    """The path where a proxy serves the API, such as /jobs-api, if it strips it from requests."""
    max_connections: int = Field(default=10_000, ge=1)
    """The maximum number of connections; lower if the limit of open files requires it."""
    keep_alive_seconds: int = Field(default=75, ge=1)
    """How long an idle connection is kept."""
    forwarded_allow_ips: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ()
    """Comma-separated addresses and networks of proxies whose X-Forwarded-For and -Proto count."""
    live_limit: int = Field(default=10_000, ge=0)
    """How many clients of this process can follow a job at once, by `Prefer: wait` or a stream."""
    access_log: bool = False
    """Whether to log each request."""
    metrics_token: SecretStr | None = None
    """The bearer token for GET /metrics. Without it, GET /metrics is refused."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ("*",)
    """Comma-separated origins that browsers can call from; * allows any."""

    pages_enabled: bool = True
    """Whether to serve the page at / and /jobs/{id}/view."""

    jwt_secret: SecretStr | None = None
    """The secret for HS256 tokens; at least 32 bytes."""
    jwks_url: str | None = None
    """The URL of the public keys for RS256, ES256 and EdDSA tokens."""
    jwt_audience: str = "authenticated"
    jwt_max_lifetime_seconds: int = Field(default=86_400, ge=1)
    """The longest remaining lifetime of a user's token. Longer ones are refused."""
    service_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SERVICE_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    )

    job_status_tracking_enabled: bool = True
    """False: POST /index answers only {"runId"}, as before there was a status. The job still
    runs."""
    job_status_tracking_percent: int = Field(default=100, ge=0, le=100)
    """The percentage of users, always the same ones, whose POST /index answers with the job."""

    git_base_url: str = "https://github.com/"
    """The prefix of owner/name's URL: this, the name and '.git'."""

    @field_validator("root_path")
    @classmethod
    def _root_is_a_path(cls, value: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", value):
            raise ValueError("must be a path such as /jobs-api, without a trailing slash")
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
            raise ValueError("must be at least 32 bytes: try `openssl rand -hex 32`")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _token_can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}=*", value.get_secret_value()):
            raise ValueError(
                "must be at least 16 letters, digits or ._~+/- : try `openssl rand -hex 32`"
            )
        return value

    @field_validator("supabase_url")
    @classmethod
    def _supabase_is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/?#\s]+/?", value):
            raise ValueError("must look like https://PROJECT.supabase.co, without a path")
        return value

    @field_validator("jwks_url", "git_base_url")
    @classmethod
    def _address_is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/?#\s]", value):
            raise ValueError("must be a URL that starts with https:// (or http://)")
        return value

    @field_validator("git_base_url")
    @classmethod
    def _base_ends_with_a_slash(cls, value: str) -> str:
        return value if value.endswith("/") else value + "/"
