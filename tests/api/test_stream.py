"""A job's events as server-sent events: each once and in order, despite interruptions."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest
from psycopg.types.json import Jsonb

from api.live.stream import PROGRESS_SECONDS, accepts_stream, last_event
from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.waiting import PATIENCE, until

from .conftest import Api, Job, Machine, Tenant, over_the_database, serve

STREAM = {"Accept": "text/event-stream"}
_FRAME = 3_000_000
Frame = dict[str, Any]


class Stream:
    """Reads a stream frame by frame."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.explained: list[Frame] = []
        self._frames = self._read()

    def _read(self) -> Iterator[Frame]:
        frame: Frame = {}
        for line in self.response.iter_lines():
            name, _, value = line.partition(": ")
            if line and name in {"event", "id", "data", "retry"}:
                frame[name] = json.loads(value) if name == "data" else value
            elif not line and "event" in frame:
                if frame["event"] == "explain":
                    self.explained.append(frame["data"])
                else:
                    yield frame
                frame = {}

    def next(self) -> Frame:
        return next(self._frames)

    def rest(self) -> list[Frame]:
        """Reads all frames until the stream ends."""
        return list(self._frames)


@contextmanager
def stream(api: Api, job: Job, tenant: Tenant, **headers: str) -> Iterator[Stream]:
    with (
        loopback.Client(base_url=api.url, timeout=PATIENCE) as client,
        client.stream(
            "GET", f"{job.path}/events", headers={**tenant.headers, **STREAM, **headers}
        ) as response,
    ):
        yield Stream(response)


def told(frames: list[Frame]) -> list[tuple[str, str | None, str]]:
    """Returns event, id and job status of each."""
    return [(frame["event"], frame.get("id"), frame["data"]["job"]["status"]) for frame in frames]


def test_stream_sends_each_event_with_the_job_until_the_final_one(
    api: Api, alice: Tenant, job: Job
) -> None:
    before = api.requests_of(alice)
    with stream(api, job, alice) as it:
        headers = it.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        assert headers["x-ratelimit-remaining"]
        assert told([it.next()]) == [("job", "1", "pending")]
        job.begin()
        second = it.next()
        assert told([second]) == [("job", "2", "processing")]
        assert second["data"]["event"]["to_status"] == "processing"
        assert second["data"]["job"]["id"] == job.id
        job.complete()
        assert told(it.rest()) == [("job", "3", "completed")]
        assert [why["reason"] for why in it.explained] == ["no_runner", "working"]
    assert api.requests_of(alice) == before + 1, "one request, however long"


def test_progress_is_sent_at_most_once_a_second_without_id(
    api: Api, alice: Tenant, job: Job
) -> None:
    job.begin()
    with stream(api, job, alice) as it:
        assert told([it.next(), it.next()]) == [
            ("job", "1", "processing"),
            ("job", "2", "processing"),
        ]
        began = time.monotonic()
        done = 0
        while time.monotonic() - began < 3:
            done += 1
            job.progress(done % 100)
            time.sleep(0.05)
        job.complete()
        seconds = time.monotonic() - began
        rest = it.rest()
    progress = [frame for frame in rest if frame["event"] == "progress"]
    assert 1 <= len(progress) <= seconds + 1
    assert not any("id" in frame for frame in progress)
    assert progress[0]["data"]["job"]["progress"]["phase"] == "parsing"
    assert told(rest[-1:]) == [("job", "3", "completed")]


def test_reconnecting_client_gets_the_events_it_missed(api: Api, alice: Tenant, job: Job) -> None:
    with stream(api, job, alice) as it:
        assert it.next()["id"] == "1"
    job.begin()
    job.progress(1)
    job.complete()
    with stream(api, job, alice, **{"Last-Event-ID": "1"}) as it:
        assert told(it.rest()) == [("job", "2", "completed"), ("job", "3", "completed")]
    with stream(api, job, alice, **{"Last-Event-ID": "3"}) as it:
        assert (it.response.status_code, it.response.read()) == (204, b"")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 40, "٣", "1 or 1=1", ""])
def test_invalid_last_event_id_starts_from_the_beginning(
    api: Api, alice: Tenant, job: Job, last: str
) -> None:
    assert last_event(last) == 0
    job.begin()
    job.complete()
    sent = {"Last-Event-ID": last} if last.isascii() else {}
    with stream(api, job, alice, **sent) as it:
        assert [frame["id"] for frame in it.rest()] == ["1", "2", "3"]


def test_foreign_unknown_and_malformed_ids_get_identical_404s(
    api: Api, alice: Tenant, job: Job
) -> None:
    bob = api.tenant()
    paths = [job.path, "/jobs/00000000-0000-4000-8000-0000000000ff", "/jobs/x", "/jobs/%00"]
    answers = [api.get(f"{path}/events", bob, **STREAM) for path in paths]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, api.get("/jobs/y", bob).content)
    }


