"""The ASGI application: routes, middleware and the objects that live as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from api import admin, jobs, poll
from api.auth import Authenticator
from api.health import StatusBoard, health, ready, status
from api.live.followers import Followers
from api.metrics.process import ProcessMetrics
from api.metrics.routes import metrics, metrics_app
from api.middleware import Guard
from api.openapi.routes import docs, llms, openapi
from api.pages.routes import Demo, PageRoute, page_routes
from api.rest import routes
from api.routing import Route
from api.rpc.contract import Rpc
from api.rpc.database import DatabaseRpc
from api.settings import ApiSettings

Background = Callable[[], AbstractAsyncContextManager[object]]

EXPOSED_HEADERS: Final = (
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
)
"""The headers that scripts in a browser must be able to read."""
_SECONDS_BETWEEN_LOOKS: Final = 0.15
"""Seconds between two looks at the jobs that clients follow. One second over SUPABASE_URL."""


class App(Starlette):
    """Starlette without its middleware for exceptions. Guard takes its place."""

    def build_middleware_stack(self) -> ASGIApp:
        stack: ASGIApp = self.router
        for middleware, arguments, named in reversed(self.user_middleware):
            stack = middleware(stack, *arguments, **named)
        return stack


def create_app(
    settings: ApiSettings,
    *,
    background: Sequence[Background] = (),
    kick: Callable[[], None] = lambda: None,
    collectors: Sequence[Collector] = (),
    demo: Demo | None = None,
) -> Starlette:
    """Returns the application. Raises SettingError if no setting names a database.

    The lifespan opens the transport without waiting for the database, then enters each of
    `background`. On shutdown it leaves them in reverse order, before the transport closes. With
    SUPABASE_URL there is no /rest/v1, because Supabase serves it. `kick` is called on the event
    loop after each 202 of POST /index. It must not block or raise. /metrics also shows the
    `collectors`. Pages sign in as `demo`, if given.
    """
    rpc = _rpc(settings)
    counted = ProcessMetrics(rpc, collectors)
    pages = (
        [PageRoute("/docs", docs), *page_routes(settings, demo)] if settings.pages_enabled else []
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(rpc)
            authenticate = Authenticator(settings)
            stack.push_async_callback(authenticate.aclose)
            for part in background:
                await stack.enter_async_context(part())
            followers = Followers(
                rpc,
                limit=settings.live_limit,
                interval=_SECONDS_BETWEEN_LOOKS if isinstance(rpc, DatabaseRpc) else 1.0,
            )
            app.state.followers = await stack.enter_async_context(followers)
            yield {
                "settings": settings,
                "rpc": rpc,
                "authenticate": authenticate,
                "kick": kick,
                "followers": followers,
                "metrics": counted,
                "board": StatusBoard(rpc),
            }

    app = App(
        routes=[
            # in the order of their traffic, because the search starts at the top
            Route("/health", health),
            Route("/index", jobs.create_index_job, methods=["POST"]),
            Route("/jobs", jobs.list_index_jobs),
            Route("/jobs/counts", jobs.job_counts),
            poll.ROUTE,
            Route("/jobs/{job_id}", jobs.cancel_index_job, methods=["DELETE"]),
            Route("/jobs/{job_id}/events", jobs.get_job_history),
            Route("/jobs/{job_id}/explain", jobs.explain_index_job),
            Route("/jobs/{job_id}/files", jobs.list_indexed_files),
            Route("/jobs/{job_id}/skipped", jobs.list_skipped_files),
            Route("/jobs/{job_id}/symbols", jobs.find_symbols),
            Route("/ready", ready),
            Route("/status", status),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            Route("/llms.txt", llms),
            Route("/repositories/{repository_id}", jobs.set_repository_url, methods=["PATCH"]),
            Route("/admin/jobs", admin.admin_list_index_jobs),
            Route("/admin/jobs/{job_id}", admin.admin_get_job_status),
            Route("/admin/jobs/{job_id}/fail", admin.admin_fail_index_job, methods=["POST"]),
            Route("/admin/jobs/{job_id}/retry", admin.admin_retry_index_job, methods=["POST"]),
            Route("/admin/jobs/{job_id}/release", admin.admin_release_index_job, methods=["POST"]),
            Route("/admin/load", admin.job_load),
            *(
                [Route("/rest/v1/rpc/{function}", routes.call_function, methods=["GET", "POST"])]
                if isinstance(rpc, DatabaseRpc)
                else []
            ),
            *pages,
        ],
        middleware=[
            Middleware(
                Guard,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "HEAD", "POST", "PATCH", "DELETE"),
                expose_headers=EXPOSED_HEADERS,
                count=counted.count_request,
                access_log=settings.access_log,
                pages=pages,
            ),
            Middleware(poll.Polls),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.metrics_app = metrics_app(rpc, counted, settings)
    return app


def _rpc(settings: ApiSettings) -> Rpc:
    """Returns the configured transport; API_DATABASE_URL wins. Raises SettingError if none is."""
    if settings.api_database_url:
        return DatabaseRpc(settings.api_database_url, settings)
    from api.rpc.supabase import SupabaseRpc  # noqa: PLC0415  (doubles the time to start)

    return SupabaseRpc(settings)
