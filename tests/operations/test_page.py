"""Each block of docs/operations.md and docs/deploy is run by a test.

The short ones, which need only a database, are run here in the order of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from cli.users import create_api_key
from tests.api.conftest import avoid_end_of_hour
from tests.support.databases import Database
from tests.support.pages import PAGES, Block, blocks_of

from .conftest import PASSWORD, ROOT, blocks

TESTS = ROOT / "tests"
ALICE = "00000000-0000-4000-8000-0000000000a1"

RUNNERS = {  # heading -> number of blocks under it, and the file that runs them
    "Two installations on one server": (2, "operations/test_page.py"),
    "Poolers": (3, "operations/test_pooler.py"),
    "Failover": (4, "operations/test_failover.py"),
    "Deploying": (1, "operations/test_page.py"),
    "Behind a proxy": (3, "operations/test_proxy.py"),
    "JobFailureRateHigh": (1, "deploy/test_runbook.py"),
    "JobProcessingLong": (2, "deploy/test_runbook.py"),
    "JobTablesLarge": (2, "deploy/test_runbook.py"),
    "JobsNotClaimed": (2, "deploy/test_runbook.py"),
    "NoRunnerAlive": (1, "deploy/test_runbook.py"),
    "JobAttemptsLost": (1, "deploy/test_runbook.py"),
    "QuotaRefusalsMany": (1, "deploy/test_runbook.py"),
    "MetricsSlow": (1, "deploy/test_runbook.py"),
    "Backups and rollbacks": (4, "db/test_backup.py"),
    "A job does not end": (2, "operations/test_page.py"),
    "All quotas were reset": (1, "operations/test_page.py"),
    "A key has leaked": (1, "operations/test_page.py"),
    "Repositories have moved to another host": (1, "db/test_remedies.py"),
    # docs/deploy/README.md
    "Install": (1, "deploy/test_deploying.py"),
    "Migrate, and create the logins": (1, "deploy/test_deploying.py"),
    "Start": (3, "deploy/test_deploying.py"),
    "A new release": (1, "deploy/test_deploying.py"),
}


def unknown(found: list[Block]) -> list[str]:
    """Returns headings without a test, or with more or fewer blocks than their test runs."""
    counted: dict[str, int] = {}
    for block in found:
        counted[block.heading] = counted.get(block.heading, 0) + 1
    named = {*RUNNERS, *counted}
    return sorted(h for h in named if counted.get(h, 0) != RUNNERS.get(h, (0, ""))[0])


def test_each_block_is_run_by_a_test() -> None:
    assert unknown([block for page in PAGES for block in blocks_of(page.read_text())]) == []


@pytest.mark.parametrize("heading", RUNNERS)
def test_file_that_runs_a_block_names_its_heading(heading: str) -> None:
    text = (TESTS / RUNNERS[heading][1]).read_text()
    whole_page = 'DEPLOY / "README.md"' in text  # all of its blocks, in their order
    assert f'{heading}"' in text or whole_page


def test_untested_block_is_detected() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    more = text.replace("### A key has leaked\n", "### A key has leaked\n\n```sh\ntrue\n```\n")
    new = text + "\n## News\n\n```sql\nselect 1;\n```\n"
    of_deploy = [block for page in PAGES[1:] for block in blocks_of(page.read_text())]
    assert unknown([*blocks_of(more), *of_deploy]) == ["A key has leaked"]
    assert unknown([*blocks_of(new), *of_deploy]) == ["News"]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, clusters: Callable[..., Any]) -> Iterator[Database]:
    with clusters(request.param, "ordinary").database("ordinary", migrated=True) as database:
        yield database


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        metafunc.parametrize("place", [18, 15], indirect=True, scope="module")


@pytest.fixture
def superuser(place: Database) -> Iterator[psycopg.Connection[TupleRow]]:
    with psycopg.connect(place.url, autocommit=True) as connection:
        yield connection


def sql_of(heading: str) -> list[str]:
    found = blocks(heading)
    assert {language for language, _ in found} == {"sql"}
    return [text for _, text in found]


def typed(url: str, text: str) -> list[TupleRow]:
    """Runs a block with the login of the URL. Returns the rows of its last statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in filter(str.strip, re.split(r";\n", text)):
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_login_gets_access_and_a_second_owner_may_grant_the_roles(
    place: Database, superuser: psycopg.Connection[TupleRow]
) -> None:
    login, grant = sql_of("Two installations on one server")
    password = place.server.password
    made = login.replace(PASSWORD, password).replace("database app ", f"database {place.name} ")
    assert made.count(password) == 1
    superuser.execute("create role staging_owner login createrole")
    try:
        typed(place.migrator_url, made)
        asks = "select a.verdict from api_status() as a;\n"
        assert typed(place.url_of("app_api"), asks) == [("ok",)]
        typed(place.url, grant)
        superuser.execute("set role staging_owner")
        superuser.execute("create role staging_api login in role job_http")
        superuser.execute("reset role")
    finally:
        made_here = "select rolname from pg_roles where rolname ~ '^(app|staging)_(api|owner)$'"
        for (name,) in superuser.execute(made_here.encode()).fetchall():
            superuser.execute(f"drop owned by {name} cascade".encode())
        for (name,) in superuser.execute(made_here.encode()).fetchall():
            superuser.execute(f"drop role {name}".encode())


