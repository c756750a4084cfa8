"""Frequent writes of a worker must not touch an index."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Arena

UPDATES = """select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables
    where relid = 'public.index_jobs'::regclass"""


@pytest.mark.parametrize(
    "report",
    [
        "select report_job_progress(%(job)s, 1)",
        "select report_job_progress(%(job)s, 1, p_lease => '30 seconds')",
        "select report_job_progress(%(job)s, 1, 'walk', %(n)s, 100, '30 seconds')",
    ],
    ids=["heartbeat", "lease", "progress"],
)
def test_heartbeats_are_hot_updates(arena: Arena, report: str) -> None:
    job_id = arena.job()
    url = arena.database.worker_url
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as worker:
        worker.execute("select update_job_status(%s, 'processing')", (job_id,))
        worker.execute("select pg_stat_force_next_flush()")
        ((updated, hot),) = arena.rows(UPDATES)
        for n in range(100):
            worker.execute(report.encode(), {"job": job_id, "n": n})
        worker.execute("select pg_stat_force_next_flush()")
        assert arena.rows(UPDATES) == [(updated + 100, hot + 100)]
