"""`index-jobs admin …`: support works on any tenant's jobs over the HTTP API, which audits it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from api.records import IndexJob, JobStatus
from cli.access import ApiUrl, JobId, support_client_of
from cli.exit_codes import API_CODES
from cli.options import Cursor, Json, Limit
from cli.records import call_with_options, line, print_page, print_record
from cli.terminal import format_time, summary

app = typer.Typer()
admin = typer.Typer(
    help="Find, fail, release or retry any tenant's jobs. For support.",
    epilog=API_CODES,
    no_args_is_help=True,
)
app.add_typer(admin, name="admin")

ServiceKey = Annotated[
    str | None,
    typer.Option(help="The service key.", envvar="SERVICE_KEY", show_default="from dev.env"),
]
Reason = Annotated[
    str,
    typer.Option(
        help="The reason, for the audit log: a ticket and a few words.", show_default=False
    ),
]


@admin.command("list", epilog=API_CODES)
def list_jobs(
    context: typer.Context,
    *,
    status: Annotated[JobStatus | None, typer.Option(help="Only these.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The id of a user or an organization.")] = None,
    repository: Annotated[str | None, typer.Option(help="The full name or id.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Created at this time or later. Needs a time zone."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Created before this time. Needs a time zone."),
    ] = None,
    queue_job_id: Annotated[
        str | None, typer.Option(help="The id that the queue gave the job.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="The reason, for the audit log.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    service_key: ServiceKey = None,
) -> None:
    """List all tenants' jobs, newest first: status, id, creation time, tenant, progress."""
    with support_client_of(api_url, service_key) as client:
        page = call_with_options(
            client.admin_list_index_jobs,
            status=status,
            tenant=tenant,
            repository=repository,
            since=since,
            until=until,
            queue_job_id=queue_job_id,
            reason=reason,
            limit=limit,
            cursor=cursor,
        )
    rows = [
        (
            job["status"],
            job["id"],
            format_time(job["created_at"]),
            job["tenant_id"],
            f"{job['repository']}@{job['ref']}",
            summary(job).partition("  ")[2],
        )
        for job in page["jobs"]
    ]
    print_page(context, page, rows, as_json)


@admin.command(epilog=API_CODES)
def show(
    job_id: JobId,
    *,
    reason: Annotated[str | None, typer.Option(help="The reason, for the audit log.")] = None,
    as_json: Json = False,
    api_url: ApiUrl = None,
    service_key: ServiceKey = None,
) -> None:
    """Print the full record of any tenant's job, one field per line."""
    with support_client_of(api_url, service_key) as client:
        print_record(client.admin_get_job_status(job_id, reason=reason), as_json)


@admin.command(epilog=API_CODES)
def fail(
    job_id: JobId,
    *,
    reason: Reason,
    as_json: Json = False,
    api_url: ApiUrl = None,
    service_key: ServiceKey = None,
) -> None:
    """Fail a job permanently. Later calls from its worker or queue are refused."""
    with support_client_of(api_url, service_key) as client:
        _print_job(client.admin_change_index_job(job_id, "fail", reason), as_json)


@admin.command(epilog=API_CODES)
def release(
    job_id: JobId,
    *,
    reason: Reason,
    as_json: Json = False,
    api_url: ApiUrl = None,
    service_key: ServiceKey = None,
) -> None:
    """Take a job from a worker that hangs. Another worker can claim it at once."""
    with support_client_of(api_url, service_key) as client:
        _print_job(client.admin_change_index_job(job_id, "release", reason), as_json)


@admin.command(epilog=API_CODES)
def retry(
    job_id: JobId,
    *,
    reason: Reason,
    as_json: Json = False,
    api_url: ApiUrl = None,
    service_key: ServiceKey = None,
) -> None:
    """Run a failed or cancelled job again, and print the new job."""
    with support_client_of(api_url, service_key) as client:
        _print_job(client.admin_change_index_job(job_id, "retry", reason), as_json)


def _print_job(job: IndexJob, as_json: bool) -> None:
    print(json.dumps(job) if as_json else line(job))
