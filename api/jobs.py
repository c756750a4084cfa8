"""The routes of jobs. Each handler makes one call, to the api_* function with its name.

Every answer to an identified user carries the caller's rate limit. Before a body or a query is
refused here, a function that only checks and counts is called. So an unknown key gets a 401 rather
than a 422, and every authenticated request costs one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from starlette.responses import Response

from api.answers import (
    check,
    known_version,
    poll_after,
    rate_headers,
    refuse,
    respond,
    respond_job,
    version_headers,
)
from api.auth import Caller, as_user
from api.body import read_object
from api.errors import Problem
from api.live.stream import JobStream, accepts_stream, last_event
from api.live.wait import WAITED, preferred_wait, wait_for_event
from api.records import UNFINISHED
from api.requests import (
    CountsQuery,
    FilesQuery,
    ListQuery,
    Query,
    SkippedQuery,
    SymbolsQuery,
    index_body,
    index_headers,
    local_url,
    read_query,
    repository_body,
)
from api.rpc.contract import Answer, Function
from api.settings import ApiSettings
from api.state import ApiRequest
from db.tools.logs import bind


async def create_index_job(request: ApiRequest) -> Response:
    """POST /index: 202 with jobId, runId (the same, deprecated) and status. The job then runs.

    If status tracking is off for the caller, the answer has only the runId.
    """
    caller = await _user(request)
    settings = request.state.settings
    try:
        sent = index_headers(request.headers.getlist("idempotency-key"))
        wanted = index_body(await read_object(request))
        folder = local_url(wanted.local_path, settings.local_repository_roots)
    except Problem as refusal:
        refuse(refusal, await count_only(request, caller))
    answer = await request.state.rpc.call(
        "api_create_index_job",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_repository=wanted.repository,
        p_organization=wanted.organization,
        p_ref=wanted.ref,
        p_commit_sha=wanted.commit_sha,
        p_idempotency_key=sent.idempotency_key,
        p_git_base_url=settings.git_base_url,
        p_local_url=folder,
        p_tracking_percent=_tracking_percent(settings),
    )
    headers = {"Cache-Control": "no-store"}
    if answer.job_id:
        bind(job_id=answer.job_id)
        root = request.scope.get("root_path", "")
        headers.update({"Location": f"{root}/jobs/{answer.job_id}", **poll_after(answer)})
    response = respond(answer, 202, headers)
    request.state.kick()
    return response


async def get_job_status(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}: the job, or 404 if it is missing or another tenant's.

    With `Prefer: wait=N` and the client's version, answers as soon as there is a newer event.
    """
    if_none_match = request.headers.get("if-none-match", "")
    version = known_version(if_none_match)
    seconds = preferred_wait(request.headers.getlist("prefer"))
    caller = await _user(request)
    answer = await _call_for_job(request, caller, "api_get_job_status", p_known_version=version)
    if seconds is None:
        return respond_job(answer, if_none_match)
    if version is not None and answer.job_age is not None:
        request.scope[WAITED] = True
        answer = await wait_for_event(
            request.state.rpc,
            request.state.followers,
            first=answer,
            version=version,
            seconds=seconds,
            caller=caller,
            receive=request.receive,
        )
    response = respond_job(answer, if_none_match)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


async def list_index_jobs(request: ApiRequest) -> Response:
    """GET /jobs: one page of the caller's jobs, or of an organization's, newest first.

    `Link: <…>; rel="next"` points to the next page, if there is one.
    """
    caller = await _user(request)
    wanted = await query_of(request, caller, ListQuery)
    answer = await request.state.rpc.call(
        "api_list_index_jobs",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_organization=wanted.organization,
        p_repository=wanted.repository,
        p_status=wanted.status,
        p_since=wanted.since,
        # an unescaped + arrives as a space, which no cursor contains
        p_cursor=wanted.cursor and wanted.cursor.replace(" ", "+"),
        p_limit=wanted.limit,
    )
    return page_of(request, answer, poll_after(answer))


async def job_counts(request: ApiRequest) -> Response:
    """GET /jobs/counts: the caller's jobs, or an organization's, by status; waits and durations."""
    caller = await _user(request)
    wanted = await query_of(request, caller, CountsQuery)
    answer = await request.state.rpc.call(
        "api_job_counts",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_organization=wanted.organization,
        p_since=wanted.since,
    )
    return respond(answer, 200, {"Cache-Control": "private, no-cache"})


