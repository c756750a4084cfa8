"""The commands of `index-jobs`. Data goes to stdout, everything else to stderr.

Flags override environment variables, which override the RUN_DIR/dev.env of `make serve`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

from cli.exit_codes import API_CODES
from db.tools import environment

PANELS = {
    "The API": {
        "index": "cli.jobs",
        "list": "cli.lists",
        "status": "cli.jobs",
        "show": "cli.jobs",
        "watch": "cli.jobs",
        "why": "cli.jobs",
        "history": "cli.lists",
        "cancel": "cli.jobs",
        "files": "cli.lists",
        "skipped": "cli.lists",
        "symbols": "cli.lists",
        "repository": "cli.repositories",
        "keys": "cli.keys",
    },
    "Operating": {
        "admin": "cli.admin",
        "api": "cli.api",
        "work": "cli.work",
        "migrate": "cli.database",
        "rollback": "cli.database",
        "backup": "cli.database",
        "restore": "cli.database",
        "doctor": "cli.database",
        "psql": "cli.database",
        "bridge": "cli.bridge",
        "supabase": "cli.project",
        "completion": "cli.completion",
    },
    "Development": {
        "serve": "cli.dev.commands",
        "demo": "cli.dev.commands",
        "seed": "cli.dev.commands",
        "reset": "cli.dev.commands",
        "dev": "cli.dev.commands",
        "token": "cli.tokens",
    },
}
"""The commands in the order of --help, each with the module whose `app` defines it."""


class _LazyCommands(Mapping[str, Any]):
    """The commands by name. A module is imported when one of its commands is looked up."""

    def __getitem__(self, name: str) -> Any:
        for panel, modules in PANELS.items():
            if name in modules:
                command: Any = get_group(import_module(modules[name]).app).commands[name]
                command.rich_help_panel = panel
                return command
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(PANELS.values())

    def __len__(self) -> int:
        return sum(map(len, PANELS.values()))


class _LazyGroup(TyperGroup):
    """A group that loads a command when it is used.

    `index-jobs work` does not load the API, and neither of them loads the development stack.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(Any, _LazyCommands())


app = typer.Typer(
    cls=_LazyGroup,
    help="Index git repositories and watch the jobs. Run the API, workers and the database.",
    epilog=API_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"index-jobs {version('index-jobs')}")
        raise typer.Exit


@app.callback()
def _index_jobs(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Makes typer treat the app as a group."""


def run() -> int:
    """Runs the command. Returns an exit code, or raises SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    environment.clean_up()
    if "_INDEX_JOBS_COMPLETE" in os.environ:
        from cli import completion  # noqa: PLC0415

        completion.prepare()
    try:
        app()  # exits with 2 on wrong usage, with 130 on Ctrl-C
    except Exception as error:
        from cli import failures  # noqa: PLC0415 - it loads the client of the API

        return failures.report(error)
    return 0
