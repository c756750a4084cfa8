"""Options that several commands have, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.dev.options import Options
from cli.dev.settings import StackSettings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(help="How many at most, from 1 to 100.")]
Cursor = Annotated[
    str | None, typer.Option(help="Where to begin: the cursor that the previous page printed.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="The migrator's login.", envvar="DATABASE_URL", show_default="the embedded server"
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Data of the embedded server.", envvar="DATA_DIR", show_default="RUN_DIR/pgdata"
    ),
]


def settings_with(**flags: Any) -> StackSettings:
    """The settings of the environment, but for the flags that were given. Raises SettingError."""
    return StackSettings.read(**{k: v for k, v in flags.items() if v is not None})


def stack_options(database_url: str | None, data_dir: Path | None) -> Options:
    """Where the database of a command is, and the logins and secrets that settings name."""
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
