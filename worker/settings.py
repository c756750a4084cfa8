"""The settings of a process that runs jobs, which come from environment variables only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import ByteSize, Field, field_validator
from pydantic_settings import NoDecode

from db.tools.settings import (
    DatabaseUrl,
    LocalRepositorySettings,
    MetricsSettings,
    separated_by,
)


class WorkerSettings(LocalRepositorySettings, MetricsSettings):
    """Settings of the runner and its indexers."""

    worker_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """The login of the runner: a member of service_role."""
    run_dir: Path = Path(".run")

    git_trusted_hosts: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ()
    """Comma-separated hosts, name or name:port, that may have a private address. GIT_BASE_URL can
    name one over http://. All other hosts must be public and are reached over https."""
    git_proxy: str | None = Field(default=None, repr=False)
    """The URL of an HTTP proxy for clones. It resolves names, so it must refuse private addresses
    itself. The proxies of the environment are not used."""
    git_credential_helper: Path | None = None
    """The absolute path of a program that returns credentials for private repositories. Uses git's
    credential protocol, with tenant_id, repository_id and job_id added."""

    runner_concurrency: int = Field(default=3, ge=0, le=64)
    """How many jobs this process runs at once. 0: another process runs them. If there is more than
    one slot, a tenant that holds all others never gets the last."""
    runner_lease_seconds: float = Field(default=15, gt=0)
    runner_grace_seconds: float = Field(default=5, ge=0)
    """How long running jobs can continue at shutdown before they are handed back."""
    runner_job_seconds: float = Field(default=900, gt=0)
    """How long one job can take. The following limits apply to all its processes together."""
    runner_job_cpu_seconds: float = Field(default=1800, gt=0)
    runner_job_memory: ByteSize = Field(default=ByteSize(1024**3), ge=128 * 1024**2)
    runner_job_disk: ByteSize = Field(default=ByteSize(4 * 1024**3), gt=0)
    """The maximum size of its scratch folder, which holds one commit's pack and the rows."""
    runner_job_files: int = Field(default=500_000, gt=0)
    """How many files, and how many folders, a repository can have."""

    retention_days: int | None = Field(default=None, ge=1)
    """Jobs that ended this many days ago are deleted. Defaults to never."""

    @field_validator("git_credential_helper")
    @classmethod
    def _helper_is_a_program(cls, value: Path | None) -> Path | None:
        if value is None or (value.is_absolute() and value.is_file() and os.access(value, os.X_OK)):
            return value
        raise ValueError(
            f"there is no program at {value}: use the absolute path of an executable, without"
            " arguments"
        )
