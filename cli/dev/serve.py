"""`make serve`: the whole stack in one process, in the foreground, until Ctrl-C."""

from __future__ import annotations

import errno
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from api.app import create_app
from api.protocol import BoundedProtocol
from cli.connection import connect
from cli.dev import stack
from cli.dev.occupation import occupy, occupy_run_dir
from cli.dev.options import Options
from cli.dev.settings import StackSettings
from cli.dev.stack import Stack
from cli.errors import CommandError
from cli.paths import near, program
from cli.terminal import Terminal
from db.tools import doctor
from db.tools.settings import is_loopback, or_exit
from worker.runner import Runner

NAME = "make serve"

_PORTS_TO_TRY = 100
_DRAIN_SECONDS = 10
_NOT_STARTED = "the API could not be started; the lines above say why"


def serve(settings: StackSettings, options: Options, terminal: Terminal) -> None:
    """Runs the stack until SIGINT or SIGTERM: what it is told to do, and no failure.

    A SIGINT before it answers is a KeyboardInterrupt, a SIGTERM always a SystemExit 0.

    Raises CommandError, PostgresError or MigrationError; each is a sentence.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with (
        occupy_run_dir(options, NAME) as announce,
        occupy(options, NAME) as ready,
    ):
        listener = listen_as_set(settings, terminal)
        with listener, stack.up(options, step=terminal.step) as parts:
            if settings.api_database_url:
                _warn_of_powers(settings.api_database_url, terminal)
            url = address(listener)
            dev_env = settings.run_dir / "dev.env"
            stack.write_dev_env(dev_env, url, parts)
            settings = on_stack(settings, parts)
            app = make_app(settings)

            def tell() -> None:
                announce(url)
                ready(url)
                _tell(terminal, settings, url, dev_env)

            with suppress(KeyboardInterrupt):
                run(Server(app, on_ready=tell), listener)


def _warn_of_powers(url: str, terminal: Terminal) -> None:
    with connect(url, "API_DATABASE_URL") as connection:
        found = doctor.excess(connection)
    if found:
        terminal.say(f"  warning: the login {found.object} {found.problem}", "yellow")
        terminal.say(f"  mend: {found.remedy}")


def _tell(terminal: Terminal, settings: StackSettings, url: str, dev_env: Path) -> None:
    terminal.step(f"API at {url}")
    terminal.say("")
    terminal.say(f"  keys and addresses   source {near(dev_env)}")
    terminal.say(f"  local paths          {_roots(settings)}")
    terminal.say("  docs                 docs/http.md")
    terminal.say(f"  next                 {program()} index . --watch · make demo · make psql")
    terminal.say("  stop                 Ctrl-C")


def _roots(settings: StackSettings) -> str:
    roots = ":".join(str(root) for root in settings.local_repository_roots)
    if not roots:
        return "refused; LOCAL_REPOSITORY_ROOTS=/folder:/other allows some"
    return f"allowed in {roots} (LOCAL_REPOSITORY_ROOTS)"


def with_local_paths(settings: StackSettings) -> StackSettings:
    """In development, on loopback, any local repository may be indexed unless a setting says."""
    if "local_repository_roots" in settings.model_fields_set or not is_loopback(settings.host):
        return settings
    return settings.model_copy(update={"local_repository_roots": (Path("/"),)})


def on_stack(settings: StackSettings, parts: Stack) -> StackSettings:
    """The settings of an API on that stack."""
    return with_local_paths(settings).model_copy(
        update={
            "api_database_url": parts.api_database_url,
            "worker_database_url": parts.worker_database_url,
            "jwt_secret": SecretStr(parts.jwt_secret),
            "service_key": SecretStr(parts.service_key),
        }
    )


def make_app(settings: StackSettings | None = None) -> Starlette:
    """The API with its runner, unless RUNNER_CONCURRENCY is 0 or there is no login for it.

    Without `settings`, of the environment: what `uvicorn --factory cli.dev.serve:make_app` runs.
    A wrong setting is a SettingError, or in the environment the end of the process (SystemExit).
    """
    if settings is None:
        with or_exit():
            return make_app(StackSettings.read())
    if settings.runner_concurrency == 0 or settings.worker_database_url is None:
        return create_app(settings)
    runner = Runner(settings)
    return create_app(settings, background=[lambda: runner], kick=runner.kick)


class Server(uvicorn.Server):
    """uvicorn, which says when it answers requests."""

    def __init__(self, app: Starlette, *, on_ready: Callable[[], None]) -> None:
        logging.basicConfig(
            level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # those who use pools tell
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def run(server: Server, listener: socket.socket) -> None:
    """Serves until a signal comes. Raises CommandError when it does not get that far."""
    server.run(sockets=[listener])
    if not server.started:
        raise CommandError(_NOT_STARTED)


@contextmanager
def in_background(app: Starlette, listener: socket.socket) -> Iterator[str]:
    """The API in a thread of this process, stopped at the end; yields its address."""
    answers = threading.Event()
    server = Server(app, on_ready=answers.set)

    def work() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            answers.set()

    thread = threading.Thread(target=work, name="api", daemon=True)
    thread.start()
    try:
        answers.wait()
        if not server.started:
            raise CommandError(_NOT_STARTED)
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join()


def listen_as_set(settings: StackSettings, terminal: Terminal) -> socket.socket:
    """A listening socket on PORT; when that is not set, on the usual port or the next free one.

    Raises CommandError.
    """
    fixed = "port" in settings.model_fields_set
    listener = listen(settings.host, settings.port, fixed=fixed)
    port = listener.getsockname()[1]
    if port != settings.port and not fixed:
        terminal.say(f"  port {settings.port} is taken: using {port}")
    return listener


def listen(host: str, port: int, *, fixed: bool) -> socket.socket:
    """A listening socket; the next free port when the port is not `fixed`. Raises CommandError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = port if fixed or port == 0 else min(port + _PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        try:
            return socket.create_server((host, candidate), family=family, backlog=2048)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            if error.errno == errno.EACCES:
                raise CommandError(
                    f"only root may use port {port}; name another by PORT="
                ) from None
            raise CommandError(f"HOST={host} is no address of this machine") from None
    if fixed:
        raise CommandError(f"port {port} is taken: stop what uses it, or give another by PORT=")
    raise CommandError(f"ports {port} to {last} are all taken: give a free one by PORT=")


def address(listener: socket.socket) -> str:
    """How a client on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
