"""`index-jobs work`: runs jobs, without HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import typer

from cli.exit_codes import SERVER_CODES
from worker.main import RUN_AGAIN, QueueRun, main

app = typer.Typer()

_CODES = f"{SERVER_CODES} · {RUN_AGAIN} with --job: the queue must run the job again"


@app.command("work", epilog=_CODES)
def run_jobs(
    by: Annotated[
        Literal["procrastinate"] | None,
        typer.Option(help="Run as a worker of this queue. Its tasks only wake the worker."),
    ] = None,
    job: Annotated[
        UUID | None, typer.Option(help="Run only this job, on behalf of a queue.")
    ] = None,
    queue_job: Annotated[
        UUID | None,
        typer.Option(help="With --job: the queue's job id. Defaults to the id of --job."),
    ] = None,
    queue_attempt: Annotated[
        int, typer.Option(min=0, help="With --job: how many times the queue has run it before.")
    ] = 0,
) -> None:
    """Run jobs until Ctrl-C or SIGTERM, without HTTP. Needs WORKER_DATABASE_URL."""
    if job is not None:
        raise typer.Exit(main(QueueRun(str(job), str(queue_job or job), queue_attempt)))
    raise typer.Exit(main(by))
