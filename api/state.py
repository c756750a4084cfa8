"""The state that the lifespan passes to every request."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import State
from starlette.requests import Request

from api.auth import Authenticator
from api.health import StatusBoard
from api.live.followers import Followers
from api.metrics.process import ProcessMetrics
from api.rpc.contract import Rpc
from api.settings import ApiSettings


class AppState(State):
    """The members of `request.state`."""

    settings: ApiSettings
    rpc: Rpc
    authenticate: Authenticator
    board: StatusBoard
    followers: Followers
    metrics: ProcessMetrics
    kick: Callable[[], None]


ApiRequest = Request[AppState]
