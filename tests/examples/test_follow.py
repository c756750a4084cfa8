"""followJob and useJob in Node: by stream, Broadcast and polls, and when each fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, Job, Tenant, avoid_end_of_hour, serve
from tests.rest.conftest import token
from tests.support.ports import kept_port
from tests.support.waiting import until

from .conftest import Follower, node

FINAL = ("completed", 4)


@contextmanager
def following(
    application: Path,
    api: Api,
    job: Job,
    user: Tenant,
    by: str,
    script: str = "follow.mjs",
    **environment: str,
) -> Iterator[Follower]:
    access = user.key if by == "http" else token(sub=user.id, exp=int(time.time()) + 3600)
    environment |= {"API_URL": api.url, "TOKEN": access, "JOB_ID": job.id, "BY": by}
    with node(application, script, **environment) as follower:
        yield follower


def hint(job: Job, version: int, **members: object) -> dict[str, object]:
    return {"job_id": job.id, "version": version, "status": "processing", "attempt": 1, **members}


def test_stream_delivers_each_event_for_two_requests(
    application: Path, api: Api, alice: Tenant, job: Job
) -> None:
    before = api.requests_of(alice)
    with following(application, api, job, alice, "http") as it:
        it.sees("pending")
        until(lambda: api.requests_of(alice) == before + 2)
        job.begin()
        it.sees("processing")
        job.progress(3)
        until(lambda: ("processing", 3) in it.statuses)
        job.complete()
        it.end()
    assert it.statuses == [("pending", 1), ("processing", 2), ("processing", 3), FINAL]
    assert api.requests_of(alice) == before + 2
    assert it.of("trouble") == it.of("error") == []


def test_broken_stream_resumes_without_missing_an_event(
    application: Path, clusters: Callable[[int], Any]
) -> None:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        kept_port() as port,
        serve(place, port=port) as first,
    ):
        avoid_end_of_hour(place)
        alice = first.tenant()
        job = Job(first, alice)
        with following(application, first, job, alice, "http") as it:
            it.sees("pending")
            until(lambda: first.requests_of(alice) == 3)
            first.stop()
            until(lambda: it.of("trouble"))
            job.begin()
            job.progress(1)
            with serve(place, port=port):
                it.sees("processing")
                job.complete()
                it.end()
    assert it.of("trouble")[0] == "The server cannot be reached."
    assert it.statuses[-1] == FINAL


def test_follower_polls_when_streams_are_at_their_limit(
    application: Path, clusters: Callable[[int], Any]
) -> None:
    with (
        clusters(18).database("ordinary", migrated=True) as place,
        serve(place, live_limit=0) as api,
    ):
        alice = api.tenant()
        job = Job(api, alice)
        with following(application, api, job, alice, "http") as it:
            it.sees("pending")
            job.begin()
            it.sees("processing")
            job.complete()
            it.end()
    assert it.statuses[-1][0] == "completed"
    assert it.of("trouble") == []


@pytest.mark.parametrize("by", ["http", "supabase"])
def test_another_users_job_is_not_found(application: Path, api: Api, job: Job, by: str) -> None:
    with following(application, api, job, api.tenant(), by) as it:
        it.end()
    assert it.of("error") == ["There is no such job, or you may not see it."]


def reads(it: Follower) -> int:
    return it.of("read").count("/rest/v1/rpc/get_job_status")


def test_each_broadcast_change_is_read_once(
    application: Path, api: Api, alice: Tenant, job: Job
) -> None:
    """Duplicate or late messages cause no read."""
    with following(application, api, job, alice, "supabase", POLLS="no") as it:
        until(lambda: it.of("joined"))
        assert it.of("joined") == [f"realtime:index_jobs:{alice.id}"]
        until(lambda: reads(it) == 2)  # at the start, and after joining the channel
        job.begin()
        it.tell(send=hint(job, 2))
        it.sees("processing")
        assert reads(it) == 3
        for version in (2, 2, 1):
            it.tell(send=hint(job, version))
        it.tell(send=hint(job, 9) | {"job_id": "another"})
        time.sleep(1)
        assert reads(it) == 3
        job.progress(1)
        it.tell(send=hint(job, 3))
        until(lambda: ("processing", 3) in it.statuses)
        job.complete()
        it.tell(send=hint(job, 4, status="completed"))
        it.end()
    assert reads(it) == 5
    assert it.statuses == [("pending", 1), ("processing", 2), ("processing", 3), FINAL]


def test_final_status_is_seen_after_a_realtime_outage(
    application: Path, api: Api, alice: Tenant, job: Job
) -> None:
    with following(application, api, job, alice, "supabase") as it:
        until(lambda: it.of("joined"))
        job.begin()
        it.tell(drop=True)
        job.complete()
        it.end()
    assert it.statuses[-1] == ("completed", 3)


def test_follower_polls_without_realtime(
    application: Path, api: Api, alice: Tenant, job: Job
) -> None:
    with following(application, api, job, alice, "supabase") as it:
        it.tell(refuse=True)
        it.sees("pending")
        job.begin()
        it.sees("processing")
        job.complete()
        it.end()
    assert it.statuses[-1] == ("completed", 3)
    assert it.of("trouble") == it.of("error") == []


def test_hook_shows_the_job_until_it_has_ended(
    application: Path, api: Api, alice: Tenant, job: Job
) -> None:
    with following(application, api, job, alice, "http", "hook.mjs") as it:
        until(lambda: "pending" in it.said)
        job.begin()
        until(lambda: "processing" in it.said)
        job.complete()
        it.end()
    assert it.said[-1] == "nothing", "without an id there is no job"


def test_hook_shows_an_error(application: Path, api: Api, job: Job) -> None:
    with following(application, api, job, api.tenant(), "http", "hook.mjs") as it:
        it.end()
    assert "There is no such job, or you may not see it." in it.said
