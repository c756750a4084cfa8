"""The location of the development stack, and the parts that settings provide."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Options:
    """The location of the stack. Fields that are None have a default or are created."""

    run_dir: Path
    data_dir: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    api_database_url: str | None = field(default=None, repr=False)
    worker_database_url: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    service_key: str | None = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        """The data directory of the embedded server."""
        return (self.data_dir or self.run_dir / "pgdata").absolute()

    @property
    def database_name(self) -> str:
        """The name under which keys are stored. A key works in one database only."""
        if self.database_url is None:
            return str(self.home)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname or ''}:{parts.port or 5432}{parts.path}"
