"""`index-jobs completion`: shell completion of commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import (  # type: ignore[attr-defined]
    completion_init,
    get_completion_script,
)

from cli.exit_codes import COMMON_CODES

VARIABLE: Final = "_INDEX_JOBS_COMPLETE"
"""The variable by which the scripts ask the command line for completions."""

app = typer.Typer()


class Shell(StrEnum):
    """The shells that have a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(epilog=COMMON_CODES)
def completion(shell: Annotated[Shell, typer.Argument(show_default=False)]) -> None:
    """Print the completion script for a shell.

    bash, zsh: source <(index-jobs completion bash); fish: index-jobs completion fish | source.
    """
    names = {"prog_name": "index-jobs", "complete_var": VARIABLE, "shell": shell.value}
    print(get_completion_script(**names))


def prepare() -> None:
    """Sets up the command line to answer completion requests from a shell."""
    completion_init()
