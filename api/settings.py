"""What the processes are told from outside: environment variables, and nothing else."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from db.tools.migrate import MigrationError, parameters


class SettingError(ValueError):
    """A sentence that names the variable, what is wrong with it and what to do."""


def is_loopback(host: str) -> bool:
    """Whether a name or address, as settings and URLs have it, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _split(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    return BeforeValidator(split)


class Settings(BaseSettings):
    """Each field is an environment variable of the same name in capitals; empty means unset."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    api_database_url: str | None = Field(default=None, repr=False)
    """The login of the HTTP layer: a member of job_http, which may execute api_* and no more."""
    worker_database_url: str | None = Field(default=None, repr=False)
    """The login of the runner: a member of service_role."""
    supabase_url: str | None = None
    """A Supabase project: with SUPABASE_SERVICE_ROLE_KEY it takes the place of API_DATABASE_URL."""
    database_pool_size: int = Field(default=4, ge=1, le=64)
    statement_timeout_seconds: float = Field(default=5, gt=0, le=600)
    """How long one statement may take before its request is answered 503."""
    body_timeout_seconds: float = Field(default=10, gt=0)
    """How long the body of a request may take to arrive before it is answered 408."""

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    cors_origins: Annotated[tuple[str, ...], NoDecode, _split(",")] = ("*",)
    """Comma separated origins of browsers that may call; * is any."""

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
    git_trusted_hosts: Annotated[tuple[str, ...], NoDecode, _split(",")] = ()
    """Comma separated hosts, name or name:port, that may be at a private address. GIT_BASE_URL may
    name one over http://; from all others repositories come by https and the public internet."""
    git_proxy: str | None = Field(default=None, repr=False)
    """URL of an HTTP proxy that clones go through. It looks names up, so it must refuse private
    addresses itself; the proxies of the environment are not used."""
    local_repository_roots: Annotated[tuple[Path, ...], NoDecode, _split(":")] = ()
    """Colon separated absolute folders that localPath may be in; none = local paths are refused."""

    runner_concurrency: int = Field(default=2, ge=0, le=64)
    """Jobs that this process indexes at once; 0 = none, another process does it."""
    runner_lease_seconds: float = Field(default=15, gt=0)
    runner_grace_seconds: float = Field(default=5, ge=0)
    """How long running jobs may go on at shutdown before they are handed back."""
    runner_job_seconds: float = Field(default=900, gt=0)
    """How long one job may take; the limits that follow are of all its processes together."""
    runner_job_cpu_seconds: float = Field(default=1800, gt=0)
    runner_job_memory: ByteSize = Field(default=ByteSize(1024**3), ge=128 * 1024**2)
    runner_job_disk: ByteSize = Field(default=ByteSize(4 * 1024**3), gt=0)
    """What its scratch folder may hold: the pack of one commit, and the rows."""
    runner_job_files: int = Field(default=500_000, gt=0)
    """How many files a repository may have; and as many folders."""
    run_dir: Path = Path(".run")

    @field_validator("api_database_url", "worker_database_url")
    @classmethod
    def _database_is_a_url(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parameters(value)
            except MigrationError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _secret_is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("it must be at least 32 bytes: try `openssl rand -hex 32`")
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

    @field_validator("local_repository_roots")
    @classmethod
    def _roots_are_real(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for root in value:
            if not root.is_absolute():
                raise ValueError(f"it must be absolute folders, not {root}")
        try:
            return tuple(root.resolve() for root in value)
        except (OSError, RuntimeError):  # a name too long, links in a circle
            raise ValueError("one of the folders cannot be followed; name another") from None


def read(**given: Any) -> Settings:
    """The settings of the environment, but for those `given`. Raises SettingError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingError("; ".join(map(_sentence, error.errors()))) from None


@contextmanager
def or_exit() -> Iterator[None]:
    """For what uvicorn calls: a SettingError ends the process with its sentence alone."""
    try:
        yield
    except SettingError as error:
        sys.exit(f"error: {error}")


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0]).upper()
    if error["type"] == "value_error":  # by one of the validators here
        return f"{name}: {error['ctx']['error']}"
    rule = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return f"{name}={error['input']}: {rule}; correct it, or unset it for the default"
