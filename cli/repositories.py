"""`index-jobs repository`: changes a repository over the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer

from cli.access import ApiKey, ApiUrl, AsUser, client_of
from cli.client import ApiError, Client
from cli.errors import CommandError
from cli.exit_codes import API_CODES, ExitCode
from cli.local_repository import folder_of, is_path
from cli.options import Json
from cli.terminal import escape_invisible

# a field of the API -> the option or argument for it
_WORDS = {"git_url": "ADDRESS", "localPath": "ADDRESS", "repository": "REPOSITORY"}

app = typer.Typer()
repository = typer.Typer(
    help="Correct the address of a repository.", epilog=API_CODES, no_args_is_help=True
)
app.add_typer(repository, name="repository")


@repository.callback()
def _repository() -> None:
    """Makes typer treat the app as a group, though it has one command."""


@repository.command("set-url", epilog=API_CODES)
def set_url(
    repository: Annotated[
        str, typer.Argument(help="The full name, as printed by list, or the id.")
    ],
    address: Annotated[
        str,
        typer.Argument(help="owner/name, an https URL, or a folder on the API's machine."),
    ],
    *,
    organization: Annotated[
        str | None, typer.Option(help="The slug or id of the organization that owns it.")
    ] = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Change the address of a repository. Its jobs and its index are kept."""
    wanted = _address(address)
    with client_of(api_url, api_key, user) as client:
        try:
            id_ = _id(client, repository, organization)
            changed = client.set_repository_url(id_, wanted)
        except ApiError as error:
            raise error.with_field_names(_WORDS) from None
    name, url = changed["full_name"], changed["git_url"]
    print(json.dumps(changed) if as_json else escape_invisible(f"{name}  {url}"))


def _address(text: str) -> dict[str, str]:
    """Returns the body of PATCH /repositories/{id}. A path that exists here is a folder."""
    try:
        folder = folder_of(text)
    except CommandError as error:
        raise ApiError(str(error), exit_code=ExitCode.USAGE) from None
    if folder is not None or text.startswith("/"):  # the API may be on another machine
        return {"localPath": str(folder or text)}
    if is_path(text):
        raise ApiError(f"Folder {text} does not exist.", exit_code=ExitCode.USAGE)
    return {"git_url": text}


def _id(client: Client, repository: str, organization: str | None) -> str:
    """Returns the id of the named repository, from its newest job."""
    try:
        return str(UUID(repository))
    except ValueError:
        jobs = client.list_index_jobs(repository=repository, organization=organization, limit=1)
    if not jobs["jobs"]:
        raise ApiError(
            f"None of your jobs is for {repository}, so its id is unknown: check the name, "
            "--organization and --user, or use the repository's id.",
            exit_code=ExitCode.NOT_FOUND,
        )
    return jobs["jobs"][0]["repository_id"]
