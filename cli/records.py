"""How the record of a job is printed."""

from __future__ import annotations

import json
from typing import Final

from api.records import IndexJob
from cli.terminal import moment, plain, print_rows, summary

_TIMES: Final = ("created_at", "started_at", "completed_at", "retry_at")


def print_record(job: IndexJob, as_json: bool) -> None:
    """Prints the job, a field a line."""
    if as_json:
        print(json.dumps(job))
    else:
        print_rows((name, _shown(value)) for name, value in job.items())


def line(job: IndexJob) -> str:
    """How the job stands, which it is, of what, and its times."""
    begun = f"attempt {job['attempt']} of {job['max_attempts']}"
    times = [f"{name} {moment(job[name])}" for name in _TIMES if job[name]]
    status, _, more = summary(job).partition("  ")
    whole = [status, job["id"], f"{job['repository']}@{job['ref']}", more, *times, begun]
    return "  ".join(plain(part) for part in whole if part)


def _shown(value: object) -> str:
    """A field of a record; what is not text is shown as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
