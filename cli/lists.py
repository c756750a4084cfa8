"""`index-jobs list`, `history`, `files`, `skipped` and `symbols`: lists, over the HTTP API."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from api.records import JobEvent, JobStatus
from cli.access import ApiKey, ApiUrl, AsUser, JobId, client_of
from cli.exit_codes import API_CODES
from cli.options import Cursor, Json, Limit
from cli.paths import program
from cli.records import call_with_options, print_page
from cli.terminal import Terminal, format_time, print_rows, summary

app = typer.Typer()


@app.command("list", epilog=API_CODES)
def list_jobs(
    context: typer.Context,
    *,
    status: Annotated[JobStatus | None, typer.Option(help="Only these.")] = None,
    repository: Annotated[str | None, typer.Option(help="The full name or id.")] = None,
    organization: Annotated[
        str | None, typer.Option(help="A slug or id. Lists its jobs instead of your own.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Created at this time or later. Needs a time zone."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """List jobs, newest first: status, id, creation time, attempt, repository, progress."""
    with client_of(api_url, api_key, user) as client:
        page = call_with_options(
            client.list_index_jobs,
            status=status,
            repository=repository,
            organization=organization,
            since=since,
            limit=limit,
            cursor=cursor,
        )
    rows = [
        (
            job["status"],
            job["id"],
            format_time(job["created_at"]),
            f"{job['attempt']}/{job['max_attempts']}",
            f"{job['repository']}@{job['ref']}",
            summary(job).partition("  ")[2],
        )
        for job in page["jobs"]
    ]
    print_page(context, page, rows, as_json)
    if not rows:
        Terminal().hint(f"{program()} index REPOSITORY")


@app.command(epilog=API_CODES)
def history(
    job_id: JobId,
    *,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """Print a job's events, one per line: number, time, status, attempt and reason."""
    with client_of(api_url, api_key, user) as client:
        story = client.get_job_history(job_id)
    if as_json:
        print(json.dumps(story))
        return
    print_rows(
        (
            str(event["event_no"]),
            format_time(event["at"]),
            event["to_status"],
            f"attempt {event['attempt']}" if event["attempt"] else "",
            _detail(event),
        )
        for event in story["events"]
    )


@app.command(epilog=API_CODES)
def files(
    context: typer.Context,
    job_id: JobId,
    *,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """List the indexed files of the job's repository: path, language, bytes, symbols."""
    with client_of(api_url, api_key, user) as client:
        page = call_with_options(client.list_indexed_files, job_id, limit=limit, cursor=cursor)
    rows = [
        (file["path"], file["language"] or "-", str(file["bytes"]), _count(file["symbol_count"]))
        for file in page["files"]
    ]
    print_page(context, page, rows, as_json)


@app.command(epilog=API_CODES)
def skipped(
    context: typer.Context,
    job_id: JobId,
    *,
    reason: Annotated[
        str | None, typer.Option(help="Only files skipped for this reason, such as binary.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """List the skipped files of the job's repository: path, reason."""
    with client_of(api_url, api_key, user) as client:
        page = call_with_options(
            client.list_skipped_files, job_id, reason=reason, limit=limit, cursor=cursor
        )
    rows = [(file["path"], file["reason"]) for file in page["skipped"]]
    print_page(context, page, rows, as_json)


@app.command(epilog=API_CODES)
def symbols(
    context: typer.Context,
    job_id: JobId,
    *,
    name: Annotated[str | None, typer.Option(help="Only symbols with exactly this name.")] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Only symbols whose name starts with this.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    user: AsUser = "alice",
) -> None:
    """List the symbols of the job's repository: name, kind, location, parent."""
    with client_of(api_url, api_key, user) as client:
        page = call_with_options(
            client.find_symbols, job_id, name=name, prefix=prefix, limit=limit, cursor=cursor
        )
    rows = [
        (
            symbol["name"],
            symbol["kind"],
            f"{symbol['path']}:{symbol['start_line']}",
            symbol["parent"] or "-",
        )
        for symbol in page["symbols"]
    ]
    print_page(context, page, rows, as_json)


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _detail(event: JobEvent) -> str:
    detail = event["detail"]
    words = [str(detail["error"])] if "error" in detail else []
    if "retry_at" in detail:
        words.append(f"next attempt {format_time(detail['retry_at'])}")
    words += [
        name.replace("_", " ") for name in ("handed_back", "cancel_requested") if detail.get(name)
    ]
    return " · ".join(words)
