"""Private repositories through the whole product: access, and visibility of the token."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cli.client import Client
from cli.users import create_api_key
from tests.support.githost import Host, certificate
from tests.support.repositories import commit
from tests.support.waiting import PATIENCE, until
from worker.timings import Timings

from .conftest import Api, Start
from .test_main import INDEX_JOBS_WORK, Work, work

__all__ = ["work"]

EXAMPLE = Path(__file__).parents[2] / "docs/examples/github-app-credentials.py"
TOKEN = "ghs_the-token-of-the-tests"
KNOWS_NONE = "or it is private: this server has no credentials of yours for it."
REPOSITORY = {"repository": "private/app"}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    commit(tmp_path / "repositories/app.git", {"a.py": "class A:\n    def f(self): ...\n"})
    host = Host(tmp_path / "repositories", certificate(tmp_path / "host.pem"))
    host.token = TOKEN
    yield host
    host.close()


def of_host(host: Host) -> dict[str, Any]:
    return {"git_base_url": f"{host.url}/", "git_trusted_hosts": ("127.0.0.1",)}


@pytest.fixture
def other_key(tenant_key: str, database: Any) -> str:
    """An API key of a second user."""
    user = str(uuid4())
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user,))
        return str(create_api_key(connection, user, "test")["api_key"])


@pytest.fixture
def helper(tmp_path: Path) -> Callable[[str], Path]:
    """Creates a helper that runs a shell script with its input in the file $asked."""

    def make(script: str) -> Path:
        path = tmp_path / "helper"
        path.write_text(f"#!/bin/sh\nasked={path}.asked\ncat > $asked\n{script}\n")
        path.chmod(0o700)
        return path

    return make


def answer_to(tenant_id: str) -> str:
    return (
        f"grep -q tenant_id={tenant_id} $asked || exit 0\n"
        f"echo username=x-access-token; echo password={TOKEN}"
    )


def tenant_of(api: Api, job_id: str) -> str:
    query = "select tenant_id::text from public.index_jobs where id = %s"
    return str(api.value(query, job_id))


def as_other(api: Api, key: str) -> str:
    """Creates a job of another tenant for the same URL. Returns its id."""
    with Client(api.url, key) as other:
        return str(other.create_index_job(REPOSITORY).job_id)


def error_of(api: Api, job_id: str) -> str:
    query = "select error_message from public.index_jobs where id = %s"
    return str(until(lambda: api.value(query, job_id)))


def rows_with(api: Api, text: str) -> list[str]:
    """Returns the tables of all schemas with this text in a row."""
    found = []
    with api.sql() as connection:
        tables = connection.execute(
            "select c.oid::regclass::text from pg_class as c"
            " where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'"
        ).fetchall()
        for (table,) in tables:
            query = f"select exists (select from {table} as t where t::text like %s)"
            row = connection.execute(query.encode(), (f"%{text}%",)).fetchone()
            found += [table] if row == (True,) else []
    return found


def processes_with(text: str, name: str) -> list[str]:
    """Returns all processes with this text in their `cmdline` or `environ`."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{name}"):
        with suppress(OSError):
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def files_with(text: str, folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path.name)
    return found


def test_token_is_not_visible_during_and_after_its_use(
    start: Start, work: Work, host: Host, helper: Any, other_key: str
) -> None:
    """Uses `index-jobs work`. Each search is first shown to find the token where it is."""
    host.holds_packs = True
    with start("api", runner_concurrency=0, **of_host(host)) as api:
        job_id = api.client.create_index_job(REPOSITORY).job_id
        variables = host.environment | {
            "GIT_TRUSTED_HOSTS": "127.0.0.1",
            "GIT_CREDENTIAL_HELPER": str(helper(answer_to(tenant_of(api, job_id)))),
            "RUNNER_LEASE_SECONDS": "600",
        }
        with work("worker", INDEX_JOBS_WORK, **variables) as worker:
            assert host.stalled.wait(PATIENCE)
            url = f"{host.url}/private/app.git"
            assert files_with(url, worker.run_dir)
            assert processes_with("--filter=blob:limit", "cmdline")
            assert processes_with(str(worker.run_dir), "environ")
            assert rows_with(api, url) == ["repositories"]
            for secret in (TOKEN, host.credentials[-1].removeprefix("Basic ")):
                assert files_with(secret, worker.run_dir) == []
                assert processes_with(secret, "cmdline") == []
                assert processes_with(secret, "environ") == []
                assert rows_with(api, secret) == []
                assert secret not in worker.output
            host.released.set()
            job = api.ended(job_id)
            assert (job["status"], api.rows(job)) == ("completed", (1, 2))

            sent = len(host.credentials)
            assert KNOWS_NONE in error_of(api, as_other(api, other_key))
            assert len(host.credentials) == sent
            assert rows_with(api, TOKEN) == []
            assert TOKEN not in worker.output
            until(lambda: not list(worker.run_dir.glob("scratch/*/*-*")))
            assert files_with(TOKEN, worker.run_dir) == []


