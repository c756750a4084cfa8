"""The operations of the API: their parameters, their answers and who can call them.

The docstring of the handler is the summary and the description. The codes of db/codes.json explain
what a status means in an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from api import admin, health, jobs, records
from api.requests import (
    AdminListQuery,
    CountsQuery,
    FilesQuery,
    IndexBody,
    IndexHeaders,
    ListQuery,
    ReasonBody,
    RepositoryBody,
    SkippedQuery,
    SymbolsQuery,
)
from api.rest.routes import call_function

JOB: Final = "/jobs/{job_id}"
ADMIN_JOB: Final = "/admin/jobs/{job_id}"
Access = Literal["user", "service", "rest", "anybody"]

LIVE_HEADERS: Final = {
    "Prefer": "`wait=N`: answer at the next event, or after N seconds (at most 60).",
    "If-None-Match": "The ETag that you have. 304 while the job is unchanged.",
}
STREAM_HEADERS: Final = {"Last-Event-ID": "For a stream: the number of the last event seen."}


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    path: str
    method: str
    handler: Any
    """Its name is the operation's id, its docstring is the summary."""
    answers: dict[int, Any]
    """Status -> the type of the JSON, or None for no body."""
    errors: tuple[int, ...]
    access: Access = "user"
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: type[BaseModel] | dict[str, str] | None = None
    """A model of them, or a description of each optional one."""
    streams: bool = False
    """Whether it answers with server-sent events to those who accept them."""


_USER: Final = (401, 404, 429, 503)
_LISTED: Final = (401, 404, 422, 429, 503)

OPERATIONS: Final = (
    Operation(
        "/index",
        "POST",
        jobs.create_index_job,
        {202: records.IndexResponse},
        (400, 401, 408, 409, 413, 415, 422, 429, 503),
        body=IndexBody,
        headers=IndexHeaders,
    ),
    Operation(
        "/jobs",
        "GET",
        jobs.list_index_jobs,
        {200: records.JobList},
        (401, 422, 429, 503),
        query=ListQuery,
    ),
    Operation(
        "/jobs/counts",
        "GET",
        jobs.job_counts,
        {200: records.JobCounts},
        (401, 422, 429, 503),
        query=CountsQuery,
    ),
    Operation(
        JOB,
        "GET",
        jobs.get_job_status,
        {200: records.IndexJob, 304: None},
        _USER,
        headers=LIVE_HEADERS,
    ),
    Operation(
        JOB,
        "DELETE",
        jobs.cancel_index_job,
        {200: records.IndexJob, 202: records.IndexJob},
        (401, 403, 404, 409, 429, 503),
    ),
    Operation(
        f"{JOB}/events",
        "GET",
        jobs.get_job_history,
        {200: records.JobHistory, 204: None},
        _USER,
        headers=STREAM_HEADERS,
        streams=True,
    ),
    Operation(
        f"{JOB}/explain", "GET", jobs.explain_index_job, {200: records.JobExplanation}, _USER
    ),
    Operation(
        f"{JOB}/files",
        "GET",
        jobs.list_indexed_files,
        {200: records.FileList},
        (*_LISTED, 409),
        query=FilesQuery,
    ),
    Operation(
        f"{JOB}/skipped",
        "GET",
        jobs.list_skipped_files,
        {200: records.SkippedList},
        (*_LISTED, 409),
        query=SkippedQuery,
    ),
    Operation(
        f"{JOB}/symbols",
        "GET",
        jobs.find_symbols,
        {200: records.SymbolList},
        (*_LISTED, 409),
        query=SymbolsQuery,
    ),
    Operation(
        "/repositories/{repository_id}",
        "PATCH",
        jobs.set_repository_url,
        {200: records.Repository},
        (400, 401, 403, 404, 408, 413, 415, 422, 429, 503),
        body=RepositoryBody,
    ),
    Operation(
        "/admin/jobs",
        "GET",
        admin.admin_list_index_jobs,
        {200: records.JobList},
        (401, 403, 422, 429, 503),
        access="service",
        query=AdminListQuery,
    ),
    Operation(
        ADMIN_JOB,
        "GET",
        admin.admin_get_job_status,
        {200: records.IndexJob, 304: None},
        (401, 403, 404, 503),
        access="service",
        headers={"If-None-Match": LIVE_HEADERS["If-None-Match"]},
    ),
    *(
        Operation(
            f"{ADMIN_JOB}/{action}",
            "POST",
            handler,
            {status: records.IndexJob},
            (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
            access="service",
            body=ReasonBody,
        )
        for action, handler, status in (
            ("fail", admin.admin_fail_index_job, 200),
            ("release", admin.admin_release_index_job, 200),
            ("retry", admin.admin_retry_index_job, 202),
        )
    ),
    Operation(
        "/rest/v1/rpc/{function}",
        "GET",
        call_function,
        {200: Any, 204: None},
        (400, 401, 403, 404, 405, 406, 416, 422, 503),
        access="rest",
    ),
    Operation(
        "/rest/v1/rpc/{function}",
        "POST",
        call_function,
        {200: Any, 204: None},
        (400, 401, 403, 404, 406, 408, 413, 415, 416, 422, 429, 503),
        access="rest",
    ),
    Operation(
        "/admin/load",
        "GET",
        admin.job_load,
        {200: records.JobLoad},
        (401, 403, 503),
        access="service",
    ),
    Operation("/health", "GET", health.health, {200: records.Health}, (), access="anybody"),
    Operation("/ready", "GET", health.ready, {200: records.Readiness}, (503,), access="anybody"),
    Operation(
        "/status",
        "GET",
        health.status,
        {200: records.ServiceStatus, 503: records.ServiceStatus},
        (),
        access="anybody",
    ),
)
