"""`index-jobs seed` adds its data once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import loopback
from tests.support.workspace import Workspace

TABLES = (
    "auth.users",
    "private.accounts",
    "private.api_keys",
    "public.repositories",
    "public.index_jobs",
    "public.index_job_events",
    "public.indexed_files",
    "public.skipped_files",
    "public.symbols",
    "private.index_durations",
)


@pytest.fixture(scope="module")
def seeded(workspace: Workspace) -> Iterator[dict[str, str]]:
    """The keys that the seed printed. The server keeps running."""
    with workspace.serving("--port", "0"):
        done = workspace.run("seed")
        assert done.returncode == 0, done.stderr
        yield dict(line.split("=") for line in done.stdout.splitlines())


def contents(workspace: Workspace) -> dict[str, Any]:
    digest = "select count(*), md5(string_agg(t::text, '|' order by t::text)) from {} as t"
    return {table: workspace.sql(digest.format(table)) for table in TABLES}


def test_seed_creates_a_user_with_repository_and_key_for_each_tier(
    workspace: Workspace, seeded: dict[str, str]
) -> None:
    tiers = workspace.sql(
        "select split_part(u.email, '@', 1), a.tier, count(*) > 0 from auth.users as u"
        " join private.accounts as a on a.user_id = u.id"
        " join public.repositories as r on r.owner_user_id = u.id group by 1, 2 order by 1"
    )
    assert tiers == [("dora", "free", True), ("emil", "solo", True), ("fay", "team", True)]
    for name, limit in (("DORA", "100"), ("EMIL", "1000"), ("FAY", "10000")):
        answer = loopback.get(
            f"{workspace.dev_env['API_URL']}/jobs/x",
            headers={"Authorization": f"Bearer {seeded[f'{name}_KEY']}"},
        )
        assert (answer.status_code, answer.headers["x-ratelimit-limit"]) == (404, limit)


def test_stats_of_all_completed_jobs_match_their_rows(
    workspace: Workspace, seeded: dict[str, str]
) -> None:
    jobs = workspace.sql(
        "select (j.stats ->> 'files_indexed')::int, (j.stats ->> 'symbols_extracted')::int,"
        " (j.stats ->> 'bytes')::int,"
        " (select count(*) from public.indexed_files as f where f.job_id = j.id),"
        " (select count(*) from public.symbols as s join public.indexed_files as f"
        "   on f.id = s.file_id where f.job_id = j.id),"
        " (select sum(f.bytes) from public.indexed_files as f where f.job_id = j.id),"
        " (j.stats ->> 'files_skipped')::int"
        "   - (select count(*) from public.skipped_files as k where k.job_id = j.id),"
        " (select d.seconds - extract(epoch from j.completed_at - j.started_at)"
        "   from private.index_durations as d where d.repository_id = j.repository_id)"
        " from public.index_jobs as j where j.status = 'completed'"
    )
    assert len(jobs) == 10
    for files, symbols, size, *counted in jobs:
        assert counted == [files, symbols, size, 0, 0]
        assert 50 <= files <= 200
        assert 500 <= symbols <= 2000


def test_seed_has_two_failed_jobs_and_a_silent_one(
    workspace: Workspace, seeded: dict[str, str]
) -> None:
    failed = workspace.sql("select error_message from public.index_jobs where status = 'failed'")
    assert len(failed) == 2
    stuck = workspace.sql(
        "select heartbeat_at < now() - interval '5 minutes'"
        " from public.index_jobs where status = 'processing'"
    )
    assert stuck == [(True,)]


def test_history_of_every_job_matches_the_job(workspace: Workspace, seeded: dict[str, str]) -> None:
    wrong = workspace.sql(
        "select j.id from public.index_jobs as j"
        " join lateral (select array_agg(e.at order by e.event_no) as at,"
        "     array_agg(e.event_no order by e.event_no) as no,"
        "     (array_agg(e.to_status order by e.event_no desc))[1] as last"
        "   from public.index_job_events as e where e.job_id = j.id) as t on true"
        " where t.at <> array_remove(array[j.created_at, j.started_at, j.completed_at], null)"
        "   or t.no[1] <> 1 or cardinality(t.no) <> t.no[cardinality(t.no)] or t.last <> j.status"
    )
    assert wrong == []


def test_second_run_changes_nothing(workspace: Workspace, seeded: dict[str, str]) -> None:
    before = contents(workspace)
    again = workspace.ask("seed")
    assert dict(line.split("=") for line in again.stdout.splitlines()) == seeded
    assert contents(workspace) == before


def test_row_level_security_is_forced_on_every_table_afterwards(
    workspace: Workspace, seeded: dict[str, str]
) -> None:
    loose = workspace.sql(
        "select relname from pg_class where relrowsecurity and not relforcerowsecurity"
    )
    assert loose == []
