"""`index-jobs work`: a process that runs jobs, without HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import typer

from cli.exit_codes import SERVER_CODES
from worker.main import RUN_AGAIN, QueueRun, main

app = typer.Typer()

_CODES = f"{SERVER_CODES} · {RUN_AGAIN} with --job: the queue should run the job again"


@app.command("work", epilog=_CODES)
def run_jobs(
    by: Annotated[
        Literal["procrastinate"] | None,
        typer.Option(help="As a worker of that queue, whose tasks are wake-ups."),
    ] = None,
    job: Annotated[
        UUID | None, typer.Option(help="Run this job alone, which a queue has given to you.")
    ] = None,
    queue_job: Annotated[
        UUID | None, typer.Option(help="With --job: the job of the queue; the same id by default.")
    ] = None,
    queue_attempt: Annotated[
        int, typer.Option(min=0, help="With --job: how often the queue has run it before.")
    ] = 0,
) -> None:
    """Run jobs until Ctrl-C or SIGTERM, without HTTP; needs WORKER_DATABASE_URL."""
    if job is not None:
        raise typer.Exit(main(QueueRun(str(job), str(queue_job or job), queue_attempt)))
    raise typer.Exit(main(by))
