"""The embedded server: one Postgres on one data directory, owned by the process that started it.

The server stops with its owner, even (on Linux) if the owner is killed. Next to the data directory
D are D.lock, held by the owner; D.json, a secret file that tells others how to reach the running
server; and D.log, the log of the server.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from db.local.account import Account, executable_binaries, home_of, server_account
from db.local.binaries import BinariesError, postgres_binaries

PORT = 8329  # below the range of ephemeral ports
HOST = "127.0.0.1"
_PORTS_TO_TRY = 100
PATIENCE = (
    60.0  # seconds for a start (including crash recovery), a stop, or another process's start
)
SOCKETS = "/tmp"  # noqa: S108  # nosec B108 - the folder of sockets' folders; their paths are short
PASSWORD_FILE = "superuser.password"  # noqa: S105 (a name), inside the data directory


class PostgresError(RuntimeError):
    """The embedded server is not available. The text says why and what to do."""


@dataclass(frozen=True)
class Server:
    """A running server. `password` belongs to its superuser `postgres`."""

    data_dir: Path
    host: str
    port: int
    socket_dir: Path
    password: str
    pid: int
    binaries: Path

    def url(
        self, database: str = "postgres", user: str = "postgres", password: str | None = None
    ) -> str:
        """Returns postgresql://… over TCP. `password` defaults to the superuser's."""
        secret = quote(self.password if password is None else password, safe="")
        login = f"{quote(user, safe='')}:{secret}"
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(database, safe='')}"

    def bin(self, name: str) -> Path:
        """Returns the path of psql, pg_dump and so on, of the server's own version."""
        return self.binaries / "bin" / name


