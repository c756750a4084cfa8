"""GET /ready: the schema version, the code it serves, and whether the database is writable."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from cli.dev.logins import ensure_login
from db.local.account import home_of, server_account
from db.local.postgres import run
from db.tools import migrate
from db.tools.versions import SchemaVersion
from db.version import VERSION
from tests.support.kept import Kept, open_folder
from tests.support.ports import kept_port
from tests.support.waiting import until

from .conftest import Api, OwnServer, serve

OLDER, NEWER, NEWEST = "20200101000000", "29990101000000", "29990102000000"


def become(api: Api, version: str, serves: str) -> None:
    """Sets the schema version of the database, as a migration would."""
    with api.sql() as connection:
        connection.execute(SchemaVersion(version, "0" * 12, serves).line.encode())


def test_expected_version_is_that_of_the_newest_migration() -> None:
    assert migrate.newest_version() == VERSION


def test_ready_reports_the_schema_version(api: Api) -> None:
    answer = api.client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "schema_version": VERSION}


def test_older_schema_is_not_ready_and_the_response_has_a_hint(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    become(api, OLDER, OLDER)
    answer = api.client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "SCHEMA_MISMATCH")
    assert f"{OLDER}; this API needs {VERSION}" in answer.json()["error"]
    assert "index-jobs migrate" in answer.json()["hint"]
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("serves", [OLDER, VERSION])
def test_newer_compatible_schema_is_ready(own_api: Callable[..., Api], serves: str) -> None:
    api = own_api()
    become(api, NEWER, serves)
    answer = api.client.get("/ready")
    assert answer.json() == {"status": "ready", "schema_version": NEWER}
    assert answer.status_code == 200


def test_newer_incompatible_schema_is_not_ready_until_rolled_back(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    become(api, NEWEST, NEWER)
    answer = api.client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "SCHEMA_MISMATCH")
    assert f"{NEWEST}, which serves code from {NEWER} on" in answer.json()["error"]
    assert "Deploy the release" in answer.json()["hint"]
    become(api, VERSION, VERSION)
    assert api.client.get("/ready").status_code == 200


@pytest.mark.parametrize("comment", ["null", f"'schema version {NEWER}'"])
def test_schema_without_a_compatible_version_is_not_ready(
    own_api: Callable[..., Api], comment: str
) -> None:
    api = own_api()
    with api.sql() as connection:
        connection.execute(f"comment on schema private is {comment}".encode())
    answer = api.client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "SCHEMA_MISMATCH")


def says(api: Api, status: int, code: str | None = None) -> Callable[[], bool]:
    def check() -> bool:
        answer = api.client.get("/ready")
        return (answer.status_code, answer.json().get("code")) == (status, code)

    return check


def test_read_only_database_is_not_ready_until_writable(
    own_api: Callable[..., Api],
) -> None:
    api = own_api()
    for setting, outcome in (("on", (503, "DATABASE_READ_ONLY")), ("off", (200, None))):
        with api.sql() as connection:
            connection.execute("set default_transaction_read_only = off")
            connection.execute(
                f"alter database {api.place.name}"
                f" set default_transaction_read_only = {setting}".encode()
            )
            # open sessions keep their initial setting
            connection.execute(
                "select pg_terminate_backend(a.pid) from pg_stat_activity as a"
                " where a.datname = current_database() and a.pid <> pg_backend_pid()"
            )
        until(says(api, *outcome))
        api.expected_errors.append("terminating connection")


def test_standby_is_not_ready_until_promoted(kept: Kept) -> None:
    with open_folder() as folder, kept_port() as port:
        kept.stack(folder / "pgdata")
        settings = {"wal_level": "replica"}
        with (
            run(folder / "pgdata", port=port, settings=settings) as server,
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            url = ensure_login(connection, server.url(), "index_jobs_api", "job_http", "a password")
        account = server_account(folder / "pgdata")
        signal = home_of(folder / "pgdata", account) / "standby.signal"
        signal.touch()
        account.own(signal)
        with run(folder / "pgdata", port=port, settings=settings) as server:
            place = OwnServer(server, "postgres", server.url(), url)
            with serve(place) as api:
                until(says(api, 503, "DATABASE_READ_ONLY"))
                with api.sql() as connection:
                    connection.execute("select pg_promote()")
                until(says(api, 200))
