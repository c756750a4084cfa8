"""Common to all routes: problems, methods, CORS, ids, health, readiness, lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from pydantic import SecretStr

from api.app import EXPOSED_HEADERS, create_app
from api.settings import ApiSettings
from cli.dev.settings import StackSettings
from db.tools.settings import SettingError
from tests.support.pooled import one_process

from .conftest import Api, Place, Tenant, Transport, serve


@pytest.fixture(scope="module")
def alice(api: Api) -> Tenant:
    return api.tenant()


def test_health_needs_no_key(api: Api) -> None:
    answer = api.client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_unmigrated_database_is_503_on_every_route(
    own_api: Callable[..., Api], new_database: Callable[..., Place]
) -> None:
    api = own_api(new_database(migrated=False))
    key = "ij_" + "0" * 16 + "_" + "0" * 64
    for path in ("/ready", "/jobs/x"):
        answer = api.client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert "migrate" in answer.json()["error"]
        assert answer.headers["retry-after"]


@pytest.mark.parametrize("path", ["/view", "/nothing", "/jobs/", "/index/", "/jobs/a/b", "/%00"])
def test_unknown_route_is_a_404_problem(api: Api, path: str) -> None:
    answer = api.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/index", {"POST"}),
        ("PUT", "/index", {"POST"}),
        ("POST", "/jobs/x", {"GET", "HEAD"}),
        ("PATCH", "/admin/jobs/x", {"GET", "HEAD"}),
        ("TRACE", "/health", {"GET", "HEAD"}),
        ("OPTIONS", "/ready", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_is_405_with_allow_header(
    api: Api, method: str, path: str, allow: set[str]
) -> None:
    answer = api.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) == allow


def test_cors_exposes_every_header_that_browsers_need(api: Api, alice: Tenant) -> None:
    origin = {"Origin": "https://app.example"}
    created = api.client.post("/index", json={"repository": "a/b"}, headers=alice.headers | origin)
    answers = [
        created,
        api.get(created.headers["location"], alice, **origin),
        api.get("/jobs/x", alice, **origin),
        api.client.get("/jobs/x", headers=origin),
        api.client.get("/nothing", headers=origin),
    ]
    safe = {"cache-control", "content-length", "content-type"}
    unseen = {
        "access-control-allow-origin",
        "access-control-expose-headers",
        "date",
        "server",
        "vary",
        "x-content-type-options",
    }
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = {name.lower() for name in EXPOSED_HEADERS}
        assert answer.headers["access-control-expose-headers"] == ", ".join(EXPOSED_HEADERS)
        assert set(answer.headers) - safe - unseen <= exposed | {"www-authenticate"}
    assert {"link", "etag", "location", "retry-after", "ratelimit"} <= exposed


def test_preflight_allows_the_headers_that_clients_send(api: Api) -> None:
    for method, path in (("POST", "/index"), ("GET", "/jobs/x")):
        answer = api.client.options(
            path,
            headers={
                "Origin": "https://app.example",
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
            },
        )
        assert answer.status_code == 200
        assert method in answer.headers["access-control-allow-methods"]
        assert "idempotency-key" in answer.headers["access-control-allow-headers"]


def test_only_configured_origins_may_read_responses(own_api: Callable[..., Api]) -> None:
    api = own_api(cors_origins="https://a.example, https://b.example")
    allowed = api.client.get("/health", headers={"Origin": "https://b.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://b.example"
    other = api.client.get("/health", headers={"Origin": "https://c.example"})
    assert "access-control-allow-origin" not in other.headers


def test_each_response_has_a_request_id_and_keeps_the_clients_own(api: Api) -> None:
    ids = {api.client.get(path).headers["x-request-id"] for path in ("/health", "/health", "/no")}
    assert len(ids) == 3
    mine = api.client.get("/health", headers={"X-Request-Id": "my.id-1"})
    assert mine.headers["x-request-id"] == "my.id-1"
    for odd in ("a b", "x" * 65, "<script>", ""):
        answer = api.client.get("/health", headers={"X-Request-Id": odd})
        assert answer.headers["x-request-id"] != odd


def spoil(api: Api, raising: str) -> None:
    """Makes api_get_job_status fail with this SQLSTATE."""
    with api.sql() as connection:
        connection.execute(
            "create or replace function public.api_get_job_status("
            " p_api_key text, p_claims jsonb, p_job_id text, p_known_version bigint default null)"
            " returns private.api_answer"
            " language plpgsql as $$ begin"
            f" raise exception 'secret of the inside' using errcode = '{raising}'; end $$"
        )


@one_process("reads the log of one process")
def test_bug_is_500_without_internals_and_its_traceback_is_logged(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    tenant = api.tenant()
    api.expected_errors.append("/jobs/{job_id}")
    spoil(api, "XX000")
    answer = api.get("/jobs/x", tenant, Origin="https://app.example")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "secret of the inside" not in answer.text
    (line,) = [record for record in api.log if record.levelname == "ERROR"]
    assert line.exc_info
    assert vars(line)["request_id"] == answer.headers["x-request-id"]
    assert api.client.get("/health").status_code == 200


STATUSES = {
    "57014": 503,
    "55P03": 503,
    "40001": 503,
    "40P01": 503,
    "53300": 503,
    "53200": 503,
    "57P01": 503,
    "25006": 503,
    "08006": 503,
    "42501": 503,
    "22021": 422,
    "23503": 409,
}


def test_transient_failure_is_503_with_retry_after(
    own_api: Callable[..., Api], transport: Transport
) -> None:
    api = own_api()
    tenant = api.tenant()
    for sqlstate, status in STATUSES.items():
        if (transport, sqlstate) == ("supabase", "40001"):
            continue  # PostgREST retries the call forever: see test_supabase_rpc
        spoil(api, sqlstate)
        answer = api.get("/jobs/x", tenant)
        assert answer.status_code == status, sqlstate
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("retry-after" in answer.headers) == (status == 503)
        assert "secret of the inside" not in answer.text


@one_process("runs something beside the API in its process")
def test_background_tasks_start_after_the_pool_and_stop_before_it(
    new_database: Callable[..., Place],
) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def part(name: str) -> AsyncIterator[None]:
        seen.append(f"{name} in")
        yield
        seen.append(f"{name} out")

    with serve(new_database(), background=[lambda: part("a"), lambda: part("b")]) as api:
        assert seen == ["a in", "b in"]
        assert api.client.get("/ready").status_code == 200
    assert seen == ["a in", "b in", "b out", "a out"]


@pytest.fixture
def without_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*StackSettings.model_fields, "supabase_service_role_key"):
        monkeypatch.delenv(name.upper(), raising=False)
    yield


@pytest.mark.usefixtures("without_environment")
def test_invalid_settings_are_rejected_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="API_DATABASE_URL"):
        create_app(ApiSettings.read())
    for alone in ("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"):
        with monkeypatch.context() as patch, pytest.raises(SettingError, match="SUPABASE_SERVICE"):
            patch.setenv(alone, "https://project.supabase.co")
            create_app(ApiSettings.read())
    for name, value in {
        "SUPABASE_URL": "x.supabase.co",
        "JWT_SECRET": "short",
        "LOCAL_REPOSITORY_ROOTS": "relative/folder",
        "PORT": "70000",
        "DATABASE_POOL_SIZE": "0",
        "RUNNER_JOB_MEMORY": "1MiB",
        "RUNNER_JOB_SECONDS": "0",
    }.items():
        with monkeypatch.context() as patch, pytest.raises(SettingError, match=f"^{name}[:=]"):
            patch.setenv(name, value)
            StackSettings.read()


@pytest.mark.usefixtures("without_environment")
def test_settings_come_from_the_environment_and_empty_means_unset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "SUPABASE_SERVICE_ROLE_KEY": "k",
        "LOCAL_REPOSITORY_ROOTS": "/usr:/tmp/",
        "CORS_ORIGINS": "https://a.example,https://b.example",
        "GIT_BASE_URL": "https://git.example",
        "GIT_TRUSTED_HOSTS": "git.internal, 10.0.0.1:8080",
        "RUNNER_JOB_MEMORY": "512MiB",
        "JWT_SECRET": "",
        "PORT": "",
    }.items():
        monkeypatch.setenv(name, value)
    settings = StackSettings()
    assert settings.service_key and settings.service_key.get_secret_value() == "k"
    assert [str(root) for root in settings.local_repository_roots] == ["/usr", "/tmp"]
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.git_base_url == "https://git.example/"
    assert settings.git_trusted_hosts == ("git.internal", "10.0.0.1:8080")
    assert settings.runner_job_memory == 512 * 1024**2
    assert (settings.jwt_secret, settings.port) == (None, 8321)


def test_repr_of_settings_hides_secrets() -> None:
    secret = str(uuid4()) * 2
    url = f"postgresql://u:{secret}@h/d"
    settings = StackSettings(
        jwt_secret=SecretStr(secret),
        service_key=SecretStr(secret),
        api_database_url=url,
        worker_database_url=url,
        git_proxy=url,
    )
    text = f"{settings!r} {settings}"
    assert secret not in text
