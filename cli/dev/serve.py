"""`make serve`: runs the whole stack in one process, in the foreground, until Ctrl-C."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr
from starlette.applications import Starlette

from api.main import (
    NOT_STARTED,
    ListenError,
    PortTakenError,
    Server,
    address,
    listen,
    make_app,
)
from api.pages.routes import Demo
from api.settings import ApiSettings
from cli.connection import connect
from cli.dev import stack
from cli.dev.directory_lock import lock_data_dir, lock_run_dir
from cli.dev.options import Options
from cli.dev.people import ALICE
from cli.dev.settings import StackSettings
from cli.dev.stack import Stack
from cli.errors import CommandError
from cli.paths import display_path, program
from cli.terminal import Terminal
from db.tools import doctor, logs
from db.tools.settings import is_loopback

NAME = "make serve"

_PORTS_TO_TRY = 100


def serve(settings: StackSettings, options: Options, terminal: Terminal) -> None:
    """Runs the stack until SIGINT or SIGTERM, neither of which counts as a failure.

    A SIGINT during startup raises KeyboardInterrupt, a SIGTERM always SystemExit(0).

    Raises CommandError, PostgresError or MigrationError. Each is a sentence.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with (
        lock_run_dir(options, NAME) as announce,
        lock_data_dir(options, NAME) as ready,
    ):
        listener = listen_as_set(settings, terminal)
        with listener, stack.up(options, step=terminal.step) as parts:
            if settings.api_database_url:
                _warn_about_privileges(settings.api_database_url, terminal)
            url = address(listener)
            dev_env = settings.run_dir / "dev.env"
            stack.write_dev_env(dev_env, url, parts)
            settings = on_stack(settings, parts)
            logs.set_up(logging.INFO if settings.access_log else logging.WARNING)
            app = make_app(settings, settings, _demo(settings, parts))

            def announce_ready() -> None:
                announce(url)
                ready(url)
                _print_addresses(terminal, settings, url, dev_env)

            server = Server(app, settings, on_ready=announce_ready)
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
            if not server.has_answered:
                raise CommandError(NOT_STARTED)


def _demo(settings: StackSettings, parts: Stack) -> Demo | None:
    """Returns the user that pages sign in automatically: in development, on loopback only."""
    key = parts.api_keys.get(ALICE.name)
    if key is None or not is_loopback(settings.host):
        return None
    return Demo(ALICE.name, ALICE.tier, key, folder=str(Path.cwd()))


def _warn_about_privileges(url: str, terminal: Terminal) -> None:
    with connect(url, "API_DATABASE_URL") as connection:
        found = doctor.excess_privileges(connection)
    if found:
        terminal.say(f"  warning: the login {found.object} {found.problem}", "yellow")
        terminal.say(f"  fix: {found.remedy}")


def _print_addresses(terminal: Terminal, settings: StackSettings, url: str, dev_env: Path) -> None:
    terminal.step(f"API at {url}")
    terminal.say("")
    if settings.pages_enabled:
        terminal.say(f"  page                 {url}/")
    terminal.say(f"  keys and addresses   source {display_path(dev_env)}")
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
    """Allows all local repositories on loopback, unless LOCAL_REPOSITORY_ROOTS is set."""
    if "local_repository_roots" in settings.model_fields_set or not is_loopback(settings.host):
        return settings
    return settings.model_copy(update={"local_repository_roots": (Path("/"),)})


def on_stack(settings: StackSettings, parts: Stack) -> StackSettings:
    """Returns the settings of an API on that stack."""
    return with_local_paths(settings).model_copy(
        update={
            "api_database_url": parts.api_database_url,
            "worker_database_url": parts.worker_database_url,
            "jwt_secret": SecretStr(parts.jwt_secret),
            "service_key": SecretStr(parts.service_key),
        }
    )


@contextmanager
def in_background(app: Starlette, listener: socket.socket) -> Iterator[str]:
    """Runs the API in a thread until the block ends. Yields its address."""
    answers = threading.Event()
    server = Server(app, ApiSettings.read(), on_ready=answers.set)

    def work() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            answers.set()

    thread = threading.Thread(target=work, name="api", daemon=True)
    thread.start()
    try:
        answers.wait()
        if not server.has_answered:
            raise CommandError(NOT_STARTED)
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join()


def listen_as_set(settings: StackSettings, terminal: Terminal) -> socket.socket:
    """Returns a listening socket on PORT or, if that is not set, on the first free port.

    Raises ListenError.
    """
    if "port" in settings.model_fields_set:
        return listen(settings.host, settings.port)
    last = settings.port + _PORTS_TO_TRY
    for port in range(settings.port, last + 1):
        with suppress(PortTakenError):
            listener = listen(settings.host, port)
            if port != settings.port:
                terminal.say(f"  port {settings.port} is taken: using {port}")
            return listener
    raise ListenError(f"ports {settings.port} to {last} are all taken: set PORT= to a free one")
