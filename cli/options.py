"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.dev.options import Options
from cli.dev.settings import StackSettings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(help="The maximum number of rows, from 1 to 100.")]
Cursor = Annotated[
    str | None, typer.Option(help="Where to start: the cursor printed with the previous page.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="The URL of the login that runs migrations.",
        envvar="DATABASE_URL",
        show_default="the embedded server",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="The data directory of the embedded server.",
        envvar="DATA_DIR",
        show_default="RUN_DIR/pgdata",
    ),
]


def settings_with(**flags: Any) -> StackSettings:
    """Returns the settings of the environment, overridden by flags. Raises SettingError."""
    return StackSettings.read(**{k: v for k, v in flags.items() if v is not None})


def stack_options(database_url: str | None, data_dir: Path | None) -> Options:
    """Returns the location of the database, and the logins and secrets from the settings."""
    settings = settings_with()
    secrets = {
        name: value.get_secret_value() if value else None
        for name, value in (
            ("jwt_secret", settings.jwt_secret),
            ("service_key", settings.service_key),
        )
    }
    return Options(
        run_dir=settings.run_dir,
        data_dir=data_dir,
        database_url=database_url,
        api_database_url=settings.api_database_url,
        worker_database_url=settings.worker_database_url,
        **secrets,
    )