def test_each_fault_of_a_helper_is_reported(
    start: Start, host: Host, helper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uses the runner inside the API, as in `index-jobs serve`."""
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)
    wrong = {
        "none": (":", KNOWS_NONE),
        "old": ("echo username=x-access-token; echo password=old", "do not give access"),
        "code": ("exit 3", "ended with exit code 3"),
        "slow": ("sleep 600", "took longer than 2 seconds"),
        "rubbish": (f"echo {TOKEN}", "printed a line that is not key=value"),
        "control": (f"printf 'password={TOKEN}\\r\\n'", "printed a control character"),
        "much": ("yes username=a", "printed more than 16384 bytes"),
    }
    cases = "\n".join(f"private/{name}.git) {script};;" for name, (script, _) in wrong.items())
    program = helper(f'case "$(sed -n s/^path=//p $asked | tail -1)" in\n{cases}\nesac')
    with start(
        "run",
        "the credential helper is broken",
        **of_host(host),
        git_credential_helper=program,
        runner_concurrency=1,
        timings=Timings(credentials=2),
    ) as api:
        api.stop_clock()
        jobs = {
            name: api.client.create_index_job({"repository": f"private/{name}"}).job_id
            for name in wrong
        }

        def told(name: str) -> str:
            job = api.job(jobs[name])
            return str(job["error_message"] or job["last_error"] or "")

        until(lambda: all(map(told, wrong)))
        for name, (_, sentence) in wrong.items():
            assert sentence in told(name), name
            final = "failed" if name in {"none", "old"} else "processing"
            assert api.job(jobs[name])["status"] == final
        assert rows_with(api, TOKEN) == []


def test_job_of_a_transferred_repository_gets_no_credential(
    start: Start, work: Work, host: Host, helper: Any
) -> None:
    """Otherwise the new owner could set the URL and read with the old owner's credential."""
    with start("api", runner_concurrency=0, **of_host(host)) as api:
        job_id = api.client.create_index_job(REPOSITORY).job_id
        program = helper(answer_to(tenant_of(api, job_id)))
        with api.sql() as connection:
            new_owner = uuid4()
            connection.execute("insert into auth.users (id) values (%s)", (new_owner,))
            connection.execute("update public.repositories set owner_user_id = %s", (new_owner,))
        variables = host.environment | {"GIT_TRUSTED_HOSTS": "127.0.0.1"}
        with work("worker", GIT_CREDENTIAL_HELPER=str(program), **variables):
            assert "private: this server has no credentials for it." in error_of(api, job_id)
        assert not Path(f"{program}.asked").exists()


class GitHub:
    """A local GitHub that issues App tokens over HTTPS."""

    def __init__(self, pem: Path, public_key: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                signed = self.headers["Authorization"].removeprefix("Bearer ")
                claims = jwt.decode(signed, public_key, algorithms=["RS256"], issuer="123456")
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                github.asked.append({"path": self.path, "claims": claims} | body)
                known = self.path == "/app/installations/77/access_tokens"
                self.send_response(201 if known else 404)
                self.end_headers()
                self.wfile.write(json.dumps({"token": TOKEN} if known else {}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_example_gets_a_github_app_token_for_one_repository(
    start: Start, work: Work, host: Host, tmp_path: Path, other_key: str
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "app.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    github = GitHub(tmp_path / "host.pem", key.public_key())
    try:
        with start("api", runner_concurrency=0, **of_host(host)) as api:
            job_id = api.client.create_index_job(REPOSITORY).job_id
            installations = tmp_path / "installations.json"
            installations.write_text(json.dumps({tenant_of(api, job_id): 77}))
            with work(
                "worker",
                PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                GIT_CREDENTIAL_HELPER=str(EXAMPLE),
                GIT_TRUSTED_HOSTS="127.0.0.1",
                GITHUB_APP_ID="123456",
                GITHUB_APP_KEY=str(tmp_path / "app.pem"),
                GITHUB_INSTALLATIONS=str(installations),
                GITHUB_HOST=f"127.0.0.1:{host.port}",
                GITHUB_API_URL=github.url,
                SSL_CERT_FILE=str(tmp_path / "host.pem"),
                **host.environment,
            ) as worker:
                assert api.ended(job_id)["status"] == "completed"
                [asked] = github.asked
                assert (asked["repositories"], asked["permissions"]) == (
                    ["app"], {"contents": "read"}
                )  # fmt: skip
                assert asked["claims"]["exp"] - asked["claims"]["iat"] <= 600
                second = as_other(api, other_key)
                assert KNOWS_NONE in error_of(api, second)
                installations.write_text(json.dumps({tenant_of(api, second): 78}))
                assert KNOWS_NONE in error_of(api, as_other(api, other_key))
                assert len(github.asked) == 2
                assert TOKEN not in worker.output
    finally:
        github.close()
