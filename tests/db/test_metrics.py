"""Counters on a database with earlier jobs: they start from the stored jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from db.tools import migrate
from tests.support.lives import LIVES

MORE = """
select tests.advance_clock('1 minute');
select public.retry_or_fail_stuck_jobs();
select tests.advance_clock('1 minute');
select public.claim_index_job(tests.worker(9), '1 second') from generate_series(1, 12);
select tests.advance_clock('1 hour');
select public.claim_index_job(tests.worker(9), '1 hour') from generate_series(1, 4);
update public.index_jobs set cancel_requested_at = private.clock() where status = 'processing';
select public.retry_or_fail_stuck_jobs();
select public.update_job_status(j.id, 'failed', '{"error": "unwanted"}')
from (select id from public.index_jobs where status = 'pending' limit 1) as j;
select public.update_job_status(j.id, 'cancelled')
from (select id from public.index_jobs where status = 'pending' limit 1) as j;
select tests.advance_clock('2 minutes');
select public.retry_or_fail_stuck_jobs();
"""


def counters(connection: psycopg.Connection[TupleRow]) -> dict[str, Any]:
    row = connection.execute("select private.job_counters()::text").fetchone()
    assert row is not None
    found: dict[str, Any] = json.loads(row[0], parse_float=str)
    return found


def test_counters_start_from_the_stored_jobs(clusters: Callable[..., Any]) -> None:
    """After a rollback, applying the migration again counts the existing jobs."""
    with (
        clusters(18, "ordinary").database("ordinary", migrated=True) as place,
        psycopg.connect(place.url, autocommit=True) as connection,
    ):
        connection.execute("select tests.arrange_cast()")
        connection.execute(LIVES.format(jobs=40).encode())
        connection.execute(MORE)
        counted = counters(connection)
        assert min(counted["attempts"].values()) > 0
        assert min(jobs for _, _, jobs in counted["transitions"]) > 0
        assert sum(counted["jobs"].values()) == 40
        counted.pop("failure_rate")  # from the last hour of the tests' clock
        migrate.rollback(place.migrator_url, 1)
        migrate.apply(place.migrator_url)
        again = counters(connection)
        assert float(again.pop("failure_rate")) > 0
        assert again == counted
