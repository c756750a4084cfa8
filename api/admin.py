"""The routes for support. They need the service key and are audited."""

from __future__ import annotations

from typing import Literal

from starlette.responses import Response

from api.answers import poll_after, refuse, respond, respond_job, version_headers
from api.auth import Caller
from api.body import read_object
from api.errors import Problem
from api.jobs import caller_of, count_only, job_id_of, page_of
from api.requests import AdminListQuery, read_query, reason_body
from api.rpc.contract import Answer
from api.state import ApiRequest

_REASON_CHARACTERS = 500


async def admin_list_index_jobs(request: ApiRequest) -> Response:
    """GET /admin/jobs: one page of all tenants' jobs, newest first.

    `Link: <…>; rel="next"` points to the next page, if there is one.
    """
    caller = await _service(request)
    wanted = read_query(AdminListQuery, request.query_params.multi_items())
    answer = await request.state.rpc.call(
        "api_admin_list_index_jobs",
        p_claims=caller.claims,
        p_status=wanted.status,
        p_tenant=wanted.tenant,
        p_repository=wanted.repository,
        p_since=wanted.since,
        p_until=wanted.until,
        p_queue_job_id=wanted.queue_job_id,
        p_cursor=wanted.cursor,
        p_limit=wanted.limit,
        p_reason=wanted.reason and wanted.reason[:_REASON_CHARACTERS],
    )
    return page_of(request, answer)


async def admin_get_job_status(request: ApiRequest) -> Response:
    """GET /admin/jobs/{job_id}?reason=…: any tenant's job. Needs the service key; audited.

    A user's key gets a 403. Checking it costs that user one request.
    """
    caller = await _service(request)
    reason = request.query_params.get("reason")
    answer = await request.state.rpc.call(
        "api_admin_get_job_status",
        p_claims=caller.claims,
        p_job_id=job_id_of(request),
        p_reason=reason and reason.replace("\0", "")[:_REASON_CHARACTERS],
    )
    return respond_job(answer, request.headers.get("if-none-match", ""))


async def admin_fail_index_job(request: ApiRequest) -> Response:
    """POST /admin/jobs/{job_id}/fail: 200 with the job, failed permanently.

    Later calls from its worker or queue are refused.
    """
    answer = await _change(request, "fail")
    return respond(answer, 200, version_headers(answer))


async def admin_release_index_job(request: ApiRequest) -> Response:
    """POST /admin/jobs/{job_id}/release: 200 with the job, taken from its worker.

    Another worker can claim it at once.
    """
    answer = await _change(request, "release")
    response = respond(answer, 200, version_headers(answer))
    request.state.kick()
    return response


async def admin_retry_index_job(request: ApiRequest) -> Response:
    """POST /admin/jobs/{job_id}/retry: 202 with a new job, whose repeats_job_id is this one.

    Returns an earlier repeat while that one is unfinished.
    """
    answer = await _change(request, "retry")
    root = request.scope.get("root_path", "")
    response = respond(
        answer,
        202,
        {
            "Cache-Control": "no-store",
            "Location": f"{root}/admin/jobs/{answer.job_id}",
            **poll_after(answer),
        },
    )
    request.state.kick()
    return response


async def job_load(request: ApiRequest) -> Response:
    """GET /admin/load: the number of waiting and running jobs, for autoscalers.

    Needs the service key; a user's key gets a 403, as for a job. Names no tenant.
    """
    await _service(request)
    answer = await request.state.rpc.call("api_job_load")
    return respond(answer, 200, {"Cache-Control": "no-store"})


async def _service(request: ApiRequest) -> Caller:
    """Returns the caller for support. Raises Problem 403 for users, after checking their key."""
    caller = await caller_of(request)
    if caller.role != "service_role":
        refuse(Problem("AUTH_SERVICE_ROLE_REQUIRED"), await count_only(request, caller))
    return caller


async def _change(request: ApiRequest, action: Literal["fail", "retry", "release"]) -> Answer:
    caller = await _service(request)
    sent = reason_body(await read_object(request))
    return await request.state.rpc.call(
        "api_admin_change_index_job",
        p_claims=caller.claims,
        p_job_id=job_id_of(request),
        p_action=action,
        p_reason=sent.reason,
    )
