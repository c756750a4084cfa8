"""`index-jobs work`: a process that runs jobs, without HTTP."""

from __future__ import annotations

import typer

from cli.exits import SERVER_CODES
from worker.main import main

app = typer.Typer()


@app.command("work", epilog=SERVER_CODES)
def run_jobs() -> None:
    """Run jobs until Ctrl-C or SIGTERM, without HTTP; needs WORKER_DATABASE_URL."""
    raise typer.Exit(main())