async def get_job_history(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/events: the events and attempts of the job.

    Clients that accept text/event-stream get the events as they happen.
    """
    caller = await _user(request)
    if request.method == "GET" and accepts_stream(request.headers.get("accept", "")):
        return await _stream(request, caller)
    answer = await _call_for_job(request, caller, "api_get_job_history")
    return respond(answer, 200, {"Cache-Control": "private, no-cache"})


async def _stream(request: ApiRequest, caller: Caller) -> Response:
    after = last_event(request.headers.get("last-event-id", ""))
    answer = await _call_for_job(
        request,
        caller,
        "api_follow_index_job",
        p_after=after,
        p_is_first=True,
        p_explains=True,
    )
    check(answer)
    told = json.loads(answer.body or "")
    if answer.job_age is None and not told["events"]:
        return Response(status_code=204, headers=rate_headers(answer))
    return JobStream(
        request.state.rpc,
        request.state.followers,
        first=answer,
        first_body=told,
        after=after,
        caller=caller,
    )


async def explain_index_job(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/explain: why the job is in its state, and when it may end."""
    answer = await _call_for_job(request, await _user(request), "api_explain_index_job")
    return respond(answer, 200, {"Cache-Control": "private, no-cache"})


async def list_indexed_files(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/files: one page of its repository's indexed files, by path."""
    caller = await _user(request)
    wanted = await query_of(request, caller, FilesQuery)
    answer = await _call_for_job(
        request,
        caller,
        "api_list_indexed_files",
        p_cursor=wanted.cursor,
        p_limit=wanted.limit,
    )
    return page_of(request, answer)


async def list_skipped_files(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/skipped: one page of its repository's skipped files."""
    caller = await _user(request)
    wanted = await query_of(request, caller, SkippedQuery)
    answer = await _call_for_job(
        request,
        caller,
        "api_list_skipped_files",
        p_reason=wanted.reason,
        p_cursor=wanted.cursor,
        p_limit=wanted.limit,
    )
    return page_of(request, answer)


async def find_symbols(request: ApiRequest) -> Response:
    """GET /jobs/{job_id}/symbols: one page of its repository's symbols, by name."""
    caller = await _user(request)
    wanted = await query_of(request, caller, SymbolsQuery)
    answer = await _call_for_job(
        request,
        caller,
        "api_find_symbols",
        p_name=wanted.name,
        p_prefix=wanted.prefix,
        p_cursor=wanted.cursor,
        p_limit=wanted.limit,
    )
    return page_of(request, answer)


async def cancel_index_job(request: ApiRequest) -> Response:
    """DELETE /jobs/{job_id}: 200 with the cancelled job, or 202 if its worker was asked to stop."""
    answer = await _call_for_job(request, await _user(request), "api_cancel_index_job")
    headers = version_headers(answer)
    if answer.job_status in UNFINISHED:
        return respond(answer, 202, {**headers, **poll_after(answer)})
    return respond(answer, 200, headers)


async def set_repository_url(request: ApiRequest) -> Response:
    """PATCH /repositories/{repository_id}: 200 with the repository and its new address.

    For its owner, or an owner or admin of the organization. Keeps its jobs and its index.
    """
    caller = await _user(request)
    settings = request.state.settings
    try:
        wanted = repository_body(await read_object(request))
        folder = local_url(wanted.local_path, settings.local_repository_roots)
    except Problem as refusal:
        refuse(refusal, await count_only(request, caller))
    answer = await request.state.rpc.call(
        "api_set_repository_url",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_repository_id=request.path_params["repository_id"].replace("\0", "\ufffd"),
        p_git_url=wanted.git_url,
        p_git_base_url=settings.git_base_url,
        p_local_url=folder,
    )
    if answer.verdict == "PT404":
        raise Problem("REPOSITORY_NOT_FOUND", headers=rate_headers(answer))
    return respond(answer, 200, {"Cache-Control": "no-store"})


async def _user(request: ApiRequest) -> Caller:
    return as_user(await caller_of(request))


async def caller_of(request: ApiRequest) -> Caller:
    """Returns the caller. Raises Problem 401 or 503."""
    return await request.state.authenticate(request.headers.getlist("authorization"))


async def query_of(request: ApiRequest, caller: Caller, model: type[Query]) -> Query:
    """Returns the query as its model. A refused query costs a request too."""
    try:
        return read_query(model, request.query_params.multi_items())
    except Problem as refusal:
        refuse(refusal, await count_only(request, caller))


def page_of(
    request: ApiRequest, answer: Answer, more: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """Returns a 200 with one page of a list, and the address of the next page, if any."""
    headers = {"Cache-Control": "private, no-cache", **more}
    if answer.next_cursor:
        sent = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        query = urlencode([*sent, ("cursor", answer.next_cursor)])
        headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'
    return respond(answer, 200, headers)


async def _call_for_job(
    request: ApiRequest, caller: Caller, function: Function, **more: str | int | None
) -> Answer:
    """Calls a function that takes the user and the job in the path."""
    return await request.state.rpc.call(
        function,
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_job_id=job_id_of(request),
        **more,
    )


async def count_only(request: ApiRequest, caller: Caller) -> Answer:
    """Checks the key and counts one request."""
    return await request.state.rpc.call(
        "api_count_request", p_api_key=caller.api_key, p_claims=caller.claims
    )


def _tracking_percent(settings: ApiSettings) -> int:
    return settings.job_status_tracking_percent if settings.job_status_tracking_enabled else 0


def job_id_of(request: ApiRequest) -> str:
    """Returns the id in the path, as text that the database can store."""
    job_id: str = request.path_params["job_id"]
    return job_id.replace("\0", "\ufffd")
