"""Where the development stack lives, and what of it is given from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Options:
    """Where the stack lives. What is None has a default or is made."""

    run_dir: Path
    data_dir: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    api_database_url: str | None = field(default=None, repr=False)
    worker_database_url: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    service_key: str | None = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        """The directory of the embedded server's data."""
        return (self.data_dir or self.run_dir / "pgdata").absolute()

    @property
    def database_name(self) -> str:
        """What the kept keys are filed under: keys of one database are no use in another."""
        if self.database_url is None:
            return str(self.home)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname or ''}:{parts.port or 5432}{parts.path}"
