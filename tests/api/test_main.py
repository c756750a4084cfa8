"""The serving command, observed as a process: its output, modules, limits and leftovers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import psycopg
import pytest

from api.app import create_app
from api.main import Server
from api.settings import ApiSettings
from cli.users import create_api_key
from tests.support import loopback
from tests.support.databases import Database
from tests.support.loaded_modules import record_modules
from tests.support.pooled import one_process
from tests.support.processes import read_until_killed
from tests.support.waiting import PATIENCE, until

from .conftest import JWT_SECRET

pytestmark = one_process("starts a process itself, and reads its log and its limits")

COMMAND = [sys.executable, "-P", "-m", "api"]
NOWHERE = "postgresql://nobody:s3cret@127.0.0.1:1/none"
NOT_IMPORTED = ("yoyo", "rich", "typer", "sqlparse", "tree_sitter", "supabase", "worker", "cli")
NEVER_LOADED = ("yoyo", "rich.console", "db.local", "db.tools.migrate", "db.tools.stamp", "cli")


@dataclass
class Served:
    """A running `python -m api`."""

    process: subprocess.Popen[str]
    folder: Path
    lines: list[str] = field(default_factory=list)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Returns the log lines with this event. Every line must be JSON."""
        found = [json.loads(line) for line in list(self.lines)]
        return [line for line in found if line["event"] == event]

    @property
    def url(self) -> str:
        return str(self.logged("API started")[0]["address"])

    def modules(self) -> set[str]:
        """Returns the modules that it has loaded."""
        file = self.folder / "modules"
        file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        until(file.exists, 60)
        return set(file.read_text().split())

    def end(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


Start = Callable[..., Any]


def environment(folder: Path, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PORT": "0",
        "API_DATABASE_URL": NOWHERE,
        "JWT_SECRET": JWT_SECRET,
        "RUN_DIR": str(folder / "run"),
        **record_modules(folder),
        **changes,
    }


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs `python -m api` with these variables for the length of a with block."""

    @contextmanager
    def running(*, open_files: int = 0, **changes: str) -> Iterator[Served]:
        limit = f"ulimit -n {open_files}; " if open_files else ""
        process = subprocess.Popen(
            ["sh", "-c", f'{limit}exec "$@"', "sh", *COMMAND],
            env=environment(tmp_path, **changes),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        served = Served(process, tmp_path)
        with read_until_killed(process, served.lines):
            until(lambda: served.logged("API started") or process.poll() is not None, PATIENCE)
            assert process.poll() is None, served.lines
            yield served

    return running


def has(modules: set[str], name: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for module in modules)


def test_import_loads_neither_the_worker_nor_modules_of_the_cli(tmp_path: Path) -> None:
    code = "import api.main, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "api.main" in modules
    assert [name for name in (*NOT_IMPORTED, *NEVER_LOADED) if has(modules, name)] == []


def test_process_with_runner_loads_neither_cli_nor_migrations(
    start: Start, database: Database
) -> None:
    urls = {
        "API_DATABASE_URL": database.url_of("index_jobs_api"),
        "WORKER_DATABASE_URL": database.url_of("index_jobs_worker"),
    }
    with start(**urls) as served:
        assert loopback.get(f"{served.url}/ready").status_code == 200
        modules = served.modules()
        assert has(modules, "worker.runner")
        assert [name for name in NEVER_LOADED if has(modules, name)] == []
        assert served.end() == 0


def test_process_without_runner_does_not_load_it(start: Start) -> None:
    with start(WORKER_DATABASE_URL=NOWHERE, RUNNER_CONCURRENCY="0") as served:
        assert served.logged("API started")[0]["runner_slots"] == 0
        assert not has(served.modules(), "worker.runner")


def test_start_logs_one_line_with_the_limits_and_no_password(start: Start) -> None:
    with start(WORKER_DATABASE_URL=NOWHERE) as served:
        (line,) = served.logged("API started")
        assert line["database"] == "127.0.0.1:1/none"
        assert (line["runner_slots"], line["max_connections"]) == (3, 10_000)
        assert (line["keep_alive_seconds"], line["database_pool_size"]) == (75, 4)
        assert loopback.get(f"{line['address']}/health").status_code == 200
        assert "s3cret" not in "".join(served.lines)


def test_max_connections_is_limited_by_open_files(start: Start) -> None:
    with start(open_files=400) as served:
        assert served.logged("API started")[0]["max_connections"] == 400 - 256


def test_requests_are_logged_only_with_access_log_on(start: Start) -> None:
    with start() as quiet:
        loopback.get(f"{quiet.url}/health")
        assert quiet.end() == 0
        [stopping] = until(lambda: quiet.logged("API stopping"))
        assert quiet.logged("request") == []
        assert (stopping["requests"], stopping["drain_seconds"]) == (0, 10)


def test_access_log_names_caller_and_route_and_no_secret(start: Start, database: Database) -> None:
    user = str(uuid4())
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        key = str(create_api_key(connection, user, "test")["api_key"])
    claims = {"sub": user, "role": "authenticated", "aud": "authenticated", "exp": 2**31}
    token = jwt.encode(claims, JWT_SECRET, "HS256")
    job_id = str(uuid4())
    url = database.url_of("index_jobs_api")
    limits = {"JWT_MAX_LIFETIME_SECONDS": str(10**9)}
    with start(API_DATABASE_URL=url, ACCESS_LOG="on", **limits) as served:
        for secret in (token, key):
            answer = loopback.get(
                f"{served.url}/jobs/{job_id}",
                headers={"Authorization": f"Bearer {secret}", "X-Request-Id": secret[:3]},
            )
            assert answer.status_code == 404
        loopback.get(f"{served.url}/nowhere?token={key}")
        until(lambda: len(served.logged("request")) == 3, 60)
        by_token, by_key, nowhere = served.logged("request")
        for line in (by_token, by_key):
            assert (line["route"], line["status"]) == ("/jobs/{job_id}", 404)
            assert line["job_id"] == job_id
            assert line["milliseconds"] > 0
        assert (by_token["request_id"], by_token["user_id"]) == ("eyJ", user)
        assert by_key["key_id"] == key[3:19]
        assert "user_id" not in by_key
        assert (nowhere["route"], nowhere["status"]) == ("none", 404)
        said = "".join(served.lines)
        assert not [secret for secret in (token, key, JWT_SECRET) if secret in said]


def test_returned_links_contain_the_root_path(start: Start, database: Database) -> None:
    user = str(uuid4())
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        key = str(create_api_key(connection, user, "test")["api_key"])
    url = database.url_of("index_jobs_api")
    with (
        start(API_DATABASE_URL=url, ROOT_PATH="/jobs-api") as served,
        loopback.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        created = client.post("/index", json={"repository": "owner/name"})
        job_id = created.json()["jobId"]
        assert created.headers["location"] == f"/jobs-api/jobs/{job_id}"
        client.post("/index", json={"repository": "owner/name"})
        page = client.get("/jobs?limit=1")
        assert page.headers["link"].startswith("</jobs-api/jobs?limit=1&cursor=")
        assert client.get("/rest/v1/none").json()["code"] == "PGRST205"
        assert client.put("/rest/v1/rpc/list_api_keys").json()["code"] == "PGRST101"
        refused = client.post("/rest/v1/rpc/list_api_keys", content="{")
        assert sorted(refused.json()) == ["code", "details", "hint", "message"]


def test_idle_connection_is_closed_after_keep_alive_seconds(start: Start) -> None:
    with start(KEEP_ALIVE_SECONDS="1") as served:
        host, port = httpx2.URL(served.url).host, httpx2.URL(served.url).port
        with socket.create_connection((host, port), timeout=12) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = b""
            while block := connection.recv(4096):
                answer += block
        assert answer.startswith(b"HTTP/1.1 200")


def test_proxy_headers_are_trusted_only_from_named_proxies() -> None:
    for proxies, trusts in (((), False), (("10.0.0.0/8",), True)):
        settings = ApiSettings(api_database_url=NOWHERE, forwarded_allow_ips=proxies)
        config = Server(create_app(settings), settings, on_ready=lambda: None).config
        assert (config.proxy_headers, config.forwarded_allow_ips) == (trusts, list(proxies))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"API_DATABASE_URL": ""}, "neither API_DATABASE_URL nor both of SUPABASE_URL and "),
        ({"ROOT_PATH": "jobs/"}, "ROOT_PATH: must be a path"),
        ({"FORWARDED_ALLOW_IPS": "proxy"}, "FORWARDED_ALLOW_IPS: proxy is neither an address"),
        ({"MAX_CONNECTIONS": "0"}, "MAX_CONNECTIONS=0: input should be greater than"),
        ({"KEEP_ALIVE_SECONDS": "long"}, "KEEP_ALIVE_SECONDS=long: input should be"),
        ({"METRICS_TOKEN": "a few words of it"}, "METRICS_TOKEN: must be at least 16 letters"),
        ({"METRICS_PORT": "0"}, "METRICS_PORT=0: input should be greater than"),
        ({"ACCESS_LOG": "perhaps"}, "ACCESS_LOG=perhaps: input should be"),
        ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 is not an address of this machine"),
    ],
)
def test_invalid_setting_is_a_one_line_error(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        COMMAND,
        env=environment(tmp_path, **changes),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {said}")


def test_login_that_can_never_work_stops_the_start(tmp_path: Path, database: Database) -> None:
    password = database.server.password
    for url, said in (
        (database.api_url.replace(password, "hush-hush"), "of index_jobs_api is wrong"),
        (database.anon_url, 'run: grant "job_http" to "test_anon"'),
    ):
        done = subprocess.run(
            COMMAND,
            env=environment(tmp_path, API_DATABASE_URL=url, RUNNER_CONCURENCY="5"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        warning, sentence = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (1, "")
        assert json.loads(warning)["variable"] == "RUNNER_CONCURENCY"
        assert json.loads(warning)["nearest"] == "RUNNER_CONCURRENCY"
        assert sentence.startswith("error: API_DATABASE_URL: ")
        assert said in sentence
        assert "hush-hush" not in done.stderr


def test_port_in_use_is_a_one_line_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            COMMAND,
            env=environment(tmp_path, PORT=port),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: port {port} is taken: stop what uses it, or set PORT= to another port\n"
    )
