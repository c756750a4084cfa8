"""Uses supabase-py like an application. Prints the results as JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from postgrest.exceptions import APIError
from supabase import Client, create_client


def signed_in(token: str | None) -> Client:
    """Returns a client with the public key and, if given, a user's token."""
    client = create_client(os.environ["SUPABASE_URL"], os.environ["SUPABASE_ANON_KEY"])
    if token:
        client.postgrest.auth(token)
    return client


def refusal(builder: Any) -> list[Any]:
    try:
        return ["no error", builder.execute().data]
    except APIError as error:
        return [error.code, error.message, error.details]


def main() -> dict[str, Any]:
    alice = signed_in(os.environ["ALICE_TOKEN"])
    stranger = signed_in(os.environ["BOB_TOKEN"])
    nobody = signed_in(None)
    late = signed_in(os.environ["EXPIRED_TOKEN"])
    seen: dict[str, Any] = {}

    wanted = {"p_full_name": "a/b", "p_git_url": "https://example.com/a/b.git"}
    repository = alice.rpc("ensure_repository", wanted).single().execute().data
    seen["repository"] = repository["full_name"]

    request = {"p_repository_id": repository["id"], "p_ref": "main", "p_idempotency_key": "k"}
    job = alice.rpc("create_index_job", request).single().execute().data
    seen["created"] = [job["status"], job["ref"], job["progress"]]
    again = alice.rpc("create_index_job", request).execute().data
    seen["created again"] = [len(again), again[0]["id"] == job["id"]]

    this = {"p_job_id": job["id"]}
    seen["got"] = alice.rpc("get_job_status", this).execute().data == [job]
    seen["got by GET"] = alice.rpc("get_job_status", this, get=True).execute().data == [job]
    seen["got single"] = alice.rpc("get_job_status", this).single().execute().data == job
    seen["columns"] = alice.rpc("get_job_status", this).select("status,ref").execute().data
    failed = alice.rpc("get_job_status", this).eq("status", "failed")
    one = alice.rpc("get_job_status", this).maybe_single().execute()
    seen["maybe, one"] = one.data["id"] == job["id"]
    nothing = failed.maybe_single().execute()
    seen["maybe, none"] = nothing and nothing.data
    seen["single, none"] = refusal(
        alice.rpc("get_job_status", this).eq("status", "failed").single()
    )
    seen["count"] = alice.rpc("get_job_status", this, count="exact").execute().count
    head = alice.rpc("get_job_status", this, count="exact", head=True).execute()
    seen["count by HEAD"] = head.count

    missing = {"p_job_id": "ffffffff-0000-4000-8000-000000000000"}
    seen["missing job"] = refusal(alice.rpc("get_job_status", missing))
    seen["another's job"] = refusal(stranger.rpc("get_job_status", this))
    seen["bad id"] = refusal(alice.rpc("get_job_status", {"p_job_id": "x"}))
    bad_ref = alice.rpc("create_index_job", request | {"p_ref": "-x"})
    seen["bad ref"] = refusal(bad_ref)[::2]
    reused_key = alice.rpc("create_index_job", request | {"p_ref": "other"})
    seen["reused key"] = refusal(reused_key)[::2]
    seen["unknown function"] = refusal(alice.rpc("no_such_function", {}))[:2]
    seen["unknown argument"] = refusal(alice.rpc("get_job_status", {"job": 1}))[:2]
    by_get = alice.rpc("create_index_job", request | {"p_idempotency_key": "l"}, get=True)
    seen["write by GET"] = refusal(by_get)[:2]
    seen["worker's function"] = refusal(alice.rpc("claim_index_job", {"p_worker_id": "w"}))
    seen["signed out"] = refusal(nobody.rpc("get_job_status", this))
    seen["expired token"] = refusal(late.rpc("get_job_status", this))[1]

    if "list_index_jobs" in os.environ["FUNCTIONS"].split():
        page = alice.rpc("list_index_jobs", {"p_limit": 10}, count="exact").execute()
        seen["listed"] = [[row["id"] == job["id"] for row in page.data], page.count]
        by_get = alice.rpc("list_index_jobs", {"p_status": "pending"}, get=True)
        newest = by_get.order("created_at", desc=True).limit(1).execute().data
        seen["listed by GET"] = [row["id"] == job["id"] for row in newest]
        seen["listed by another"] = stranger.rpc("list_index_jobs", {}).execute().data
    if "explain_index_job" in os.environ["FUNCTIONS"].split():
        why = alice.rpc("explain_index_job", this).single().execute().data
        seen["explained"] = [why["reason"], why["own_ahead"], why["eta_p50"]]
        seen["explained to another"] = refusal(stranger.rpc("explain_index_job", this))
    if "cancel_index_job" in os.environ["FUNCTIONS"].split():
        seen["cancelled by another"] = refusal(stranger.rpc("cancel_index_job", this))
        cancelled = alice.rpc("cancel_index_job", this).single().execute().data
        seen["cancelled"] = cancelled["status"]
    if "get_job_history" in os.environ["FUNCTIONS"].split():
        events = alice.rpc("get_job_history", this).select("event_no,to_status").execute().data
        seen["history"] = events
    return seen


json.dump(main(), sys.stdout)
