"""Sends a job's events as server-sent events.

Each frame is written separately and awaited, so a client that does not read holds only one frame.
When it reads on, it gets what has happened since.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers import rate_headers
from api.auth import Caller
from api.errors import Problem
from api.live.followers import Followers
from api.live.watcher import Follower
from api.rpc.contract import Answer, Rpc

PING_SECONDS: Final = 25.0
"""The longest silence before a ping, which keeps proxies from closing the connection."""
EXPLAIN_SECONDS: Final = 15.0
"""The interval between explanations of a waiting job."""
_SHORTEST_SILENCE: Final = 5.0
_LONGEST_SILENCE: Final = 120.0
PROGRESS_SECONDS: Final = 1.0
"""The shortest interval between two progress frames."""
_RECONNECT: Final = b"retry: 2000\n\n"
_PING: Final = b": ping\n\n"
_SECONDS_IN_AN_OUTAGE: Final = 1.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",
}
_NUMBER: Final = re.compile("[0-9]{1,9}")


def accepts_stream(accept: str) -> bool:
    """Whether the header names text/event-stream."""
    for each in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        if media_type == "text/event-stream":
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def last_event(last_event_id: str) -> int:
    """Returns the number of the last event that the client has seen, or 0 if not a number."""
    return int(last_event_id) if _NUMBER.fullmatch(last_event_id) else 0


class JobStream(Response):
    """Streams the events of the job in `first` after number `after`, until the final one.

    `first_body` is the body of `first`.
    """

    def __init__(
        self,
        rpc: Rpc,
        followers: Followers,
        *,
        first: Answer,
        first_body: Mapping[str, Any],
        after: int,
        caller: Caller,
    ) -> None:
        super().__init__(status_code=200, headers={**_HEADERS, **rate_headers(first)})
        del self.headers["content-length"]
        self._rpc = rpc
        self._followers = followers
        self._first = first
        self._first_body = first_body
        self._after = after
        self._caller = caller
        self._silence = EXPLAIN_SECONDS  # until the job is next explained
        self._explain_at = 0.0
        self._version = 0  # of the job as last sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first, version = self._first, self._first.job_version or 0
        async with self._followers.follow(first, version, self._caller, receive) as follower:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._write(send, _RECONNECT + self._frames(first, self._first_body))
            if first.job_age is not None:
                await self._send_changes(follower, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_changes(self, follower: Follower, send: Send) -> None:
        silent_since = read_at = time.monotonic()
        while not (follower.has_left or follower.is_refused):
            now = time.monotonic()
            has_event = follower.event_version > self._version
            may_read = has_event or now - read_at >= PROGRESS_SECONDS
            if follower.version > self._version and may_read:
                read_at = now
                answer = await self._read(explains=has_event)
                if answer is None:
                    await asyncio.sleep(_SECONDS_IN_AN_OUTAGE)
                    continue
                if answer.verdict != "ok":
                    return
                await self._write(send, self._frames(answer, json.loads(answer.body or "")))
                silent_since = time.monotonic()
                if answer.job_age is None:
                    return
                continue
            if now >= min(silent_since + PING_SECONDS, self._explain_at):
                await self._write(send, await self._keep_alive_frame(now))
                silent_since = now
                continue
            wake_at = min(silent_since + PING_SECONDS, self._explain_at)
            if follower.version > self._version:
                wake_at = min(wake_at, read_at + PROGRESS_SECONDS)
            follower.news.clear()
            self._followers.wake(follower, wake_at)
            await follower.news.wait()

    async def _keep_alive_frame(self, now: float) -> bytes:
        """Returns an explanation of the job's state, or a ping in between and in an outage.

        The intervals between explanations of a silent running job grow.
        """
        if now < self._explain_at:
            return _PING
        answer = await self._read(explains=True)
        if answer and answer.job_status == "processing":
            self._silence = max(self._silence, min(2 * self._silence, _LONGEST_SILENCE))
        self._explain_at = now + self._silence
        body = json.loads(answer.body or "{}") if answer else {}
        if body.get("explain"):
            return _frame("explain", body["explain"])
        return _PING

    async def _read(self, *, explains: bool) -> Answer | None:
        """Returns what is new, or None if the database cannot be reached."""
        try:
            return await self._rpc.call(
                "api_follow_index_job",
                p_api_key=self._caller.api_key,
                p_claims=self._caller.claims,
                p_job_id=self._first.job_id,
                p_after=self._after,
                p_is_first=False,
                p_explains=explains,
            )
        except Problem:
            return None

    def _frames(self, answer: Answer, body: Mapping[str, Any]) -> bytes:
        frames = list(_frames_of(body["events"], body["job"]))
        if body["events"]:
            self._after = body["events"][-1]["event_no"]
        elif self._version:
            frames = [_frame("progress", {"job": body["job"]})]
        if body["explain"]:
            frames.append(_frame("explain", body["explain"]))
        self._version = answer.job_version or 0
        self._silence = _silence(body["job"])
        self._explain_at = time.monotonic() + self._silence
        return b"".join(frames)

    @staticmethod
    async def _write(send: Send, frames: bytes) -> None:
        await send({"type": "http.response.body", "body": frames, "more_body": True})


def _silence(job: Mapping[str, Any]) -> float:
    """Returns the seconds without news after which the job is explained, by its lease."""
    if job["lease_expires_at"] is None:
        return EXPLAIN_SECONDS
    lease = datetime.fromisoformat(job["lease_expires_at"]) - datetime.fromisoformat(
        job["heartbeat_at"]
    )
    return max(_SHORTEST_SILENCE, lease.total_seconds() / 2 + 0.5)


def _frames_of(events: list[dict[str, Any]], job: dict[str, Any]) -> Iterator[bytes]:
    for event in events:
        yield _frame("job", {"event": event, "job": job}, event["event_no"])


def _frame(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    identity = "" if number is None else f"id: {number}\n"
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\n{identity}data: {text}\n\n".encode()
