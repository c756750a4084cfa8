"""`index-jobs completion`: what makes a shell complete commands and options."""

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
"""By which the scripts ask the command line what may be typed."""

app = typer.Typer()


class Shell(StrEnum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(epilog=COMMON_CODES)
def completion(shell: Annotated[Shell, typer.Argument(show_default=False)]) -> None:
    """Print a script by which that shell completes commands and options.

    bash, zsh: source <(index-jobs completion bash); fish: index-jobs completion fish | source.
    """
    names = {"prog_name": "index-jobs", "complete_var": VARIABLE, "shell": shell.value}
    print(get_completion_script(**names))


def prepare() -> None:
    """Has the command line answer a shell that asks what may be typed."""
    completion_init()
