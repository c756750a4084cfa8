"""One response of the database is lost, late or cut off. All jobs of the runner end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.githost import Host
from tests.support.proxy import Fault, Proxy, in_front_of
from tests.support.repositories import commit
from tests.support.waiting import PATIENCE, until
from tests.worker.conftest import from_site, site, storing
from worker.timings import Timings

if TYPE_CHECKING:
    from tests.worker.conftest import Database, Start, Storing

__all__ = ["site", "storing"]

LEASE = 6
TIMINGS = Timings(
    rescue_every=0.2,
    report_every=0.05,
    report_quiet=0.1,
    report_runner=0.2,
    call=2,
    store=5,
    hand_back=1,
)
PYTHON = "class A:\n    def f(self): ...\n\ndef g(): ...\n"
# Log messages that are allowed while a response is lost. Others fail the test.
EXPECTED = (
    "no answer from the database",
    "query cancellation interrupted",
    "cannot claim jobs",
    "claiming jobs again",
)

ANSWERS: dict[str, tuple[str, ...]] = {
    "startup": ("^startup$",),
    "password": ("^password$",),
    "report_runner": ("report_runner",),
    "rescue": ("retry_or_fail_stuck_jobs",),
    "claim": ("claim_index_job",),
    "begin": ("^begin\\b",),
    "begin_index": ("begin_index",),
    "read known rows": ("to stdout",),
    "commit of begin_index": ("begin_index", "^commit$"),
    "report": ("report_job_progress",),
    "give time": ("statement_timeout",),
    "copy files": ("copy private.incoming_files",),
    "end of files": ("copy private.incoming_files", "^CopyDone$"),
    "copy symbols": ("copy private.incoming_symbols",),
    "end of symbols": ("copy private.incoming_symbols", "^CopyDone$"),
    "copy skipped": ("copy private.incoming_skipped",),
    "end of skipped": ("copy private.incoming_skipped", "^CopyDone$"),
    "copy gone": ("copy private.gone_files",),
    "end of gone": ("copy private.gone_files", "^CopyDone$"),
    "complete_index": ("complete_index",),
    "commit of complete_index": ("complete_index", "^commit$"),
}
"""The statements of a runner while a job completes. The response to the last one is lost."""
ENDS: dict[str, tuple[str, ...]] = {
    "update_job_status": ("update_job_status",),
    "commit of update_job_status": ("update_job_status", "^commit$"),
}
HAND_BACK = r"(?s)^bind .*\x10\0{16}"
"""A report with a lease of 0: an interval is 16 bytes after its length."""
LEASE_IS_OVER = """
select lease_expires_at < clock_timestamp() from public.index_jobs where id = %s
"""
SHORT = ["startup", "claim", "report", "end of files", "commit of complete_index"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    proving = metafunc.config.getoption("prove")
    if "answer" in metafunc.fixturenames:
        metafunc.parametrize("answer", list(ANSWERS) if proving else SHORT)
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", ["swallow", "delay", "reset"] if proving else ["swallow"])


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    with in_front_of(database.worker_url) as proxy:
        yield proxy


@pytest.fixture
def run(database: Database, proxy: Proxy, start: Start) -> Callable[..., Any]:
    """Starts an API with a one-slot runner that reaches its database through the proxy."""

    def running(*expected: str, **changes: Any) -> Any:
        settings = {
            "worker_database_url": proxy.url(database.worker_url),
            "runner_concurrency": 1,
            "runner_lease_seconds": LEASE,
        }
        return start("run", *EXPECTED, *expected, timings=TIMINGS, **settings | changes)

    return running


def ends(api: Any, job_id: str) -> list[str]:
    """Returns the final statuses in the history of a job."""
    with api.sql() as connection:
        rows = connection.execute(
            "select to_status::text from public.index_job_events where job_id = %s"
            " and to_status in ('completed', 'failed', 'cancelled')"
            " and from_status is distinct from to_status order by event_no",
            (job_id,),
        ).fetchall()
    return [status for (status,) in rows]


def assert_its_slot_is_free(api: Any, folder: Path) -> None:
    commit(folder, {"after.py": PYTHON})
    job = api.ended(api.index(folder))
    assert (job["status"], ends(api, job["id"])) == ("completed", ["completed"])
    until(lambda: not api.scratch() and not api.processes())


def test_job_completes_once_whichever_response_is_lost(
    run: Callable[..., Any], proxy: Proxy, tmp_path: Path, answer: str, fault: Fault
) -> None:
    folder = tmp_path / "small"
    commit(folder, {"a.py": PYTHON, "b.py": PYTHON, "c.png": "\0"})
    with run() as api:
        assert api.ended(api.index(folder))["status"] == "completed"
        commit(folder, {"b.py": "def only(): ...\n"})
        struck = proxy.spoil(*ANSWERS[answer], fault=fault)
        if answer in ("startup", "password"):
            with api.sql() as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and application_name = 'index_jobs runner'"
                )
            assert struck.wait(PATIENCE)
        job = api.ended(api.index(folder))
        assert struck.wait(PATIENCE)
        assert (job["status"], ends(api, job["id"])) == ("completed", ["completed"])
        assert api.rows(job) == (2, 4)
        assert_its_slot_is_free(api, folder)


@pytest.mark.parametrize("words", ENDS.values(), ids=list(ENDS))
def test_job_fails_once_whichever_response_is_lost(
    run: Callable[..., Any],
    proxy: Proxy,
    tmp_path: Path,
    words: tuple[str, ...],
    fault: Fault,
) -> None:
    folder = tmp_path / "small"
    commit(folder, {"a.py": PYTHON})
    with run() as api:
        struck = proxy.spoil(*words, fault=fault)
        job = api.ended(api.index(folder, ref="no-such-branch"))
        assert struck.wait(PATIENCE)
        assert (job["status"], ends(api, job["id"])) == ("failed", ["failed"])
        assert_its_slot_is_free(api, folder)


@pytest.mark.parametrize("words", [("fail_job_attempt",), ("fail_job_attempt", "^commit$")])
def test_attempt_fails_once_whichever_response_is_lost(
    run: Callable[..., Any],
    proxy: Proxy,
    tmp_path: Path,
    words: tuple[str, ...],
    fault: Fault,
) -> None:
    nowhere = {"git_base_url": "https://127.0.0.1:1/", "git_trusted_hosts": ("127.0.0.1:1",)}
    with run(**nowhere) as api:
        api.stop_clock()
        struck = proxy.spoil(*words, fault=fault)
        job_id = api.client.create_index_job({"repository": "nobody/home"}).answer["jobId"]
        assert struck.wait(PATIENCE)
        until(lambda: api.job(job_id)["retry_at"])
        assert (api.job(job_id)["attempt"], ends(api, job_id)) == (1, [])
        assert_its_slot_is_free(api, tmp_path / "small")


def test_job_is_claimed_again_when_the_hand_back_response_is_lost(
    run: Callable[..., Any], proxy: Proxy, site: Host, fault: Fault
) -> None:
    with run("job not handed back", **from_site(site)) as api:
        job_id = api.index_held(site)
        struck = proxy.spoil("report_job_progress", HAND_BACK, fault=fault)
    assert struck.is_set()
    site.released.set()
    with run(**from_site(site)) as api:
        job = api.ended(job_id)
        assert (job["status"], ends(api, job_id)) == ("completed", ["completed"])


def test_lease_of_a_hanging_job_is_not_renewed(
    start: Start, tmp_path: Path, storing: Storing
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    timings = Timings(store=1, report_quiet=0.1)
    with start("run", "a step is taking too long", timings=timings, runner_lease_seconds=3) as api:
        job_id = api.index(tmp_path / "small")
        until(storing.stands_still)
        until(lambda: api.value(LEASE_IS_OVER, job_id))
        storing.release()
        job = api.ended(job_id)
        assert (job["status"], ends(api, job_id)) == ("completed", ["completed"])
        assert api.rows(job) == (1, 3)
        assert_its_slot_is_free(api, tmp_path / "small")


def test_every_statement_of_the_runner_is_covered(
    run: Callable[..., Any], proxy: Proxy, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    with run() as api:
        for number in range(2):
            commit(folder, {"a.py": PYTHON, f"{number}.py": PYTHON})
            api.ended(api.index(folder))
        api.ended(api.index(folder, ref="no-such-branch"))
        until(lambda: any("retry_or_fail" in words for words in proxy.sent))
    known = [pattern for words in (*ANSWERS.values(), *ENDS.values()) for pattern in words]
    unknown = {
        words
        for words in proxy.sent
        if not re.match("bind|cancel", words) and not any(re.search(p, words, re.I) for p in known)
    }
    assert unknown == set()
