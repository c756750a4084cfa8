"""GET /metrics, also on a port of its own."""

from __future__ import annotations

import hmac
import time

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.auth import bearer
from api.errors import Problem, unauthenticated, unavailable
from api.metrics.jobs import JobMetrics
from api.metrics.process import ProcessMetrics
from api.rpc.contract import Rpc
from api.settings import ApiSettings
from api.state import ApiRequest


async def metrics(request: ApiRequest) -> Response:
    """GET /metrics: the metrics for Prometheus. Needs METRICS_TOKEN, costs no quota.

    Raises Problem 401 without the token, or if none is set.
    """
    token = request.state.settings.metrics_token
    given = bearer(request.headers.getlist("authorization"))
    expected = token.get_secret_value() if token else ""
    if not token or not hmac.compare_digest(given.encode(), expected.encode()):
        raise unauthenticated("AUTH_INVALID_KEY")
    state, accept = request.state, request.headers.get("accept", "")
    return await respond(accept, state.rpc, state.metrics, state.settings)


def metrics_app(rpc: Rpc, metrics: ProcessMetrics, settings: ApiSettings) -> Starlette:
    """Returns the app that serves /metrics to every client of METRICS_PORT."""

    async def answer(request: Request) -> Response:
        return await respond(request.headers.get("accept", ""), rpc, metrics, settings)

    return Starlette(routes=[Route("/metrics", answer)])


async def respond(
    accept: str, rpc: Rpc, metrics: ProcessMetrics, settings: ApiSettings
) -> Response:
    """Returns the metrics of jobs and process, in the format that `accept` asks for.

    In an outage of the database, returns only those of the process.
    """
    jobs = CollectorRegistry()
    began = time.perf_counter()
    try:
        jobs.register(JobMetrics(await _job_metrics(rpc, settings.statement_timeout_seconds)))
        metrics.is_up.set(1)
    except Problem as problem:
        if problem.status != 503:
            raise
        metrics.is_up.set(0)
    metrics.seconds.set(time.perf_counter() - began)
    try:
        encode, media_type = choose_encoder(accept)
    except TypeError:  # a version that is not a number
        encode, media_type = choose_encoder("")
    text = encode(jobs)
    if media_type.startswith("application/openmetrics-text"):
        text = text.removesuffix(b"# EOF\n")
    return Response(text + encode(metrics.registry), headers={"content-type": media_type})


async def _job_metrics(rpc: Rpc, patience: float) -> str:
    """Calls api_job_metrics() until it returns a body. Each call counts one batch of events.

    It returns null while more than one batch is uncounted.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        answer = await rpc.call("api_job_metrics")
        if answer.body is not None:
            return answer.body
    raise unavailable("The events of jobs are still being counted.")