@contextmanager
def run(
    data_dir: Path,
    *,
    port: int = PORT,
    settings: Mapping[str, str] = MappingProxyType({}),
    binaries: Path | None = None,
) -> Iterator[Server]:
    """Runs the server on `data_dir`, created if needed, on `port` or the next free one.

    If another process already runs a server there, that one is used and not stopped at the end.
    Call this from a long-lived thread: the server stops with the thread that started it.

    Raises PostgresError if no server is available.
    """
    data_dir = data_dir.absolute()
    with _translate_errors():
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(_beside(data_dir, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _translate_errors():
            server = _lock_or_attach(lock, data_dir)
        if server:
            yield server
            return
        with ExitStack() as at_exit:
            with _translate_errors():
                server = _start(data_dir, port, settings, binaries, at_exit)
            yield server
    finally:
        os.close(lock)


def remove(data_dir: Path) -> None:
    """Removes the data of an embedded server, wherever it really is.

    Raises PostgresError and removes nothing if a server runs there or the data is not ours.
    """
    data_dir = data_dir.absolute()
    with (
        _translate_errors(),
        os.fdopen(
            os.open(_beside(data_dir, "lock"), os.O_RDWR | os.O_CREAT), encoding="utf-8"
        ) as lock,
    ):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PostgresError(f"a process runs the server of {data_dir}: stop it first") from None
        home = data_dir.resolve()
        if not (home / PASSWORD_FILE).exists():
            raise PostgresError(
                f"{data_dir} was not created by the embedded Postgres, so it is left unchanged"
            )
        _await_predecessor(home)
        _forget(data_dir)
        shutil.rmtree(home)
        data_dir.unlink(missing_ok=True)


@contextmanager
def temporary(
    *, settings: Mapping[str, str] = MappingProxyType({}), binaries: Path | None = None
) -> Iterator[Server]:
    """Runs a server on a temporary data directory. Otherwise like `run`."""
    with tempfile.TemporaryDirectory(prefix="index-jobs-", dir=SOCKETS) as folder:
        Path(folder).chmod(0o711)  # root's server runs as another user
        with run(Path(folder, "pgdata"), port=0, settings=settings, binaries=binaries) as server:
            yield server


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise PostgresError(
            f"cannot run the embedded Postgres: {error}. Does it belong to another user?"
        ) from error
    except (OSError, BinariesError) as error:
        raise PostgresError(f"cannot run the embedded Postgres: {error}") from error


def _beside(data_dir: Path, suffix: str) -> Path:
    return data_dir.with_name(f"{data_dir.name}.{suffix}")


def _lock_or_attach(lock: int, data_dir: Path) -> Server | None:
    """Takes the owner's lock and returns None, or returns the server of its holder."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None
        if server := _running(data_dir):
            return server
        time.sleep(0.05)
    raise PostgresError(
        f"another process owns {data_dir}, but its server does not answer. "
        "Stop that process (for example make serve) and try again"
    )


def _running(data_dir: Path) -> Server | None:
    try:
        state = json.loads(_beside(data_dir, "json").read_text(encoding="utf-8"))
        paths = {name: Path(state[name]) for name in ("data_dir", "socket_dir", "binaries")}
        server = Server(**{**state, **paths})
        if _postmaster(data_dir) != (server.pid, "ready"):
            return None
        socket.create_connection((server.host, server.port), timeout=5).close()
    except (FileNotFoundError, ConnectionError, TimeoutError, ValueError, KeyError, TypeError):
        return None  # not yet, or no longer
    return server


def _postmaster(home: Path) -> tuple[int, str] | None:
    """Returns the process id and status (starting, ready, stopping …) in the pid file."""
    try:
        lines = (home / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[0]), lines[-1].strip()
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _start(
    data_dir: Path,
    port: int,
    settings: Mapping[str, str],
    binaries: Path | None,
    at_exit: ExitStack,
) -> Server:
    """Starts a server and stops it `at_exit`. The caller holds the lock."""
    _forget(data_dir)
    account = server_account(data_dir)
    binaries = executable_binaries(binaries or postgres_binaries(), account)
    home = home_of(data_dir, account)
    _await_predecessor(home)
    if not (home / "PG_VERSION").exists():
        _initialize(home, binaries, account, durable=settings.get("fsync") != "off")
    _check_version(home, binaries, account)
    password = (home / PASSWORD_FILE).read_text(encoding="utf-8")
    socket_dir = Path(tempfile.mkdtemp(prefix="index-jobs-", dir=SOCKETS))
    at_exit.callback(shutil.rmtree, socket_dir, ignore_errors=True)
    account.own(socket_dir)
    options = {
        "timezone": "UTC",
        "log_timezone": "UTC",
        # for polls while a large job stores its rows: they write too (the quota), and would wait
        # for space in the WAL buffers and for a new WAL segment to be zeroed
        "wal_buffers": "32MB",
        "wal_init_zero": "off",
        # less WAL; nothing replicates from here
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "4GB",
        "shared_buffers": "512MB",
        # per session, for sorts and held cursors, which any login can use
        "temp_file_limit": "4GB",
        **settings,
        "listen_addresses": HOST,
        "unix_socket_directories": str(socket_dir),
    }
    command = [str(binaries / "bin/postgres"), "-D", str(home)]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    process, port = _launch(command, home, port, _beside(data_dir, "log"), account)
    at_exit.callback(_forget, data_dir)
    at_exit.callback(_stop, process)
    server = Server(data_dir, HOST, port, socket_dir, password, process.pid, binaries)
    state = os.open(_beside(data_dir, "json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(state, "w", encoding="utf-8") as file:
        json.dump(asdict(server), file, default=str)
    return server


def _launch(
    command: list[str], home: Path, port: int, log: Path, account: Account
) -> tuple[subprocess.Popen[bytes], int]:
    """Returns the process, ready for connections, and its port.

    Retries if another process takes the port first, and while leftover processes of a killed server
    hold its shared memory.
    """
    deadline = time.monotonic() + PATIENCE
    if log.exists():
        log.rename(_beside(log, "1"))
    log.touch(0o600)
    while True:
        port = _first_free_port(port)
        with log.open("ab") as output:
            begin = output.tell()
            process = subprocess.Popen(
                [*command, "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509
                **account.popen(),
            )
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if _postmaster(home) == (process.pid, "ready"):
                    return process, port
                time.sleep(0.02)
        except BaseException:
            _stop(process)
            raise
        _stop(process)
        said = log.read_bytes()[begin:].decode(errors="replace").strip()
        passing = not _free_port(port) or "is still in use" in said
        if not passing or time.monotonic() > deadline:
            tail = "\n".join(said.splitlines()[-15:])
            raise PostgresError(
                f"Postgres cannot start on {home} (exit code {process.returncode}):\n{tail}\n"
                f"Fix what it says (the whole log is {log}), or move the data directory away "
                "to start with an empty database"
            )
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Shuts the server down fast or, if that takes too long, immediately."""
    for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(request)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return


def _forget(data_dir: Path) -> None:
    """Removes the files that lead others to a stopped server."""
    state = _beside(data_dir, "json")
    with suppress(FileNotFoundError, ValueError, KeyError):
        shutil.rmtree(
            json.loads(state.read_text(encoding="utf-8"))["socket_dir"], ignore_errors=True
        )
    state.unlink(missing_ok=True)


def _await_predecessor(home: Path) -> None:
    """Waits until the server of a killed owner is gone, then removes its pid file.

    The process id in it may have been reused, and Postgres would refuse to start. Postgres also
    detects leftover processes by their shared memory.
    """
    deadline = time.monotonic() + PATIENCE
    while (found := _postmaster(home)) and _is_server(found[0], home):
        if time.monotonic() > deadline:
            raise PostgresError(
                f"another program started a server (process {found[0]}) that uses {home}. "
                f"Stop it: kill -INT {found[0]}"
            )
        time.sleep(0.02)
    (home / "postmaster.pid").unlink(missing_ok=True)


def _is_server(pid: int, home: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(home) in arguments


def _check_version(home: Path, binaries: Path, account: Account) -> None:
    said = account.run(binaries / "bin/postgres", "--version").stdout.strip()
    version = re.search(r"[0-9]+", said)
    if not version:
        raise PostgresError(f"{binaries / 'bin/postgres'} does not run here: {said}")
    if (major := (home / "PG_VERSION").read_text(encoding="utf-8").strip()) != version[0]:
        raise PostgresError(
            f"{home} holds data of Postgres {major}, and this is Postgres {version[0]}. Move it "
            f"away to start with an empty database, or dump it with Postgres {major} first"
        )


def _initialize(home: Path, binaries: Path, account: Account, *, durable: bool) -> None:
    """Creates a cluster at `home`, completely or not at all."""
    if home.exists() and any(home.iterdir()):
        raise PostgresError(f"{home} is not empty and has no Postgres data. Use another directory")
    for left in home.parent.glob(f"{home.name}.new.*"):
        shutil.rmtree(left)
    draft = Path(tempfile.mkdtemp(prefix=f"{home.name}.new.", dir=home.parent))
    account.own(draft)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=SOCKETS) as secret:
        account.own(Path(secret.name))
        secret.write(secrets.token_urlsafe(24))
        secret.flush()
        done = account.run(
            *(binaries / "bin/initdb", "-D", draft, "-U", "postgres", "--auth=scram-sha-256"),
            *(f"--pwfile={secret.name}", "--encoding=UTF8", "--locale=C"),
            *(() if durable else ("--no-sync",)),
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb failed in {draft}:\n{done.stdout[-2000:]}")
        shutil.copy(secret.name, draft / PASSWORD_FILE)
        account.own(draft / PASSWORD_FILE)
    draft.rename(home)


def die_with_parent() -> Callable[[], None] | None:
    """Asks the kernel to send SIGINT when the parent ends. Runs in the child before the server."""
    if sys.platform != "linux":
        return None
    prctl, parent, set_parent_death_signal = ctypes.CDLL(None).prctl, os.getpid(), 1

    def prepare() -> None:
        prctl(set_parent_death_signal, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _first_free_port(port: int) -> int:
    """Returns the port, or the first free one above it; for 0, any free port."""
    candidates = range(port, min(port + _PORTS_TO_TRY, 65_536)) if port else ()
    return next((free for free in map(_free_port, candidates) if free), _free_port(0))


def _free_port(port: int) -> int:
    """Returns the port if it is free (for 0: any free port), otherwise 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    return 0
