"""How the record of a job, and a page of records, is asked for and printed."""

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
    """Prints the job, a field a line."""
    if as_json:
        print(json.dumps(job))
    else:
        print_rows((name, _field_text(value)) for name, value in job.items())


def line(job: IndexJob) -> str:
    """How the job stands, which it is, of what, and its times."""
    begun = f"attempt {job['attempt']} of {job['max_attempts']}"
    times = [f"{name} {format_time(job[name])}" for name in _TIMES if job[name]]
    status, _, more = summary(job).partition("  ")
    whole = [status, job["id"], f"{job['repository']}@{job['ref']}", more, *times, begun]
    return "  ".join(escape_invisible(part) for part in whole if part)


def _field_text(value: object) -> str:
    """A field of a record; what is not text is shown as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def call_with_options(call: Any, *arguments: str, **query: str | int | None) -> Any:
    """The call; what is wrong with an option is told of the option."""
    try:
        return call(*arguments, **query)
    except ApiError as error:
        raise error.with_field_names(
            {name: f"--{name.replace('_', '-')}" for name in query}
        ) from None


def print_page(
    context: typer.Context, page: Mapping[str, Any], rows: Sequence[Sequence[str]], as_json: bool
) -> None:
    """The page as the API has told it, or a row a line, and on stderr how to go on."""
    if as_json:
        print(json.dumps(page))
        return
    print_rows(rows)
    if page["next_cursor"]:
        Terminal().say(f"  more: {next_page_command(context, page['next_cursor'])}")
