"""Reads settings from environment variables. Defines those shared by the API and the worker."""

from __future__ import annotations

import difflib
import ipaddress
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingError(ValueError):
    """A sentence that names the variable, says what is wrong and what to do."""


class EnvironmentSettings(BaseSettings):
    """Each field is an environment variable with its name in capitals. Empty means unset."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Returns the settings of the environment, overridden by `given`. Raises SettingError."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingError("; ".join(map(_sentence, error.errors()))) from None


_OF_COMMANDS: Final = (
    "API_KEY", "API_URL", "COUNT", "DATABASE_URL", "DATA_DIR", "GIT_SSL_CAINFO", "REPO"
)  # fmt: skip
_FAMILIES: Final = ("JOB_STATUS_TRACKING_", "RUNNER_JOB_")


def misspelled_settings(*settings: type[EnvironmentSettings]) -> list[tuple[str, str]]:
    """Returns environment variables that no settings read but that look like one of them,
    each with the nearest one that is not set."""
    known = {name for kind in settings for name in _variables(kind)}
    present = {name.upper() for name, value in os.environ.items() if value}
    found = []
    for name in sorted(present - known - set(_OF_COMMANDS)):
        cutoff = 0.5 if name.startswith(_FAMILIES) else 0.85
        near = difflib.get_close_matches(name, known - present, 1, cutoff) if len(name) > 5 else []
        found += [(name, nearest) for nearest in near]
    return found


def _variables(settings: type[EnvironmentSettings]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        choices = field.validation_alias
        for choice in choices.choices if isinstance(choices, AliasChoices) else [name]:
            yield str(choice).upper()


def separated_by(separator: str) -> BeforeValidator:
    """Splits the text of a variable into parts and strips them."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    return BeforeValidator(split)


def _database_url(value: str) -> str:
    # imported here: a command without a database would spend half of its startup on psycopg
    from db.tools.connection import ConnectError, parameters  # noqa: PLC0415

    try:
        parameters(value)
    except ConnectError as error:
        raise ValueError(str(error)) from None
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


class LocalRepositorySettings(EnvironmentSettings):
    """The local folders that may be indexed. The API and the worker refuse all others."""

    local_repository_roots: Annotated[tuple[Path, ...], NoDecode, separated_by(":")] = ()
    """Colon-separated absolute folders that localPath may be in. If empty, refuses local paths."""

    @field_validator("local_repository_roots")
    @classmethod
    def _roots_are_real(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for root in value:
            if not root.is_absolute():
                raise ValueError(f"must be absolute folders, not {root}")
        try:
            return tuple(root.resolve() for root in value)
        except (OSError, RuntimeError):  # the name is too long, or links form a loop
            raise ValueError("one of the folders cannot be resolved; use another") from None


class MetricsSettings(EnvironmentSettings):
    """The addresses where a process listens, also for Prometheus."""

    host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """A port for /metrics only, without a token. Only Prometheus must be able to reach it."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def authorities(url: str) -> ssl.SSLContext | bool:
    """Returns httpx's `verify` for a client that calls this URL without redirects.

    For http no certificates are loaded, which saves 20 ms.
    """
    return url.lower().startswith("https:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0]).upper()
    if error["type"] == "value_error":  # raised by a validator of the settings
        return f"{name}: {error['ctx']['error']}"
    rule = f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    return f"{name}={error['input']}: {rule}; correct it, or unset it for the default"
