"""Many long-lived followers: none misses an event, whatever happens to the servers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE, until

from .conftest import Api, Job, Machine, Tenant, serve
from .test_stream import Stream, stream

pytestmark = [
    pytest.mark.timeout(1200),
    one_process("stops processes, and starts them again"),
]


class Client:
    """Follows a job by streams to its end, on any available API, in its own thread."""

    def __init__(self, job: Job, tenant: Tenant, apis: list[Api]) -> None:
        self.job, self.tenant, self.apis = job, tenant, apis
        self.seen: list[str] = []
        self.requests = 0
        self.has_left = False

    def follow(self) -> list[str]:
        while not self.has_left:
            self.requests += 1
            last = {"Last-Event-ID": self.seen[-1]} if self.seen else {}
            try:
                with stream(self.apis[-1], self.job, self.tenant, **last) as it:
                    if it.response.status_code == 200:
                        self.read(it)
                    elif it.response.status_code == 204:
                        return self.seen
            except httpx2.TransportError:
                pass
            time.sleep(0.2)
        return self.seen

    def read(self, it: Stream) -> None:
        while not self.has_left:
            try:
                frame = it.next()
            except StopIteration:
                return
            if "id" in frame:
                self.seen.append(frame["id"])


@contextmanager
def followed_by(clients: list[Client]) -> Iterator[list[Future[list[str]]]]:
    """Yields what each has seen. They stop when the block ends, also on failure."""
    with ThreadPoolExecutor(len(clients)) as threads:
        try:
            yield [threads.submit(client.follow) for client in clients]
        finally:
            for client in clients:
                client.has_left = True


@pytest.fixture
def place(new_database: Callable[[], object]) -> object:
    return new_database()


def test_streams_of_a_stopped_process_continue_in_another(place: object, proving: bool) -> None:
    users = 20 if proving else 5
    with serve(place) as first, ExitStack() as at_exit:  # type: ignore[arg-type]
        apis = [first]
        tenants = [first.tenant() for _ in range(users)]
        jobs = [Job(first, tenant) for tenant in tenants]
        clients = [
            Client(job, tenant, apis)
            for job, tenant in zip(jobs, tenants, strict=True)
            for _ in range(5)
        ]
        following = at_exit.enter_context(followed_by(clients))
        until(lambda: all(client.seen == ["1"] for client in clients))
        for job in jobs:
            job.begin()
        second = at_exit.enter_context(serve(place))  # type: ignore[arg-type]
        apis.append(second)
        first.stop()
        for job in jobs:
            job.complete()
        assert [each.result(PATIENCE) for each in following] == [["1", "2", "3"]] * len(clients)


@contextmanager
def stopped(postmaster: int) -> Iterator[None]:
    """Freezes Postgres, like a lost network: nothing answers and nothing refuses."""
    pids = [postmaster]
    try:
        os.kill(postmaster, signal.SIGSTOP)  # first, so that it neither starts nor reaps processes
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
        pids += map(int, children.split())
        for pid in pids[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # one that was just ending
                os.kill(pid, signal.SIGCONT)


def test_long_database_outage_loses_no_event(machine: Machine, proving: bool) -> None:
    with machine.running() as server, serve(machine.place, statement_timeout_seconds=1) as api:
        tenant = api.tenant()
        job = Job(api, tenant)
        client = Client(job, tenant, [api])
        with followed_by([client]) as (following,):
            until(lambda: client.seen == ["1"])
            job.begin()
            with stopped(server.pid):
                time.sleep(30 if proving else 4)
            until(lambda: client.seen[-1] == "2")
            job.complete()
            assert following.result(PATIENCE) == ["1", "2", "3"]
        assert client.requests == 2, "one stream, and one for the 204"


def test_following_a_long_job_takes_few_requests(place: object, proving: bool) -> None:
    """Ten minutes take at most 25 waits of 30 s, or one stream. Progress ends no wait."""
    seconds, longest = (600, 30) if proving else (10, 1)
    with serve(place) as api, ThreadPoolExecutor(1) as threads:  # type: ignore[arg-type]
        waiter, streamer = api.tenant(), api.tenant()
        slug = api.organization(waiter, streamer)
        job = Job(api, waiter, organization=slug)
        before = api.requests_of(waiter)

        began = time.monotonic()
        ends = began + seconds + PATIENCE

        def wait() -> None:
            version = 1
            while time.monotonic() < ends:
                answer = api.get(
                    job.path,
                    waiter,
                    **{"Prefer": f"wait={longest}", "If-None-Match": f'W/"{version}"'},
                )
                if answer.status_code == 200:
                    version = answer.json()["version"]
                    if answer.json()["completed_at"]:
                        return

        waiting = threads.submit(wait)
        with stream(api, job, streamer) as it:
            assert it.next()["id"] == "1"
            job.begin()
            completes = time.monotonic() + seconds
            done = 0
            while time.monotonic() < completes:
                done += 1
                job.progress(done % 100)
                time.sleep(0.5)
            job.complete()
            assert [frame["id"] for frame in it.rest() if "id" in frame] == ["2", "3"]
        waiting.result(PATIENCE)
        took = time.monotonic() - began
        assert api.requests_of(waiter) - before <= took / longest + 5
        assert api.requests_of(streamer) == 1
