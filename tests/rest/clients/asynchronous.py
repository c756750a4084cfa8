"""Uses supabase-py's asynchronous client like an application. Prints the results as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from postgrest.exceptions import APIError
from supabase import AsyncClient, acreate_client


async def signed_in(token: str | None) -> AsyncClient:
    """Returns a client with the public key and, if given, a user's token."""
    client = await acreate_client(os.environ["SUPABASE_URL"], os.environ["SUPABASE_ANON_KEY"])
    if token:
        client.postgrest.auth(token)
    return client


async def refusal(builder: Any) -> list[Any]:
    try:
        return ["no error", (await builder.execute()).data]
    except APIError as error:
        return [error.code, error.message, error.details]


async def main() -> dict[str, Any]:
    alice = await signed_in(os.environ["ALICE_TOKEN"])
    stranger = await signed_in(os.environ["BOB_TOKEN"])
    nobody = await signed_in(None)
    late = await signed_in(os.environ["EXPIRED_TOKEN"])
    seen: dict[str, Any] = {}

    wanted = {"p_full_name": "a/b", "p_git_url": "https://example.com/a/b.git"}
    repository = (await alice.rpc("ensure_repository", wanted).single().execute()).data
    seen["repository"] = repository["full_name"]

    request = {"p_repository_id": repository["id"], "p_ref": "main", "p_idempotency_key": "k"}
    job = (await alice.rpc("create_index_job", request).single().execute()).data
    seen["created"] = [job["status"], job["ref"], job["progress"]]
    again = (await alice.rpc("create_index_job", request).execute()).data
    seen["created again"] = [len(again), again[0]["id"] == job["id"]]

    this = {"p_job_id": job["id"]}
    seen["got"] = (await alice.rpc("get_job_status", this).execute()).data == [job]
    seen["got by GET"] = (await alice.rpc("get_job_status", this, get=True).execute()).data == [job]
    seen["got single"] = (await alice.rpc("get_job_status", this).single().execute()).data == job
    seen["columns"] = (await alice.rpc("get_job_status", this).select("status,ref").execute()).data
    failed = alice.rpc("get_job_status", this).eq("status", "failed")
    one = await alice.rpc("get_job_status", this).maybe_single().execute()
    seen["maybe, one"] = one.data["id"] == job["id"]
    nothing = await failed.maybe_single().execute()
    seen["maybe, none"] = nothing and nothing.data
    seen["single, none"] = await refusal(
        alice.rpc("get_job_status", this).eq("status", "failed").single()
    )
    seen["count"] = (await alice.rpc("get_job_status", this, count="exact").execute()).count
    head = await alice.rpc("get_job_status", this, count="exact", head=True).execute()
    seen["count by HEAD"] = head.count

    missing = {"p_job_id": "ffffffff-0000-4000-8000-000000000000"}
    seen["missing job"] = await refusal(alice.rpc("get_job_status", missing))
    seen["another's job"] = await refusal(stranger.rpc("get_job_status", this))
    seen["bad id"] = await refusal(alice.rpc("get_job_status", {"p_job_id": "x"}))
    seen["bad ref"] = (await refusal(alice.rpc("create_index_job", request | {"p_ref": "-x"})))[::2]
    seen["reused key"] = (
        await refusal(alice.rpc("create_index_job", request | {"p_ref": "other"}))
    )[::2]
    seen["unknown function"] = (await refusal(alice.rpc("no_such_function", {})))[:2]
    seen["unknown argument"] = (await refusal(alice.rpc("get_job_status", {"job": 1})))[:2]
    by_get = alice.rpc("create_index_job", request | {"p_idempotency_key": "l"}, get=True)
    seen["write by GET"] = (await refusal(by_get))[:2]
    seen["worker's function"] = await refusal(alice.rpc("claim_index_job", {"p_worker_id": "w"}))
    seen["signed out"] = await refusal(nobody.rpc("get_job_status", this))
    seen["expired token"] = (await refusal(late.rpc("get_job_status", this)))[1]

    if "list_index_jobs" in os.environ["FUNCTIONS"].split():
        page = await alice.rpc("list_index_jobs", {"p_limit": 10}, count="exact").execute()
        seen["listed"] = [[row["id"] == job["id"] for row in page.data], page.count]
        by_get = alice.rpc("list_index_jobs", {"p_status": "pending"}, get=True)
        newest = (await by_get.order("created_at", desc=True).limit(1).execute()).data
        seen["listed by GET"] = [row["id"] == job["id"] for row in newest]
        seen["listed by another"] = (await stranger.rpc("list_index_jobs", {}).execute()).data
    if "explain_index_job" in os.environ["FUNCTIONS"].split():
        why = (await alice.rpc("explain_index_job", this).single().execute()).data
        seen["explained"] = [why["reason"], why["own_ahead"], why["eta_p50"]]
        seen["explained to another"] = await refusal(stranger.rpc("explain_index_job", this))
    if "cancel_index_job" in os.environ["FUNCTIONS"].split():
        seen["cancelled by another"] = await refusal(stranger.rpc("cancel_index_job", this))
        cancelled = (await alice.rpc("cancel_index_job", this).single().execute()).data
        seen["cancelled"] = cancelled["status"]
    if "get_job_history" in os.environ["FUNCTIONS"].split():
        events = (
            await alice.rpc("get_job_history", this).select("event_no,to_status").execute()
        ).data
        seen["history"] = events
    return seen


json.dump(asyncio.run(main()), sys.stdout)
