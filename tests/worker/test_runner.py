"""The runner inside the API: results of jobs, whatever happens to their worker."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from cli.client import ApiError
from tests.support.githost import Host
from tests.support.pooler import pooler
from tests.support.processes import kill_all, working_in
from tests.support.repositories import commit
from tests.support.surroundings import set_for
from tests.support.waiting import PATIENCE, until
from worker import attempt
from worker.indexer.protocol import Request
from worker.spawner import Indexers
from worker.timings import Timings

from .conftest import Start, Storing, from_site

THIEF = "00000000-0000-4000-8000-00000000f0ff"
OUTAGE = (
    "call failed",
    "cannot claim jobs",
    "claiming jobs again",
    "no connection, trying again",
    "connected again",
)
"""The log messages of the API and its runner about an outage."""
PYTHON = "class A:\n    def f(self): ...\n\ndef g(): ...\n"


def events(api: Any, job_id: str) -> list[tuple[int, str, int]]:
    with api.sql() as connection:
        return connection.execute(
            "select event_no, to_status::text, attempt from public.index_job_events"
            " where job_id = %s order by event_no",
            (job_id,),
        ).fetchall()


def test_job_completes_and_its_stats_match_the_rows(start: Start, tmp_path: Path) -> None:
    sha = commit(tmp_path / "small", {"a.py": PYTHON, "b/c.md": "# c\n"})
    with start() as api:
        job = api.ended(api.index(tmp_path / "small"))
        assert (job["status"], job["attempt"], job["commit_sha"]) == ("completed", 1, sha)
        assert (job["stats"]["files_indexed"], job["stats"]["symbols_extracted"]) == (2, 3)
        assert api.rows(job) == (2, 3)
        assert job["progress"] == {"phase": "symbols", "done": 2, "total": 2}
        assert events(api, job["id"]) == [
            (1, "pending", 0),
            (2, "processing", 1),
            (3, "completed", 1),
        ]
        until(lambda: not api.scratch() and not api.processes())


def test_job_created_during_a_claim_is_run(start: Start, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    of_the_runner = (
        " from pg_stat_activity where datname = current_database()"
        " and application_name = 'index_jobs runner'"
    )
    looked = f"select bool_and(query like '%%claim_index_job%%' and state = 'idle') {of_the_runner}"
    looking = f"select count(*) {of_the_runner} and wait_event_type = 'Lock'"
    with start() as api, api.sql() as connection:
        until(lambda: api.value(looked))  # so that no connection waits for the catalog below
        with connection.transaction():
            connection.execute("lock table public.index_jobs")
            until(lambda: api.value(looking))
            [(repository_id,)] = connection.execute(
                "insert into public.repositories (full_name, git_url, owner_user_id)"
                " select 'alice/small', %s, a.user_id from private.accounts as a returning id",
                (str(tmp_path / "small"),),
            )
            [(job_id,)] = connection.execute(
                "select id::text from public.create_index_job(%s)", (repository_id,)
            )
        assert api.ended(job_id)["status"] == "completed"


def test_new_job_starts_at_once(start: Start, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start(timings=Timings(idle=(600, 600))) as api:
        assert api.ended(api.index(tmp_path / "small"))["status"] == "completed"


def test_progress_is_reported_while_a_job_runs(start: Start, slow_repository: Path) -> None:
    with start(timings=Timings(report_every=0.1)) as api:
        job_id = api.index(slow_repository)
        seen = [job["progress"] for job in api.client.follow(job_id, every=0.1)]
        steps = [(p["phase"], p["done"]) for p in seen if p]
        assert len(set(steps)) >= 4
        done = [number for phase, number in steps if phase == "symbols"]
        assert done == sorted(done)


def test_next_job_of_a_repository_replaces_its_rows(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    commit(folder, {"a.py": PYTHON, "b.py": PYTHON})
    with start() as api:
        first = api.ended(api.index(folder))
        (folder / "b.py").unlink()
        commit(folder, {"c.py": "def only(): ...\n"})
        second = api.ended(api.index(folder))
        assert (api.rows(first), second["stats"]["symbols_extracted"]) == ((2, 4), 4)
        paths = "select string_agg(path, ' ' order by path) from public.indexed_files"
        assert api.value(paths) == "a.py c.py"


def file_rows(api: Any) -> dict[str, tuple[int, str]]:
    with api.sql() as connection:
        rows = connection.execute("select path, id, job_id::text from public.indexed_files")
        return {path: (id_, job_id) for path, id_, job_id in rows}


def test_only_changes_since_the_last_job_are_written(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    commit(folder, {"a.py": PYTHON, "b.py": PYTHON, "c.md": ""})
    with start() as api:
        first = api.ended(api.index(folder))
        before = file_rows(api)
        commit(folder, {"b.py": "def only(): ...\n"})
        second = api.ended(api.index(folder))
        after = file_rows(api)
        assert api.rows(second) == (3, 4)
        assert second["stats"] == first["stats"] | {
            "files_unchanged": 2,
            "symbols_extracted": 4,
            "bytes": first["stats"]["bytes"] - len(PYTHON) + len("def only(): ...\n"),
        }
        assert [before[path] for path in ("a.py", "c.md")] == [
            after[path] for path in ("a.py", "c.md")
        ]
        assert after["b.py"][1] == second["id"]


def test_new_extractor_reindexes_everything_once(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start() as api:
        api.ended(api.index(tmp_path / "small"))
        monkeypatch.setattr(attempt, "fingerprint", lambda _bytes: "of another release")
        job = api.ended(api.index(tmp_path / "small"))
        assert job["stats"]["files_unchanged"] == 0
        assert file_rows(api)["a.py"][1] == job["id"]
        again = api.ended(api.index(tmp_path / "small"))
        assert again["stats"]["reused_job_id"] == job["id"]


def test_repeated_commit_is_completed_from_stored_rows(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    sha = commit(folder, {"a.py": PYTHON, "b.md": ""})
    with start() as api:
        first = api.ended(api.index(folder))
        rows = file_rows(api)
        reused = {"files_unchanged": 2, "reused": True, "reused_job_id": first["id"]}
        by_ref = api.ended(api.index(folder, ref="main"))
        (folder / ".git" / "HEAD").unlink()  # the repository no longer exists
        by_commit = api.ended(api.index(folder, commit_sha=sha))
        for job in (by_ref, by_commit):
            assert (job["status"], job["commit_sha"]) == ("completed", sha)
            assert job["stats"] == first["stats"] | reused
            assert job["progress"] == first["progress"]
        assert file_rows(api) == rows
        assert api.ended(api.index(folder, ref="main"))["status"] == "failed"


def test_concurrent_jobs_of_a_repository_leave_rows_of_one_commit(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    commits = [
        commit(folder, {f"{number}.py": PYTHON for number in range(count)} | {"a.md": str(count)})
        for count in range(1, 6)
    ]
    with start(runner_concurrency=4) as api, ThreadPoolExecutor(15) as pool:
        ask: Callable[[str], str] = lambda sha: api.index(folder, commit_sha=sha)  # noqa: E731
        jobs = [api.ended(job_id) for job_id in pool.map(ask, 3 * commits)]
        assert [(job["status"], job["commit_sha"]) for job in jobs] == [
            ("completed", sha) for sha in 3 * commits
        ]
        figures = {
            job["commit_sha"]: (job["stats"]["files_indexed"], job["stats"]["symbols_extracted"])
            for job in jobs
        }
        assert figures == {sha: (n + 1, 3 * n) for n, sha in enumerate(commits, 1)}
        there = api.value("select commit_sha from public.indexed_commits")
        assert api.rows(jobs[0]) == figures[there]


def test_stalled_job_can_be_cancelled(start: Start, site: Host) -> None:
    with start(runner_lease_seconds=3600, **from_site(site)) as api:
        job_id = api.index_held(site)
        api.ask_to_cancel(job_id)
        assert api.ended(job_id)["status"] == "cancelled"


def test_indexer_error_fails_the_job_with_its_message(start: Start, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start() as api:
        kept = api.ended(api.index(tmp_path / "small"))
        assert kept["status"] == "completed", kept
        job = api.ended(api.index(tmp_path / "small", ref="no-such-branch"))
        assert job["status"] == "failed"
        assert "no-such-branch" in job["error_message"]
        assert api.rows(job) == api.rows(kept) == (1, 3)


def test_dead_indexer_ends_its_attempt_and_no_other_job(
    start: Start, site: Host, tmp_path: Path
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start("run", "died without a last event", **from_site(site)) as api:
        api.stop_clock()
        job_id = api.index_held(site)
        kill_all(api.processes())
        until(lambda: api.job(job_id)["retry_at"])
        job = api.job(job_id)
        assert (job["status"], job["attempt"], job["lease_expires_at"]) == ("processing", 1, None)
        assert job["last_error"].startswith("The indexer stopped unexpectedly")
        assert api.ended(api.index(tmp_path / "small"))["status"] == "completed"


def test_dead_indexer_server_ends_its_indexers_and_is_replaced(
    start: Start, site: Host, tmp_path: Path
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start("run", "died without a last event", **from_site(site)) as api:
        api.stop_clock()
        job_id = api.index_held(site)
        [server] = children(b"\0-m\0worker.indexer\0-\0")
        os.kill(server, signal.SIGKILL)
        until(lambda: not api.processes())
        until(lambda: api.job(job_id)["retry_at"])
        assert api.ended(api.index(tmp_path / "small"))["status"] == "completed"
    assert children(b"\0-m\0worker.indexer\0-\0") == []


def test_two_indexers_started_together_share_one_server(tmp_path: Path) -> None:
    async def servers() -> int:
        indexers = Indexers()
        requests = [tmp_path / "1.json", tmp_path / "2.json"]
        starting = [indexers.start(path, path.with_suffix(".log")) for path in requests]
        try:
            started = await asyncio.gather(*starting)
            for indexer in started:  # before that a server may not have its process name yet
                assert await indexer.has_begun(PATIENCE)
            found = len(children(b"\0-m\0worker.indexer\0-\0"))
            for indexer in started:
                await indexer.kill()
            return found
        finally:
            await indexers.close()

    assert asyncio.run(servers()) == 1


def test_indexer_is_dead_even_if_its_kill_was_cancelled(
    slow_repository: Path, tmp_path: Path
) -> None:
    request = Request(str(slow_repository), tmp_path, local_roots=(Path("/"),))

    async def kill() -> asyncio.StreamReader:
        request.write(tmp_path / "request.json")
        indexers = Indexers()
        indexer = await indexers.start(tmp_path / "request.json", tmp_path / "log")
        assert await indexer.has_begun(PATIENCE)
        assert list(working_in(tmp_path))
        killing = asyncio.create_task(indexer.kill())
        for _ in range(3):
            await asyncio.sleep(0)
            killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        assert not list(working_in(tmp_path))
        await indexers.close()
        return indexer.output

    assert asyncio.run(kill()).at_eof()


def test_hung_indexer_server_is_replaced(start: Start, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start(timings=Timings(indexer_start=10)) as api:
        api.stop_clock()
        [server] = until(lambda: children(b"\0-m\0worker.indexer\0-\0"))
        os.kill(server, signal.SIGSTOP)
        job_id = api.index(tmp_path / "small")
        job = until(lambda: waiting_after(api, job_id, 1))
        assert job["last_error"] == "The indexer did not start."
        with api.sql() as connection:
            connection.execute("select tests.advance_clock('10 seconds')")
        assert api.ended(job_id)["status"] == "completed"


def test_indexer_without_its_supervisor_still_ends(start: Start, site: Host) -> None:
    timings = Timings(indexer_overtime=1)
    with start(timings=timings, runner_job_seconds=10, **from_site(site)) as api:
        job_id = api.index_held(site)
        until(lambda: supervisors(api))
        kill_all(supervisors(api))
        job = api.ended(job_id)
        assert job["status"] == "failed"
        assert job["error_message"] == "Indexing took longer than the limit of 10 seconds."
        until(lambda: not api.processes())


def supervisors(api: Any) -> list[int]:
    """Returns the indexers' supervisors, which left their process group."""
    found = []
    for pid in (processes := api.processes()):
        with suppress(OSError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if parent in processes and os.getpgid(pid) == pid:
                found.append(pid)
    return found


def children(words: bytes) -> list[int]:
    """Returns child processes with these words in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and (path / "cmdline").read_bytes().endswith(words):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def test_unreachable_host_is_retried_until_no_attempts_are_left(
    start: Start,
) -> None:
    settings = {"git_base_url": "https://127.0.0.1:1/", "git_trusted_hosts": ("127.0.0.1:1",)}
    with start("run", **settings) as api, api.sql() as connection:
        api.stop_clock()
        job_id = api.client.create_index_job({"repository": "nobody/home"}).answer["jobId"]
        for attempt in (1, 2):
            job = until(lambda n=attempt: waiting_after(api, job_id, n))
            assert (job["status"], job["worker_id"] is None) == ("processing", False)
            connection.execute("select tests.advance_clock('10 seconds')")
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("failed", 3)
        assert job["error_message"] == job["last_error"]


def waiting_after(api: Any, job_id: str, attempt: int) -> Any:
    """Returns the job once it waits for the attempt after this one."""
    job = api.job(job_id)
    assert job["status"] == "processing" or job["attempt"] < attempt, job
    return job if job["attempt"] == attempt and job["retry_at"] else None


def test_job_of_a_lost_runner_is_claimed(start: Start, tmp_path: Path) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start("first", runner_concurrency=0) as api, api.sql() as connection:
        api.stop_clock()
        job_id = api.index(tmp_path / "small")
        connection.execute(
            "select from public.update_job_status("
            "  p_job_id => %s, p_status => 'processing', p_worker_id => tests.worker(1))",
            (job_id,),
        )
        with start("second", timings=Timings(rescue_every=0.1)):
            connection.execute("select tests.advance_clock('61 minutes')")
            assert until(lambda: waiting_after(api, job_id, 1))["last_error"]
            connection.execute("select tests.advance_clock('10 seconds')")
            job = api.ended(job_id)
            assert (job["status"], job["attempt"], job["last_error"]) == ("completed", 2, None)


def test_indexer_does_not_inherit_secrets(
    start: Start, site: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "a secret of the environment, 32 bytes and more")
    with start(**from_site(site)) as api:
        api.index_held(site)
        processes = api.processes()
        assert len(processes) >= 3, "the indexer, its supervisor and git"
        for process in processes:
            environment = Path(f"/proc/{process}/environ").read_bytes()
            assert b"PATH=" in environment
            assert b"SECRET" not in environment


def test_job_claimed_by_another_worker_is_dropped_without_a_trace(start: Start, site: Host) -> None:
    with start(**from_site(site)) as api:
        job_id = api.index_held(site)
        take_over(api, job_id)
        until(lambda: not api.processes() and not api.scratch())
        job = api.job(job_id)
        assert (job["status"], job["attempt"], job["worker_id"]) == ("processing", 2, THIEF)
        assert api.rows(job) == (0, 0)


def take_over(api: Any, job_id: str) -> None:
    """Lets another worker claim the job, as if its lease had expired a second ago."""
    with api.sql() as connection, connection.transaction():
        connection.execute(
            "update public.index_jobs set lease_expires_at = clock_timestamp() where id = %s",
            (job_id,),
        )

        def claimed() -> bool:
            # leases are checked once a second, which may have been by a claim of the runner
            connection.execute("select setval('private.claim_lease_check', 0)")
            claim = "select from public.claim_index_job(p_worker_id => %s, p_lease => '1 hour')"
            return connection.execute(claim, (THIEF,)).rowcount == 1

        until(claimed)


@pytest.mark.usefixtures("storing")
def test_cancellation_request_cancels_a_running_job(start: Start, slow_repository: Path) -> None:
    with start() as api:
        job_id = api.index(slow_repository)
        until(lambda: (api.job(job_id)["progress"] or {}).get("phase") == "symbols")
        api.ask_to_cancel(job_id)
        assert api.ended(job_id)["status"] == "cancelled"
        until(lambda: not api.processes() and not api.scratch())


def test_rows_of_a_new_repository_are_stored_during_parsing(
    start: Start, stalling_repository: Path, storing: Storing
) -> None:
    with start(timings=Timings(store_ahead=600)) as api:
        job_id = api.index(stalling_repository)
        until(storing.stands_still)
        job = api.job(job_id)
        assert job["status"] == "processing"
        assert job["progress"]["phase"] == "symbols"
        assert job["progress"]["done"] < job["progress"]["total"] == 1217
        assert api.rows(job) == (0, 0)
        storing.release()
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)
        assert job["progress"] == {"phase": "symbols", "done": 1217, "total": 1217}
        assert api.rows(job) == (1217, 1216)
        assert job["stats"]["symbols_extracted"] == 1216


def test_indexer_that_dies_while_storing_leaves_no_rows(
    start: Start, stalling_repository: Path, storing: Storing
) -> None:
    with start("run", "died without", timings=Timings(store_ahead=600)) as api:
        api.stop_clock()
        job_id = api.index(stalling_repository)
        until(storing.stands_still)
        kill_all(api.processes())
        storing.release()
        job = until(lambda: waiting_after(api, job_id, 1))
        assert job["status"] == "processing"
        until(storing.is_over)
        assert api.rows(job) == (0, 0)


def test_job_cancelled_while_storing_leaves_no_rows(
    start: Start, slow_repository: Path, storing: Storing
) -> None:
    with start() as api:
        job_id = api.index(slow_repository)
        until(storing.stands_still)
        api.ask_to_cancel(job_id)
        job = api.ended(job_id)
        assert job["status"] == "cancelled"
        until(lambda: not api.processes() and storing.is_over())
        assert api.rows(job) == (0, 0)


def test_outage_while_storing_only_delays_the_job(
    start: Start, slow_repository: Path, storing: Storing
) -> None:
    with start("run", *OUTAGE) as api:
        job_id = api.index(slow_repository)
        until(storing.stands_still)
        with api.outage():  # releases the one that `storing` blocks
            pass
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)
        assert job["progress"] == {"phase": "symbols", "done": 600, "total": 600}
        assert api.rows(job) == (600, 600)


def test_job_lost_while_storing_leaves_no_rows(
    start: Start, slow_repository: Path, storing: Storing
) -> None:
    with start() as api:
        job_id = api.index(slow_repository)
        until(storing.stands_still)
        take_over(api, job_id)
        until(lambda: not api.processes() and not api.scratch() and storing.is_over())
        job = api.job(job_id)
        assert (job["status"], job["attempt"], job["worker_id"]) == ("processing", 2, THIEF)
        assert api.rows(job) == (0, 0)


def test_shutdown_while_storing_hands_the_job_back_without_rows(
    start: Start, slow_repository: Path, storing: Storing
) -> None:
    with start() as api:
        job_id = api.index(slow_repository)
        until(storing.stands_still)
    before = "select status || ' ' || attempt from public.index_jobs where id = %s"
    assert api.value(before, job_id) == "processing 1"
    assert api.value("select count(*) from public.indexed_files") == 0
    storing.release()
    with start() as api:
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 2)
        assert api.rows(job) == (600, 600)


def test_shutdown_hands_jobs_back_and_the_next_process_claims_them(
    start: Start, site: Host
) -> None:
    with start(**from_site(site)) as api:
        job_id = api.index_held(site)
    until(lambda: not api.processes())
    assert not list(api.run_dir.glob("scratch/*/"))
    site.released.set()
    with start(**from_site(site)) as api:
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 2)
        assert api.rows(job) == (1, 2)


def test_shutdown_finishes_running_jobs_within_the_grace_period(start: Start, site: Host) -> None:
    def release() -> None:
        until(lambda: shuts_down(api))
        site.released.set()

    with (
        ThreadPoolExecutor(1) as thread,
        start(runner_grace_seconds=PATIENCE, **from_site(site)) as api,
    ):
        job_id = api.index_held(site)
        thread.submit(release)
    status = "select status || ' ' || attempt from public.index_jobs where id = %s"
    assert api.value(status, job_id) == "completed 1"


def shuts_down(api: Any) -> bool:
    """Whether it no longer accepts connections."""
    address = urlsplit(api.url)
    try:
        socket.create_connection((address.hostname, address.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_database_outage_only_delays_a_job(start: Start, site: Host) -> None:
    with start("run", *OUTAGE, runner_lease_seconds=2, **from_site(site)) as api:
        job_id = api.index_held(site)
        with api.outage():
            site.released.set()
            until(lambda: not api.processes())  # all files have been read by now
            with pytest.raises(ApiError) as refused:
                api.job(job_id)
            assert refused.value.code == "DATABASE_UNAVAILABLE"
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)
        assert api.rows(job) == (1, 2)
        later = api.client.create_index_job({"repository": "git/app", "ref": "no-such"})
        assert api.ended(later.job_id)["status"] == "failed"


def test_failover_delays_a_job_and_is_logged_while_it_lasts(
    start: Start, site: Host, caplog: pytest.LogCaptureFixture
) -> None:
    timings = Timings(log_outage_every=0.2)
    setting = "default_transaction_read_only"

    def told() -> int:
        said = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        return sum("cannot claim jobs" in text and "cannot write" in text for text in said)

    with start("run", *OUTAGE, timings=timings, **from_site(site)) as api:
        job_id = api.index_held(site)
        with psycopg.connect(api.database.server.url(), autocommit=True) as connection:
            connection.execute(f"alter database {api.database.name} set {setting} = on".encode())
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                (api.database.name,),
            )
            site.released.set()
            until(lambda: told() >= 3)
            connection.execute(f"alter database {api.database.name} reset {setting}".encode())
        job = api.ended(job_id)
        assert (job["status"], job["attempt"]) == ("completed", 1)
        later = api.client.create_index_job({"repository": "git/app", "ref": "no-such"})
        assert api.ended(later.job_id)["status"] == "failed"


@pytest.mark.parametrize("through", [nullcontext, pooler])
def test_settings_of_the_login_do_not_affect_jobs(
    start: Start, database: Any, tmp_path: Path, through: Any
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with psycopg.connect(database.url, autocommit=True) as connection:
        # the timeout of an unused session is the pooler's concern
        but = "idle_session_timeout" if through is pooler else ""
        set_for(connection, "index_jobs_worker", database.name, but=but)
    with through(database.worker_url) as url, start(worker_database_url=url) as api:
        for _ in range(2):
            job = api.ended(api.index(tmp_path / "small"))
            assert (job["status"], job["attempt"]) == ("completed", 1)
        assert api.rows(job) == (1, 3)


def test_two_runners_share_the_jobs_and_run_none_twice(
    start: Start, site: Host, tmp_path: Path
) -> None:
    folders = [tmp_path / f"r{number}" for number in range(5)]
    for folder in folders:
        commit(folder, {"a.py": PYTHON})
    changes = {"runner_concurrency": 1} | from_site(site)
    with start("one", **changes) as one, start("two", **changes) as two:
        held = [one.client.create_index_job({"repository": "held/app"}).job_id for _ in range(2)]
        until(lambda: all(one.job(job_id)["status"] == "processing" for job_id in held))
        rest = [one.index(folders[n % 5]) for n in range(20)]
        site.released.set()
        assert len({one.ended(job_id)["worker_id"] for job_id in held}) == 2
        jobs = [one.ended(job_id) for job_id in rest]
        assert {(job["status"], job["attempt"]) for job in jobs} == {("completed", 1)}
        assert all(len(events(two, job["id"])) == 3 for job in jobs)
        assert all(one.rows(job) == (1, 3) for job in jobs)


def test_100_jobs_created_at_once_all_complete(start: Start, tmp_path: Path) -> None:
    folders = [tmp_path / f"r{number}" for number in range(10)]
    for folder in folders:
        commit(folder, {"a.py": PYTHON, "README.md": "# hello\n"})
    with start(runner_concurrency=4) as api, ThreadPoolExecutor(100) as pool:
        ask: Callable[[int], str] = lambda number: api.index(folders[number % 10])  # noqa: E731
        jobs = [api.ended(job_id) for job_id in pool.map(ask, range(100))]
        assert len({job["id"] for job in jobs}) == 100
        assert {(job["status"], job["attempt"]) for job in jobs} == {("completed", 1)}
        assert all(api.rows(job) == (2, 3) for job in jobs)
        until(lambda: not api.scratch())
