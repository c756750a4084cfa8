"""What a process that runs jobs is told from outside: environment variables, and nothing else."""

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
    """Settings of the runner and of the indexers it starts."""

    worker_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """The login of the runner: a member of service_role."""
    run_dir: Path = Path(".run")

    git_trusted_hosts: Annotated[tuple[str, ...], NoDecode, separated_by(",")] = ()
    """Comma separated hosts, name or name:port, that may be at a private address. GIT_BASE_URL may
    name one over http://; from all others repositories come by https and the public internet."""
    git_proxy: str | None = Field(default=None, repr=False)
    """URL of an HTTP proxy that clones go through. It looks names up, so it must refuse private
    addresses itself; the proxies of the environment are not used."""
    git_credential_helper: Path | None = None
    """A program, by its absolute path, that knows credentials for private repositories: it is asked
    by git's credential protocol, with tenant_id, repository_id and job_id besides."""

    runner_concurrency: int = Field(default=3, ge=0, le=64)
    """Jobs that this process indexes at once; 0 = none, another process does it. Of more than one,
    the last is never given to a tenant that has all others."""
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

    retention_days: int | None = Field(default=None, ge=1)
    """Jobs that ended so many days ago are deleted; none are without it."""

    @field_validator("git_credential_helper")
    @classmethod
    def _helper_is_a_program(cls, value: Path | None) -> Path | None:
        if value is None or (value.is_absolute() and value.is_file() and os.access(value, os.X_OK)):
            return value
        raise ValueError(
            f"there is no program at {value}; name one by its absolute path, without arguments,"
            " and make it executable"
        )
