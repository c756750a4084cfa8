"""`index-jobs index`, `status`, `show`, `watch`, `why` and `cancel`: one job, over HTTP."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from api.records import UNFINISHED
from cli.access import ApiKey, ApiUrl, AsUser, JobId, client_of, watch_command
from cli.client import ApiError, Client
from cli.errors import CommandError
from cli.exit_codes import API_CODES, ExitCode
from cli.local_repository import folder_of, is_path, local_name
from cli.options import Json
from cli.paths import program
from cli.records import line, print_record
from cli.terminal import Terminal, escape_invisible, summary

# a field of the API -> the option or argument for it
_WORDS = {
    "repository": "REPOSITORY",
    "localPath": "REPOSITORY",
    "git_url": "REPOSITORY",
    "ref": "--ref",
    "commit_sha": "--commit",
    "organization": "--organization",
    "idempotency_key": "--idempotency-key",
}

app = typer.Typer()


@app.command(epilog=API_CODES)
def index(
    context: typer.Context,
    repository: Annotated[
        str, typer.Argument(help="owner/name, an https URL, or a folder on the API's machine.")
    ],
    *,
    ref: Annotated[
        str | None, typer.Option(help="Branch or tag.", show_default="the default branch")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="A full commit hash.")] = None,
    organization: Annotated[
        str | None, typer.Option(help="The slug or id of the organization that owns it.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The name to give a folder's repository.", show_default="local/FOLDER"),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="A repeated request with the same key returns the same job.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Watch the job until it ends.")] = False,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Start indexing a repository and print the job's id."""
    request = _request(repository, name)
    options = {"ref": ref, "commit_sha": commit, "organization": organization}
    request |= {field: value for field, value in options.items() if value is not None}
    terminal = Terminal()
    with client_of(api_url, api_key, user) as client:
        try:
            created = client.create_index_job(request, idempotency_key=idempotency_key)
        except ApiError as error:
            raise _refusal(error, request, name) from None
        again = watch_command(context, created.job_id)
        if watch:
            terminal.say(f"  job {created.job_id}")
            _watch(client, created.job_id, as_json, again)
        print(json.dumps(created.answer) if as_json else created.job_id)
        terminal.hint(again)


@app.command(epilog=API_CODES)
def status(
    context: typer.Context,
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Print a job's status, repository, times and attempt in one line."""
    with client_of(api_url, api_key, user) as client:
        job = client.get_job_status(job_id)
    print(json.dumps(job) if as_json else line(job))
    if job["status"] in UNFINISHED:
        Terminal().hint(watch_command(context, job_id))


@app.command(epilog=API_CODES)
def show(
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Print the full record of a job, one field per line."""
    with client_of(api_url, api_key, user) as client:
        job = client.get_job_status(job_id)
    print_record(job, as_json)


@app.command(epilog=API_CODES)
def cancel(
    context: typer.Context,
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Cancel a job, or ask its worker to stop, and print its status."""
    with client_of(api_url, api_key, user) as client:
        job = client.cancel_index_job(job_id)
    print(json.dumps(job) if as_json else line(job))
    if job["status"] in UNFINISHED:
        terminal = Terminal()
        terminal.say("  the worker was asked to stop; after a minute the job is cancelled anyway")
        terminal.hint(watch_command(context, job_id))


@app.command(epilog=API_CODES)
def watch(
    context: typer.Context,
    job_id: JobId,
    *,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Stop watching after this time. Defaults to never."
        ),
    ] = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Watch a job until it ends. Exits with 0 if it completed, 1 if it failed or was cancelled.

    With --json, prints each change as one line.
    """
    with client_of(api_url, api_key, user) as client:
        _watch(client, job_id, as_json, watch_command(context, job_id), timeout)


@app.command(epilog=API_CODES)
def why(
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Explain why a job is waiting, how many jobs come first, and when it may end."""
    with client_of(api_url, api_key, user) as client:
        explanation = client.explain_index_job(job_id)
    print(json.dumps(explanation) if as_json else escape_invisible(explanation["sentence"]))


def _watch(
    client: Client, job_id: str, as_json: bool, again: str, timeout: float | None = None
) -> None:
    """Watches the job and exits with its result. As JSON, prints each new version as one line."""
    terminal, told = Terminal(), 0
    try:
        with terminal.following() as view:
            client.waiting = view.note
            for job in client.follow(job_id, timeout=timeout):
                if as_json and job["version"] > told:
                    print(json.dumps(job), flush=True)
                    told = job["version"]
                if job["status"] in UNFINISHED:
                    view.show(job)
    except KeyboardInterrupt:
        terminal.say(f"  the job is still running; to watch it again: {again}")
        raise typer.Exit(130) from None
    except ApiError as error:
        if error.exit_code == ExitCode.UNREACHABLE:
            words = "Once it answers, watch the job again"
        elif error.exit_code in {ExitCode.TIMEOUT, ExitCode.QUOTA}:
            words = "To watch it again"
        else:
            raise
        raise ApiError(f"{error} {words}: {again}", exit_code=error.exit_code) from None
    if not as_json:
        print(summary(job))
    raise typer.Exit(0 if job["status"] == "completed" else ExitCode.FAILED)


def _request(repository: str, name: str | None) -> dict[str, str]:
    """Returns the body of POST /index. A path that exists here is a folder."""
    try:
        folder = folder_of(repository)
    except CommandError as error:
        raise ApiError(str(error), exit_code=ExitCode.USAGE) from None
    if folder is None and repository.startswith("/"):
        folder = Path(repository)  # the API may be on another machine
    if folder is not None:
        return {"repository": name or local_name(folder), "localPath": str(folder)}
    if is_path(repository):
        raise ApiError(f"Folder {repository} does not exist.", exit_code=ExitCode.USAGE)
    return {"repository": name or repository}


def _refusal(error: ApiError, request: Mapping[str, str], name: str | None) -> ApiError:
    """Returns the API's error in terms of the command line."""
    if error.code == "repository_url_differs" and "localPath" in request:
        return ApiError(
            f"Another folder is already indexed as {request['repository']}: "
            "give this one its own name with --name, such as local/other, or, if that folder has "
            f"moved here, run {program()} repository set-url {request['repository']} "
            f"{shlex.quote(request['localPath'])}",
            exit_code=error.exit_code,
        )
    return error.with_field_names(_WORDS | ({"repository": "--name"} if name else {}))
