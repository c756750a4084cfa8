"""`index-jobs serve`, `demo`, `seed`, `reset` and `dev`: commands for development."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.client import ApiError
from cli.dev import demo, seed, serve, stack
from cli.errors import CommandError
from cli.exit_codes import COMMON_CODES, SERVER_CODES, ExitCode
from cli.options import (
    DatabaseUrl,
    DataDir,
    Json,
    settings_with,
    stack_options,
)
from cli.terminal import Terminal

_WORDS = {"repository": "REPO", "localPath": "REPO", "git_url": "REPO"}

app = typer.Typer()


@app.command("serve", epilog=SERVER_CODES)
def serve_stack(
    port: Annotated[
        int | None, typer.Option(envvar="PORT", show_default="8321 or the next free port")
    ] = None,
    host: Annotated[str | None, typer.Option(envvar="HOST", show_default="127.0.0.1")] = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Run Postgres, the API and its runner in the foreground until Ctrl-C."""
    settings = settings_with(port=port, host=host)
    serve.serve(settings, stack_options(database_url, data_dir), Terminal())


@app.command(
    "demo",
    epilog="Exit codes: 0 the job completed and every check passed · "
    f"{ExitCode.FAILED} a check failed · {ExitCode.USAGE} wrong usage · 130 interrupted by Ctrl-C",
)
def show_demo(
    repository: Annotated[
        str | None,
        typer.Argument(
            envvar="REPO",
            help="A folder, owner/name or an https URL.",
            show_default="this checkout",
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Index a repository over HTTP, show each step and print the job's record."""
    options = stack_options(database_url, data_dir)
    try:
        demo.demo(repository, settings_with(), options, Terminal())
    except ApiError as error:
        raise CommandError(str(error.with_field_names(_WORDS))) from None


@app.command("reset", epilog=COMMON_CODES)
def reset_database(
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do it even if the database is not marked for development."
        ),
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Drop a development database's data and schema, migrate it and print the migrations."""
    options, terminal = stack_options(database_url, data_dir), Terminal()
    for migration in stack.reset(options, "make reset", yes=yes, step=terminal.step):
        print(migration)


@app.command("seed", epilog=COMMON_CODES)
def seed_database(
    as_json: Json = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do it even if the database is not marked for development."
        ),
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Fill the database with sample users, repositories and jobs, and print the users' keys."""
    options, terminal = stack_options(database_url, data_dir), Terminal()
    with stack.use_database(options, "make seed", create=True, step=terminal.step) as base:
        if not yes:
            stack.require_development(base, "with --yes, sample users and jobs are added to it")
        stack.prepare(base, step=terminal.step)
        seeded = seed.seed(base, options)
    news = f"{seeded.new_jobs} new jobs" if seeded.new_jobs else "nothing new"
    terminal.step(f"13 jobs of {', '.join(seeded.api_keys)}", None, news)
    if as_json:
        print(json.dumps(seeded.api_keys))
        return
    for name, key in seeded.api_keys.items():
        print(f"{name.upper()}_KEY={key}")


dev = typer.Typer(help="Mark databases for development.", epilog=COMMON_CODES, no_args_is_help=True)
app.add_typer(dev, name="dev")


@dev.callback()
def _dev() -> None:
    """Makes typer treat the app as a group, though it has one command."""


@dev.command("init", epilog=COMMON_CODES)
def allow_development(
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Mark it even if it holds jobs.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Migrate a database, mark it for development and print the migrations.

    Such a database can be seeded and reset. The embedded one always can.
    """
    options, terminal = stack_options(database_url, data_dir), Terminal()
    for migration in stack.init(options, "index-jobs dev init", yes=yes, step=terminal.step):
        print(migration)
