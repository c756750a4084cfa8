"""`index-jobs bridge`: lets an external queue in the same database run the jobs."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from cli.dev import stack
from cli.exit_codes import COMMON_CODES
from cli.options import DatabaseUrl, DataDir, Json, stack_options
from cli.terminal import Terminal
from db.tools import bridges

app = typer.Typer()
bridge = typer.Typer(
    help="Let an external queue run the jobs: pg-boss or procrastinate.",
    epilog=COMMON_CODES,
    no_args_is_help=True,
)
app.add_typer(bridge, name="bridge")


class Bridge(StrEnum):
    """The queues that have a bridge."""

    PG_BOSS = "pg-boss"
    PROCRASTINATE = "procrastinate"


Name = Annotated[Bridge, typer.Argument(help="The queue. It must be in the same database.")]


@bridge.command("install", epilog=COMMON_CODES)
def install(name: Name, database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Install or update the bridge. From then on the queue gets each new job."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs bridge", create=False) as base:
        bridges.install(base.url, name)
    Terminal().say(f"  the bridge to {name} is installed; check it with index-jobs doctor")


@bridge.command("remove", epilog=COMMON_CODES)
def remove(
    name: Name,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove it even if the queue has unfinished jobs.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Remove the bridge and keep the queue. `index-jobs work` runs new jobs again."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs bridge", create=False) as base:
        bridges.remove(base.url, name, unfinished=yes)
    Terminal().say(f"  the bridge to {name} is removed; the queue is unchanged")


@bridge.command("reconcile", epilog=COMMON_CODES)
def reconcile(
    as_json: Json = False, database_url: DatabaseUrl = None, data_dir: DataDir = None
) -> None:
    """Fix each difference between the jobs and the queue, and print it."""
    options = stack_options(database_url, data_dir)
    with stack.use_database(options, "index-jobs bridge", create=False) as base:
        mended = bridges.reconcile(base.url)
    for kind, job_id, was, became in mended:
        if as_json:
            print(json.dumps({"kind": kind, "job_id": job_id, "was": was, "became": became}))
        else:
            print(f"{kind}  {job_id}  {was}  →  {became}")
    Terminal().say(f"  {len(mended)} mended" if mended else "  nothing differs")
