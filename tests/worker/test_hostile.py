"""Hostile repositories through the whole API: their jobs end and others are not affected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import ApiError
from tests.indexer.conftest import Git
from tests.indexer.test_limits import MB, unfold
from tests.support.githost import Host
from tests.support.waiting import until

from .conftest import Api, Start, from_site


@pytest.fixture
def api(start: Start, site: Host) -> Iterator[Any]:
    """An API that clones owner/name from the site and runs up to four jobs at once."""
    with start(
        **from_site(site),
        local_repository_roots=(),
        runner_concurrency=4,
        runner_job_memory=256 * MB,
        runner_job_disk=8 * MB,
        runner_job_seconds=600,
    ) as api:
        yield api


def ask(api: Api, repository: str, **request: str) -> str:
    return api.client.create_index_job({"repository": repository} | request).answer["jobId"]


def test_hostile_jobs_fail_with_a_reason_and_others_complete(
    api: Api, site: Host, tmp_path: Path
) -> None:
    good = Git(tmp_path / "repositories/good.git")
    commit = good.commit({"a.py": "def a(): ...\n"})
    bomb = Git(tmp_path / "repositories/bomb.git")
    unfold(bomb, bomb("hash-object", "-w", "--stdin", stdin=b"a = 1"))
    large = Git(tmp_path / "repositories/large.git")
    large.commit({f"{n}.bin": os.urandom(MB // 2) for n in range(32)})
    site.elsewhere = f"{site.url}/git/good.git"
    hostile = {
        "git/bomb": "500000 files or folders",
        "git/large": "8 MB of disk space",
        "endless/a": "256 MB of memory",
        "redirect/good": "has moved",
        "talk/a": "does not exist, or it is private",
        "401/private": "does not exist, or it is private",
        "git/missing": "does not exist, or it is private",
    }
    jobs = {ask(api, name): sentence for name, sentence in hostile.items()}
    wanted = [ask(api, "git/good", ref=ref) for ref in ("HEAD", "main", commit)]
    until(lambda: all(api.job(job_id)["status"] == "failed" for job_id in jobs), pause=0.5)
    for job_id, sentence in jobs.items():
        assert sentence in api.job(job_id)["error_message"]
    for job_id in wanted:
        job = api.ended(job_id)
        assert (job["status"], job["commit_sha"]) == ("completed", commit)
        assert api.rows(job) == (1, 1)
    until(lambda: not api.scratch() and not api.processes())


def test_loopback_is_unreachable_in_every_spelling(start: Start, site: Host) -> None:
    with start(local_repository_roots=()) as api:
        for host in ("127.0.0.1", "localhost"):
            job = api.ended(ask(api, f"https://{host}:{site.port}/git/a"))
            assert job["status"] == "failed"
            assert "127.0.0.1" not in job["error_message"]
        for host in ("127.1", "2130706433", "0x7f.1", "0"):
            with pytest.raises(ApiError) as refused:
                ask(api, f"https://{host}:{site.port}/git/a")
            assert refused.value.code == "invalid_repository"
        assert site.connections == 0


def test_claimed_jobs_never_exceed_the_slots(start: Start, site: Host) -> None:
    """One tenant gets at most all slots but one. The last one is for another tenant."""
    with start(runner_concurrency=3, **from_site(site)) as api:
        jobs = [ask(api, f"stall/r{number}") for number in range(5)]
        statuses = "select array_agg(status::text order by created_at) from public.index_jobs"
        taken = ["processing"] * 2 + ["pending"] * 3
        until(lambda: api.value(statuses) == taken and len(site.requests) == 2)
        with api.sql() as connection:
            connection.execute("select tests.arrange_cast()")
            connection.execute("select tests.job_for(tests.acme_repository())")
            connection.execute("select tests.job_for(tests.alice_repository())")
        begun = (
            "select count(*) from public.index_jobs"
            " where attempt > 0 and tenant_id in (tests.acme(), tests.alice())"
        )
        until(lambda: api.value(begun) == 2)
        assert api.value(statuses)[:5] == taken
        site.released.set()
        assert {api.ended(job_id)["status"] for job_id in jobs} == {"failed"}
        assert len(site.requests) >= 5
