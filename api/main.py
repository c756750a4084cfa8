"""`index-jobs api`, or `python -m api`: the HTTP server, with a runner in the same process.

There is no runner with RUNNER_CONCURRENCY=0 or without WORKER_DATABASE_URL. This is the only module
of the API that imports the worker.
"""

from __future__ import annotations

import errno
import gc
import ipaddress
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.applications import Starlette

from api.app import create_app
from api.metrics.server import MetricsServer
from api.pages.routes import Demo
from api.protocol import BoundedProtocol
from api.settings import ApiSettings
from db.tools import logs, startup_checks
from db.tools.connection import place
from db.tools.settings import SettingError

if TYPE_CHECKING:
    from worker.settings import WorkerSettings

logger = logs.get_logger(__name__)

NOT_STARTED: Final = "the API could not start; see the lines above"

_BACKLOG: Final = 2048
_DRAIN_SECONDS: Final = 10
# Open files that are not connections of clients: the pools, the indexers' pipes, the libraries.
_OTHER_FILES: Final = 256
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000


class ListenError(Exception):
    """Says in one sentence why the process cannot listen there and what to do."""


class PortTakenError(ListenError):
    """Another process listens on this port."""


def main() -> int:
    """Serves until SIGTERM or SIGINT, then finishes requests and hands the runner's jobs back.

    Returns the exit code: 0 if stopped by a signal, 1 if it could not start, with the reason on
    stderr.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        from worker.settings import WorkerSettings  # noqa: PLC0415  (the worker comes in here only)

        logs.set_up()
        startup_checks.warn_about_misspelled_settings(logger, ApiSettings, WorkerSettings)
        settings, worker = ApiSettings.read(), WorkerSettings.read()
        app = make_app(settings, worker)
        listener = listen(settings.host, settings.port)
        server = Server(
            app, settings, on_ready=lambda: _log_start(server, settings, worker, listener)
        )
    except (SettingError, ListenError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        with listener:
            server.run(sockets=[listener])
    except (KeyboardInterrupt, SystemExit):
        return 0
    if not server.has_answered:
        logger.error(NOT_STARTED)
    return 0 if server.has_answered else 1


def make_app(settings: ApiSettings, worker: WorkerSettings, demo: Demo | None = None) -> Starlette:
    """Returns the API, with a runner unless `worker` turns it off or names no database.

    Raises SettingError, also if the database refuses a login or the login lacks privileges.
    """
    if settings.api_database_url:
        startup_checks.require_login(startup_checks.API, settings.api_database_url)
    elif settings.supabase_url:
        from api.rpc.supabase import require_service_key  # noqa: PLC0415  (see api/app.py)

        require_service_key(settings)
    if worker.worker_database_url is None or not _has_runner(worker):
        return create_app(settings, demo=demo)
    from worker.metrics import RunnerMetrics  # noqa: PLC0415
    from worker.runner import Runner  # noqa: PLC0415

    startup_checks.require_login(startup_checks.WORKER, worker.worker_database_url)
    runner = Runner(worker)
    return create_app(
        settings,
        background=[lambda: runner],
        kick=runner.kick,
        collectors=[RunnerMetrics(runner)],
        demo=demo,
    )


def _has_runner(worker: WorkerSettings) -> bool:
    return worker.runner_concurrency > 0 and worker.worker_database_url is not None


def _log_start(
    server: Server, settings: ApiSettings, worker: WorkerSettings, listener: socket.socket
) -> None:
    """Logs the one line at startup."""
    logger.info(
        "API started",
        address=address(listener),
        database=place(settings.api_database_url)
        if settings.api_database_url
        else settings.supabase_url,
        runner_slots=worker.runner_concurrency if _has_runner(worker) else 0,
        max_connections=server.max_connections,
        database_pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        body_timeout_seconds=settings.body_timeout_seconds,
        keep_alive_seconds=settings.keep_alive_seconds,
    )


class Server(uvicorn.Server):
    """uvicorn with the limits of api/protocol.py. Calls `on_ready` once it answers requests.

    Raises the process's limit of open files as far as MAX_CONNECTIONS needs and the system allows.
    Serves METRICS_PORT too, if set; raises ListenError if it cannot listen there.
    """

    def __init__(
        self, app: Starlette, settings: ApiSettings, *, on_ready: Callable[[], object]
    ) -> None:
        self.max_connections = _allowed_connections(settings.max_connections)
        self.has_answered = False
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                root_path=settings.root_path,
                timeout_keep_alive=settings.keep_alive_seconds,
                limit_concurrency=self.max_connections,
                proxy_headers=bool(settings.forwarded_allow_ips),
                forwarded_allow_ips=list(settings.forwarded_allow_ips),
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        self._app = app
        self._on_ready = on_ready
        self._metrics: MetricsServer | None = None
        if settings.metrics_port is not None:
            listener = listen(settings.host, settings.metrics_port, "METRICS_PORT")
            self._metrics = MetricsServer(app.state.metrics_app, listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Disconnects followers, which reconnect elsewhere, and finishes all other requests."""
        logger.info(
            "API stopping",
            requests=len(self.server_state.tasks),
            connections=len(self.server_state.connections),
            drain_seconds=_DRAIN_SECONDS,
        )
        self._app.state.followers.disconnect_all()
        await super().shutdown(sockets)
        if self._metrics:
            await self._metrics.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _tune_garbage_collector()
            if self._metrics:
                self._metrics.start()
            self.has_answered = True
            self._on_ready()


def _tune_garbage_collector() -> None:
    """Makes Python collect garbage a hundred times less often.

    With thousands of open streams, each collection stops the event loop for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 100)


def _allowed_connections(wanted: int) -> int:
    """Raises the limit of open files. Returns `wanted`, or as many as it has room for."""
    needed = wanted + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))


def listen(host: str, port: int, setting: str = "PORT") -> socket.socket:
    """Returns a listening socket; port 0 is any free port. Its ListenError names the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {port} is taken: stop what uses it, or set {setting}= to another port"
            ) from None
        if error.errno == errno.EACCES:
            raise ListenError(
                f"only root may use port {port}: set {setting}= to another port"
            ) from None
        raise ListenError(f"HOST={host} is not an address of this machine") from None


def address(listener: socket.socket) -> str:
    """Returns the URL at which a client on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
