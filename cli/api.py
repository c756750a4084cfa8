"""`index-jobs api`: the HTTP API, with a runner unless the settings turn it off."""

from __future__ import annotations

import typer

from api.main import main
from cli.exit_codes import SERVER_CODES

app = typer.Typer()


@app.command("api", epilog=SERVER_CODES)
def serve_api() -> None:
    """Serve the API, with a runner, until Ctrl-C or SIGTERM. Needs API_DATABASE_URL."""
    raise typer.Exit(main())