def test_history_is_returned_without_event_stream_in_accept(
    api: Api, alice: Tenant, job: Job
) -> None:
    for accept in ("*/*", "application/json", "text/event-stream;q=0"):
        answer = api.get(f"{job.path}/events", alice, Accept=accept)
        assert answer.headers["content-type"] == "application/json"
        assert len(answer.json()["events"]) == 1


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True), ("Text/Event-Stream; q=0.5", True),
        ("application/json, text/event-stream", True), ("text/event-stream;q=0.0", False),
        ("text/*", False), ("", False), (";,;", False),
    ],
)  # fmt: skip
def test_accept_header_decides_whether_to_stream(accept: str, wanted: bool) -> None:
    assert accepts_stream(accept) is wanted


def test_stream_ends_when_its_key_is_revoked(api: Api, alice: Tenant, job: Job) -> None:
    with stream(api, job, alice) as it:
        it.next()
        with api.sql() as connection:
            connection.execute(
                "update private.api_keys set enabled = false where user_id = %s", (alice.id,)
            )
        assert it.rest() == [], "though nothing happened"
        job.begin()
    assert api.get(f"{job.path}/events", alice, **STREAM).status_code == 401


def test_removed_member_loses_the_stream_and_others_keep_it(api: Api, alice: Tenant) -> None:
    bob = api.tenant()
    job = Job(api, alice, organization=api.organization(alice, bob))
    with stream(api, job, alice) as hers, stream(api, job, bob) as his:
        assert his.next() == hers.next()
        with api.sql() as connection:
            connection.execute(
                "delete from public.organization_members where user_id = %s", (bob.id,)
            )
        assert his.rest() == []
        job.begin()
        assert told([hers.next()]) == [("job", "2", "processing")]


def test_stream_ends_when_its_job_is_purged(api: Api, alice: Tenant, job: Job) -> None:
    with stream(api, job, alice) as it:
        it.next()
        with api.sql() as connection:
            connection.execute("delete from public.index_jobs where id = %s", (job.id,))
        assert it.rest() == []


@one_process("stops processes, and starts them again")
@over_the_database
def test_shutdown_ends_streams_and_waits_and_others_resume_them(
    own_api: Callable[..., Api],
) -> None:
    first = own_api()
    alice = first.tenant()
    job = Job(first, alice)
    with stream(first, job, alice) as it:
        assert it.next()["id"] == "1"
        first.stop()
        assert it.rest() == []
    job.begin()
    with serve(first.place) as second, stream(second, job, alice, **{"Last-Event-ID": "1"}) as it:
        assert told([it.next()]) == [("job", "2", "processing")]


@over_the_database
def test_killed_watcher_session_loses_no_event(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    alice = api.tenant()
    job = Job(api, alice)
    with stream(api, job, alice) as it:
        it.next()
        for move in (job.begin, job.complete):
            with api.sql() as connection:
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where usename = 'index_jobs_api' and datname = current_database()"
                )
            move()
        assert told(it.rest())[-1] == ("job", "3", "completed")


def test_database_restart_loses_no_event(machine: Machine) -> None:
    with serve(machine.place) as api, ExitStack() as at_exit:
        with machine.running():
            until(lambda: api.client.get("/ready").status_code == 200)
            alice = api.tenant()
            job = Job(api, alice)
            it = at_exit.enter_context(stream(api, job, alice))
            assert it.next()["id"] == "1"
        with machine.running():
            job.begin()
            job.complete()
            assert [frame["id"] for frame in it.rest()] == ["2", "3"]


@one_process("looks into one process, whose limits it lowers")
@over_the_database
def test_client_that_does_not_read_buffers_at_most_two_frames(
    api: Api, alice: Tenant, job: Job
) -> None:
    """Meanwhile, a client that reads gets everything."""
    job.begin()
    address = httpx2.URL(api.url)
    with socket.socket() as slow, stream(api, job, alice) as it:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.connect((address.host, address.port))
        slow.sendall(
            f"GET {job.path}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            f"Authorization: {alice.headers['Authorization']}\r\n\r\n".encode()
        )
        connections = api.server.server_state.connections
        it.next()
        with api.sql() as connection:
            for number in range(8):
                connection.execute(
                    "update public.index_jobs set version = version + 1, progress = %s"
                    " where id = %s",
                    (Jsonb({"number": number, "pad": "x" * _FRAME}), job.id),
                )
                unsent = sum(c.transport.get_write_buffer_size() for c in list(connections))  # type: ignore[attr-defined]
                assert unsent < 2.5 * _FRAME
                time.sleep(PROGRESS_SECONDS)
        job.complete()
        assert told(it.rest())[-1] == ("job", "3", "completed")


@one_process("looks into one process, whose limits it lowers")
def test_idle_stream_is_kept_open_by_explanations(
    api: Api, alice: Tenant, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.live.stream.PING_SECONDS", 0.3)
    monkeypatch.setattr("api.live.stream.EXPLAIN_SECONDS", 0.3)
    with stream(api, job, alice) as it:
        lines = it.response.iter_lines()

        def expect_reason(reason: str) -> None:
            until(lambda: next(lines).startswith(f'data: {{"reason":"{reason}"'))

        for _ in range(2):
            expect_reason("no_runner")
        job.begin()
        for _ in range(2):
            expect_reason("working")
        with api.sql() as connection:
            connection.execute(
                "update public.index_jobs set heartbeat_at = now() - interval '9 seconds',"
                " lease_expires_at = now() + interval '6 seconds' where id = %s",
                (job.id,),
            )
        expect_reason("silent")
