"""`Prefer: wait=N` on a poll: answers at the next event, or after N seconds."""

from __future__ import annotations

import re
import time
from asyncio import timeout
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from starlette.types import Receive

from api.auth import Caller
from api.errors import unauthenticated
from api.live.followers import Followers
from api.rpc.contract import Answer, Rpc

LONGEST: Final = 60
"""Seconds."""
WAITED: Final = "index_jobs.waited"
"""The key in the scope of a request that waited for its answer."""
_WAIT: Final = re.compile(r'wait[ \t]*=[ \t]*("?)([0-9]{1,9})\1(?:[ \t]*;.*)?', re.IGNORECASE)


def preferred_wait(headers: Iterable[str]) -> int | None:
    """Returns the seconds that `Prefer` asks for, at most LONGEST. The first one counts (RFC 7240).

    Returns None if it asks for no wait or is malformed.
    """
    for preference in ",".join(headers).split(","):
        if found := _WAIT.fullmatch(preference.strip(" \t")):
            return min(int(found[2]), LONGEST)
    return None


async def wait_for_event(
    rpc: Rpc,
    followers: Followers,
    *,
    first: Answer,
    version: int,
    seconds: int,
    caller: Caller,
    receive: Receive,
) -> Answer:
    """Returns the job once it has an event above this version, or after `seconds`.

    Progress is not an event. `first` is the poll's answer; its rate limits are returned, because
    the wait counts no request. Raises Problem as Followers.follow does.
    """
    async with followers.follow(first, version, caller, receive) as follower:
        with suppress(TimeoutError):
            async with timeout(seconds):
                while follower.event_version <= version and not (
                    follower.has_left or follower.is_refused
                ):
                    follower.news.clear()
                    await follower.news.wait()
    if caller.expires_at <= time.time():
        raise unauthenticated("AUTH_INVALID_KEY")
    answer = await rpc.call(
        "api_follow_index_job",
        p_api_key=caller.api_key,
        p_claims=caller.claims,
        p_job_id=first.job_id,
        p_after=None,
        p_is_first=False,
        p_explains=False,
    )
    return answer._replace(
        rate_limit=first.rate_limit,
        rate_remaining=first.rate_remaining,
        rate_reset=first.rate_reset,
    )
