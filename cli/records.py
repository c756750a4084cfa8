"""Requests and prints job records and pages of records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

from api.records import IndexJob
from cli.access import next_page_command
from cli.client import ApiError
from cli.terminal import Terminal, escape_invisible, format_time, print_rows, summary

_TIMES: Final = ("created_at", "started_at", "completed_at", "retry_at")


def print_record(job: IndexJob, as_json: bool) -> None:
    """Prints the job, one field per line."""
    if as_json:
        print(json.dumps(job))
    else:
        print_rows((name, _field_text(value)) for name, value in job.items())


def line(job: IndexJob) -> str:
    """Returns the job's status, id, repository, progress and times in one line."""
    begun = f"attempt {job['attempt']} of {job['max_attempts']}"
    times = [f"{name} {format_time(job[name])}" for name in _TIMES if job[name]]
    status, _, more = summary(job).partition("  ")
    whole = [status, job["id"], f"{job['repository']}@{job['ref']}", more, *times, begun]
    return "  ".join(escape_invisible(part) for part in whole if part)


def _field_text(value: object) -> str:
    """Returns a field as text. Values that are not text become JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def call_with_options(call: Any, *arguments: str, **query: str | int | None) -> Any:
    """Makes the call. Its ApiError names the option instead of the API's parameter."""
    try:
        return call(*arguments, **query)
    except ApiError as error:
        raise error.with_field_names(
            {name: f"--{name.replace('_', '-')}" for name in query}
        ) from None


def print_page(
    context: typer.Context, page: Mapping[str, Any], rows: Sequence[Sequence[str]], as_json: bool
) -> None:
    """Prints the page as JSON, or one row per line with the next command on stderr."""
    if as_json:
        print(json.dumps(page))
        return
    print_rows(rows)
    if page["next_cursor"]:
        Terminal().say(f"  more: {next_page_command(context, page['next_cursor'])}")