def test_index_is_built_before_the_migration_that_needs_it(
    place: Database, superuser: psycopg.Connection[TupleRow]
) -> None:
    query = (
        "select pg_get_indexdef(i.indexrelid), i.indisvalid from pg_index as i"
        " where i.indexrelid = 'public.index_jobs_pending_idx'::regclass"
    )
    before = superuser.execute(query.encode()).fetchall()
    superuser.execute("drop index public.index_jobs_pending_idx")
    (build,) = sql_of("Deploying")
    typed(place.migrator_url, build)
    assert superuser.execute(query.encode()).fetchall() == before
    assert [valid for _, valid in before] == [True]


def test_silent_job_is_found_and_failed_manually(
    place: Database, superuser: psycopg.Connection[TupleRow]
) -> None:
    find, fail = sql_of("A job does not end")
    superuser.execute("select tests.arrange_cast()")
    with superuser.transaction():
        superuser.execute("select tests.advance_clock('-10 minutes')")
        superuser.execute("select tests.arrange_job('silent', 'processing')")
        superuser.execute("select tests.advance_clock('10 minutes')")
        ((job,),) = superuser.execute("select tests.id('silent')").fetchall()
    assert [row[0] for row in typed(place.service_role_url, find)] == [job]
    assert fail.count("…") == 1
    assert typed(place.service_role_url, fail.replace("…", str(job))) == [(job, "failed")]
    assert typed(place.service_role_url, find) == []


def test_quota_is_reset_and_a_leaked_key_is_disabled(
    place: Database, superuser: psycopg.Connection[TupleRow]
) -> None:
    avoid_end_of_hour(place)
    superuser.execute("insert into auth.users values (%s) on conflict do nothing", (ALICE,))
    key = create_api_key(superuser, ALICE, "k")["api_key"]

    def asks() -> tuple[str, int | None]:
        with psycopg.connect(place.api_url, autocommit=True) as connection:
            row = connection.execute(
                "select a.verdict, a.rate_remaining from api_list_index_jobs(%s, null) as a", (key,)
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    assert (asks(), asks()) == (("ok", 99), ("ok", 98))
    (fresh,) = sql_of("All quotas were reset")
    typed(place.migrator_url, fresh.replace("…", ALICE))
    assert asks() == ("ok", 99)
    (leaked,) = sql_of("A key has leaked")
    typed(place.migrator_url, leaked.replace("…", ALICE))
    assert asks()[0] == "PT401"
