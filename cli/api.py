"""`index-jobs api`: the HTTP API, with a runner unless settings say otherwise."""

from __future__ import annotations

import typer

from api.main import main
from cli.exit_codes import SERVER_CODES

app = typer.Typer()


@app.command("api", epilog=SERVER_CODES)
def serve_api() -> None:
    """Serve the API until Ctrl-C or SIGTERM, with a runner; needs API_DATABASE_URL."""
    raise typer.Exit(main())
