"""`index-jobs index`, `status`, `watch` and `why`: what the HTTP API is asked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from api.records import UNFINISHED, IndexJob
from cli.client import ApiError, Client
from cli.errors import CommandError
from cli.exits import API_CODES, Exit
from cli.options import Json, settings_with
from cli.paths import program
from cli.repository import folder_of, is_path, local_name
from cli.terminal import Terminal, summary

# a field of the API -> what a person types for it
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

ApiUrl = Annotated[
    str | None,
    typer.Option(help="Address of the API.", envvar="API_URL", show_default="from dev.env"),
]
ApiKey = Annotated[
    str | None, typer.Option(help="An API key.", envvar="API_KEY", show_default="of --user")
]
AsUser = Annotated[
    str, typer.Option("--user", help="Whose key of dev.env to use: alice, bob, carol.")
]
JobId = Annotated[str, typer.Argument(help="The id that POST /index gave.", show_default=False)]


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
    commit: Annotated[str | None, typer.Option(help="A full commit id.")] = None,
    organization: Annotated[
        str | None, typer.Option(help="Slug or id of the organization that owns it.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call a folder.", show_default="local/FOLDER")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again gives the same job.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Then watch the job.")] = False,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Start indexing a repository; prints the job's id."""
    request = _request(repository, name)
    options = {"ref": ref, "commit_sha": commit, "organization": organization}
    request |= {field: value for field, value in options.items() if value is not None}
    terminal = Terminal()
    with _client(api_url, api_key, user) as client:
        try:
            created = client.create_index_job(request, idempotency_key=idempotency_key)
        except ApiError as error:
            raise _refusal(error, request, name) from None
        again = _watch_command(context, created.job_id)
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
    """Print how a job stands now."""
    with _client(api_url, api_key, user) as client:
        job = client.get_job_status(job_id)
    _print_job(job, as_json)
    if job["status"] in UNFINISHED:
        Terminal().hint(_watch_command(context, job_id))


@app.command(epilog=API_CODES)
def watch(
    context: typer.Context,
    job_id: JobId,
    *,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Give up after that time; without it, never."),
    ] = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Follow a job to its end; exit code 0 when it completed, 1 when it failed or was cancelled."""
    with _client(api_url, api_key, user) as client:
        _watch(client, job_id, as_json, _watch_command(context, job_id), timeout)


@app.command(epilog=API_CODES)
def why(
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Say why a job waits, how many come first, and when it may end."""
    with _client(api_url, api_key, user) as client:
        explanation = client.explain_index_job(job_id)
    print(json.dumps(explanation) if as_json else explanation["sentence"])


def _watch(
    client: Client, job_id: str, as_json: bool, again: str, timeout: float | None = None
) -> None:
    terminal = Terminal()
    try:
        with terminal.following() as view:
            client.waiting = view.note
            for job in client.follow(job_id, timeout=timeout):
                if job["status"] in UNFINISHED:
                    view.show(job)
    except KeyboardInterrupt:
        terminal.say(f"  the job goes on; to watch it again: {again}")
        raise typer.Exit(130) from None
    except ApiError as error:
        if error.exit_code == Exit.UNREACHABLE:
            words = "Once it answers, watch the job again"
        elif error.exit_code in {Exit.TIMEOUT, Exit.QUOTA}:
            words = "To watch it again"
        else:
            raise
        raise ApiError(f"{error} {words}: {again}", exit_code=error.exit_code) from None
    _print_job(job, as_json)
    raise typer.Exit(0 if job["status"] == "completed" else Exit.FAILED)


def _watch_command(context: typer.Context, job_id: str) -> str:
    """What to type to watch the job, with the flags that were given here."""
    words = [program(), "watch", job_id]
    for name in ("user", "api_url", "api_key"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            value = "KEY" if name == "api_key" else context.params[name]
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def _print_job(job: IndexJob, as_json: bool) -> None:
    print(json.dumps(job) if as_json else summary(job))


def _request(repository: str, name: str | None) -> dict[str, str]:
    """The body of POST /index: a path that exists here is a folder, all else the API's to judge."""
    try:
        folder = folder_of(repository)
    except CommandError as error:
        raise ApiError(str(error), exit_code=Exit.USAGE) from None
    if folder is None and repository.startswith("/"):
        folder = Path(repository)  # the API may be on another machine
    if folder is not None:
        return {"repository": name or local_name(folder), "localPath": str(folder)}
    if is_path(repository):
        raise ApiError(f"There is no folder {repository}.", exit_code=Exit.USAGE)
    return {"repository": name or repository}


def _refusal(error: ApiError, request: Mapping[str, str], name: str | None) -> ApiError:
    """What the API refused, in the words of the command line."""
    if error.code == "repository_url_differs" and "localPath" in request:
        return ApiError(
            f"Another folder was indexed as {request['repository']}: "
            "give this one a name of its own by --name, such as local/other.",
            exit_code=error.exit_code,
        )
    return error.in_words(_WORDS | ({"repository": "--name"} if name else {}))


def _client(url: str | None, key: str | None, user: str) -> Client:
    file = settings_with().run_dir.absolute() / "dev.env"
    kept = _dev_env(file)
    url = url or kept.get("API_URL")
    if not url:
        raise ApiError(
            f"There is no API to ask, for there is no {file}: start one (make serve), run this in "
            "its folder or with its RUN_DIR=, or name it by --api-url or API_URL.",
            exit_code=Exit.UNREACHABLE,
        )
    key = key or kept.get(f"{user.upper()}_KEY")
    if not key:
        raise ApiError(
            f"There is no key of {user} in {file}: give one by --api-key or API_KEY.",
            exit_code=Exit.NO_ACCESS,
        )
    return Client(url, key, waiting=Terminal().say)


def _dev_env(file: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)
    except UnicodeDecodeError:
        raise CommandError(f"{file} is damaged: remove it, make serve writes it again") from None
