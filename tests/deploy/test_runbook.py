"""The SQL statements of the alerts in docs/operations.md run unchanged on 15 and 18."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support.waiting import wait_out_end_of_hour

OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text()
ALERTS = re.search(r"^### Alerts\n(.*?)^## ", OPERATIONS, re.M | re.S)
assert ALERTS
BLOCKS = re.findall(r"^#### (\w+)$|^```sql\n(.*?)^```", ALERTS[1], re.M | re.S)
OWNERS = "-- for the owner of the database"

ARRANGED = """
select tests.arrange_cast();
select tests.arrange_job('waits');
select tests.arrange_job('failed', 'failed');
select tests.arrange_job('runs', 'processing');
select tests.arrange_job('lost', 'processing');
select report_job_progress(tests.id('lost'), 1, p_lease => '0.001 seconds');
select tests.advance_clock('1 hour');
select retry_or_fail_stuck_jobs('2 hours');
select report_runner(tests.worker(1), 'host', 1, '1', 3, 1);
insert into private.rate_limit_counters values (tests.alice(), date_trunc('hour', now()), 100);
"""
FOUND = {  # how many of the prepared rows the statements of an alert find
    "JobFailureRateHigh": [1],
    "JobProcessingLong": [2, 1],
    "JobTablesLarge": [1, 5],
    "JobsNotClaimed": [1, 1],
    "NoRunnerAlive": [1],
    "JobAttemptsLost": [1],
    "QuotaRefusalsMany": [1],
    "MetricsSlow": [1, 0],
}


def statements() -> Iterator[tuple[str, str, bool]]:
    """Yields each statement with its alert and whether the owner must run it."""
    alert = ""
    for title, block in BLOCKS:
        alert = title or alert
        for statement in block.removeprefix(OWNERS).split(";\n"):
            if statement.strip():
                yield alert, statement, block.startswith(OWNERS)


@pytest.fixture(scope="module", params=[18, 15])
def connection(
    request: pytest.FixtureRequest, clusters: Callable[..., Any]
) -> Iterator[psycopg.Connection[TupleRow]]:
    with (
        clusters(request.param, "ordinary").database("ordinary", migrated=True) as place,
        psycopg.connect(place.url) as connection,
    ):
        wait_out_end_of_hour()
        connection.execute(ARRANGED)
        yield connection


def test_each_runbook_statement_finds_the_problem(connection: psycopg.Connection[TupleRow]) -> None:
    found: dict[str, list[int]] = {}
    for alert, statement, is_owners in statements():
        connection.execute(
            "set local session authorization " + ("migrator" if is_owners else "test_service_role")
        )
        connection.execute(f"set local role {'migrator' if is_owners else 'service_role'}")
        rows = connection.execute(statement.encode()).fetchall()
        connection.execute("set local role none")
        connection.execute("set local session authorization default")
        found.setdefault(alert, []).append(len(rows))
    assert found == FOUND
