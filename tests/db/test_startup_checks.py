"""Problems that only an operator can fix stop the start and give a working remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.errors import from_database
from api.settings import ApiSettings
from db.tools.connection import refusal_or
from db.tools.settings import SettingError, misspelled_settings
from db.tools.startup_checks import API, WORKER, DatabaseLogin, require_login
from tests.support.databases import Database
from worker.settings import WorkerSettings

PARTS = pytest.mark.parametrize("part", [API, WORKER], ids=["api", "worker"])
NUMBERS = count(1)


class Login:
    """A role that the test creates, and its URL."""

    def __init__(self, database: Database, connection: psycopg.Connection[Any], made: str) -> None:
        self.name = f"Login {next(NUMBERS)}"
        self.connection = connection
        password = database.server.password
        self.execute(f"create role {{}} {made} password '{password}'")
        self.url = psycopg.conninfo.make_conninfo(database.url, user=self.name, password=password)
        info = psycopg.conninfo.conninfo_to_dict(self.url)
        self.url = (
            f"postgresql://{self.name.replace(' ', '%20')}:{password}"
            f"@{info['host']}:{info['port']}/{info['dbname']}"
        )

    def execute(self, command: str) -> None:
        name = sql.Identifier(self.name)
        self.connection.execute(sql.SQL(command).format(name))  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[18, 15])
def database(request: pytest.FixtureRequest, clusters: Any) -> Iterator[Database]:
    with clusters(request.param).database("ordinary", migrated=True) as database:
        yield database


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield connection


def refusal(part: DatabaseLogin, url: str) -> str:
    with pytest.raises(SettingError) as refused:
        require_login(part, url)
    said = str(refused.value)
    assert said.startswith(f"{part.setting}: ")
    return said


@PARTS
def test_valid_login_starts(database: Database, part: DatabaseLogin) -> None:
    require_login(part, database.api_url if part is API else database.worker_url)


@PARTS
def test_wrong_password_stops_the_start(database: Database, part: DatabaseLogin) -> None:
    said = refusal(part, database.api_url.replace(database.server.password, "hush-hush"))
    assert "the password of index_jobs_api is wrong" in said
    assert "hush-hush" not in said


@PARTS
@pytest.mark.parametrize("made", ["login", "login noinherit"])
def test_login_without_membership_starts_after_the_remedy(
    database: Database, superuser: psycopg.Connection[Any], part: DatabaseLogin, made: str
) -> None:
    login = Login(database, superuser, made)
    if made != "login":
        login.execute(f"grant {part.role} to {{}}")
    said = refusal(part, login.url)
    assert part.role in said
    remedy = re.search(r"run: (.*)$", said)
    assert remedy
    superuser.execute(remedy[1].encode())
    require_login(part, login.url)


@PARTS
def test_login_of_the_other_component_stops_the_start(
    database: Database, part: DatabaseLogin
) -> None:
    said = refusal(part, database.worker_url if part is API else database.api_url)
    assert f"may not execute {part.function}()" in said


@PARTS
def test_nologin_role_starts_after_the_remedy(
    database: Database, superuser: psycopg.Connection[Any], part: DatabaseLogin
) -> None:
    login = Login(database, superuser, f"nologin in role {part.role}")
    said = refusal(part, login.url)
    assert f'alter role "{login.name}" login' in said
    login.execute("alter role {} login")
    require_login(part, login.url)


@PARTS
def test_missing_database_stops_the_start(database: Database, part: DatabaseLogin) -> None:
    said = refusal(part, database.server.url("nowhere", "index_jobs_api"))
    assert "there is no database nowhere" in said


@PARTS
def test_missing_right_to_connect_stops_the_start(
    database: Database, superuser: psycopg.Connection[Any], part: DatabaseLogin
) -> None:
    login = Login(database, superuser, f"login in role {part.role}")
    name = database.name
    superuser.execute(f"revoke connect on database {name} from public".encode())
    try:
        assert f'grant connect on database "{name}" to "{login.name}"' in refusal(part, login.url)
        login.execute(f"grant connect on database {name} to {{}}")
        require_login(part, login.url)
    finally:
        login.execute(f"revoke connect on database {name} from {{}}")
        superuser.execute(f"grant connect on database {name} to public".encode())


@PARTS
def test_transient_problem_does_not_prevent_the_start(
    new_database: Any, superuser: psycopg.Connection[Any], database: Database, part: DatabaseLogin
) -> None:
    require_login(part, "postgresql://me:secret@127.0.0.1:1/x")
    require_login(part, "postgresql://me:secret@no-such-host.invalid/x")
    require_login(part, new_database(migrated=False).url_of("index_jobs_api"))
    full = Login(database, superuser, f"login connection limit 0 in role {part.role}")
    require_login(part, full.url)


def test_refused_login_is_not_reported_as_an_outage(database: Database) -> None:
    for url, code in (
        (database.api_url.replace(database.server.password, "wrong"), "DATABASE_REFUSED"),
        ("postgresql://me@127.0.0.1:1/x", "DATABASE_UNAVAILABLE"),
    ):
        with pytest.raises(psycopg.OperationalError) as failed:
            psycopg.connect(url)
        assert from_database(refusal_or(failed.value)).code == code


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("RUNNER_CONCURENCY", "RUNNER_CONCURRENCY"),
        ("Runner_Concurency", "RUNNER_CONCURRENCY"),
        ("RUNNER_JOB_MEM", "RUNNER_JOB_MEMORY"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("API_DATABASE_URI", "API_DATABASE_URL"),
        ("JWKS_URI", "JWKS_URL"),
        ("SUPABASE_SERVICE_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    ],
)
def test_misspelled_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str
) -> None:
    monkeypatch.setenv(variable, "5")
    assert misspelled_settings(ApiSettings, WorkerSettings) == [(variable.upper(), nearest)]


@pytest.mark.parametrize(
    "variable",
    [
        *("DATABASE_URL", "API_URL", "GIT_SSL_CAINFO", "RUNNER_OS", "RUNNER_TEMP", "HOSTNAME"),
        *("GIT_PROXY_COMMAND", "SUPABASE_ANON_KEY", "POSTGRES_PORT", "CORS_ALLOWED_ORIGINS"),
        *("JWT_ISSUER", "PG_DATABASE_URL_OF_MINE", "SERVICE_HOST", "ACCESS_KEY", "XPORT"),
        *(name.upper() for name in ApiSettings.model_fields),
    ],
)
def test_variables_of_other_programs_are_not_named(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "5")
    assert misspelled_settings(ApiSettings, WorkerSettings) == []
    if variable.lower() in ApiSettings.model_fields:
        assert misspelled_settings(WorkerSettings) == []
