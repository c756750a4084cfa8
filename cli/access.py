"""The API that a command calls, the key it uses, and the command lines it suggests."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from cli.client import ApiError, Client
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.options import settings_with
from cli.paths import program
from cli.terminal import Terminal

ApiUrl = Annotated[
    str | None,
    typer.Option(help="Address of the API.", envvar="API_URL", show_default="from dev.env"),
]
ApiKey = Annotated[
    str | None, typer.Option(help="An API key.", envvar="API_KEY", show_default="of --user")
]
AsUser = Annotated[
    str, typer.Option("--user", help="Use this user's key from dev.env: alice, bob or carol.")
]
JobId = Annotated[
    str, typer.Argument(help="The job id, as printed by index and list.", show_default=False)
]


def client_of(url: str | None, key: str | None, user: str) -> Client:
    """Returns the client for these options. Raises ApiError if the URL or the key is missing."""
    return _client(url, key, f"{user.upper()}_KEY", f"key of {user}", "set --api-key or API_KEY")


def support_client_of(url: str | None, key: str | None) -> Client:
    """Returns the client for support, with the service key. Raises ApiError as client_of does."""
    return _client(url, key, "SERVICE_KEY", "service key", "set --service-key or SERVICE_KEY")


def _client(url: str | None, key: str | None, name: str, what: str, remedy: str) -> Client:
    file = settings_with().run_dir.absolute() / "dev.env"
    kept = _dev_env(file)
    url = url or kept.get("API_URL")
    if not url:
        raise ApiError(
            f"No API is configured and {file} does not exist: start one with make serve, run this "
            "command in its folder or with its RUN_DIR=, or set --api-url or API_URL.",
            exit_code=ExitCode.UNREACHABLE,
        )
    key = key or kept.get(name)
    if not key:
        raise ApiError(f"{file} has no {what}: {remedy}.", exit_code=ExitCode.NO_ACCESS)
    return Client(url, key, waiting=Terminal().say)


def watch_command(context: typer.Context, job_id: str) -> str:
    """Returns the command line that watches the job, with the user and API given here."""
    words = [program(), "watch", job_id]
    for name in ("user", "api_url", "api_key"):
        if _is_typed(context, name):
            words += _option(name, context.params[name])
    return shlex.join(words)


def next_page_command(context: typer.Context, cursor: str) -> str:
    """Returns the command line that prints the page at the cursor."""
    words = [program(), *context.command_path.split()[1:]]
    for name, value in context.params.items():
        if name == "job_id":
            words.append(value)
        elif name != "cursor" and _is_typed(context, name):
            words += _option(name, value)
    return shlex.join([*words, "--cursor", cursor])


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _option(name: str, value: object) -> list[str]:
    return [f"--{name.replace('_', '-')}", "KEY" if name.endswith("_key") else str(value)]


def _dev_env(file: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)
    except UnicodeDecodeError:
        raise CommandError(
            f"{file} is damaged: remove it, and make serve will write a new one"
        ) from None
