"""Settings of a database or role do not change answers. Nor do a pooler's limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import psycopg.sql
import pytest

from db.tools.sessions import SETTINGS
from tests.support import loopback
from tests.support.pooled import one_process
from tests.support.pooler import pgbouncer, pooler
from tests.support.surroundings import HOSTILE, set_for

from .conftest import Api, Job, Place, Tenant, over_the_database, serve
from .test_sessions import call

pytestmark = one_process("puts poolers of its own before the database")

PARALLEL = 120
SHOW = """
create or replace function public.api_schema_version()
returns table (version text, serves text, is_writable boolean) language sql as $$
  select concat('<', jsonb_object_agg(s.name, current_setting(s.name)), '>'), null, true
  from unnest(%s::text[]) as s (name)
$$
"""


LOCAL = {
    "client_encoding": "UTF8",
    "statement_timeout": "5s",
    "transaction_timeout": "0",
}


def settings_of(api: Api) -> dict[str, str]:
    """Returns the settings of the session that reads the schema version, and breaks it."""
    with api.sql() as connection:
        names = [*SETTINGS, *LOCAL]
        connection.execute(psycopg.sql.SQL(SHOW.replace("%s", "{}")).format(names))
    for _ in range(2):  # earlier prepared statements have different results
        said = api.client.get("/ready").json()["error"]
    found: dict[str, str] = json.loads(said.partition("<")[2].partition(">")[0])
    return found


def answers(api: Api, tenant: Tenant, job: Job) -> list[tuple[int, bytes]]:
    paths = [f"{job.path}{part}" for part in ("", "/events", "/explain")]
    paths += ["/jobs?status=pending", "/jobs/x"]
    since = "/jobs?since=2026-01-02T03:04:05%2B09:00"
    found = [api.get(path, tenant) for path in (*paths, since)]
    listed = call(api, tenant, "list_index_jobs", p_limit="1")
    history = call(api, tenant, "get_job_history", p_job_id=job.id)
    return [(answer.status_code, answer.content) for answer in (*found, listed, history)]


def polls(api: Api, tenant: Tenant, job: Job, count: int = PARALLEL) -> set[int]:
    def poll(_: int) -> int:
        headers = tenant.headers
        return loopback.get(f"{api.url}{job.path}", headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(count) as threads:
        return set(threads.map(poll, range(count)))


@over_the_database
@pytest.mark.parametrize("prepared", [True, False])
def test_role_settings_do_not_change_responses(
    own_api: Callable[..., Api], new_database: Callable[..., Place], prepared: bool
) -> None:
    place = new_database()
    plain = own_api(place)
    tenant = plain.tenant()
    job = Job(plain, tenant, ref="grün/\u6771")
    expected = answers(plain, tenant, job)
    with plain.sql() as connection:
        set_for(connection, "index_jobs_api", place.name)
    api = own_api(place, database_prepared_statements=prepared)
    assert answers(api, tenant, job) == expected
    assert polls(api, tenant, job) == {200}
    created = api.client.post("/index", json={"repository": "a/b"}, headers=tenant.headers)
    assert created.status_code == 202
    assert api.client.get("/ready").status_code == 200
    assert settings_of(api) == SETTINGS | LOCAL


def test_every_overridden_setting_is_tested() -> None:
    stated = {name.lower() for name in SETTINGS}
    assert stated <= {name.lower() for name in HOSTILE}


@over_the_database
@pytest.mark.parametrize("prepared", [True, False])
def test_pooler_without_startup_options_does_not_change_responses(
    own_api: Callable[..., Api],
    new_database: Callable[..., Place],
    prepared: bool,
    proving: bool,
) -> None:
    place = new_database()
    plain = own_api(place)
    tenant = plain.tenant()
    job = Job(plain, tenant, ref="grün/\u6771")
    expected = answers(plain, tenant, job)
    with plain.sql() as connection:
        # the timeout of an unused session is the pooler's concern
        set_for(connection, "index_jobs_api", place.name, but="idle_session_timeout")
    for through in (pgbouncer, pooler) if proving else (pooler,):
        with through(place.api_url) as url:
            settings = {"api_database_url": url, "database_prepared_statements": prepared}
            with serve(place, **settings) as api:
                assert answers(api, tenant, job) == expected
                # without pipelines each of them locks the quota's row for several round trips
                assert polls(api, tenant, job, 40 if prepared else 10) == {200}
                assert api.client.get("/ready").status_code == 200
                if through is pooler:
                    assert settings_of(api) == SETTINGS | LOCAL


@over_the_database
def test_later_default_of_repeatable_read_causes_no_503(
    own_api: Callable[..., Api], new_database: Callable[..., Place]
) -> None:
    place = new_database()
    api = own_api(place)
    tenant = api.tenant()
    job = Job(api, tenant)
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(
            f"alter database {place.name}"
            " set default_transaction_isolation = 'repeatable read'".encode()
        )
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and usename = 'index_jobs_api'"
        )
    assert polls(api, tenant, job) == {200}
