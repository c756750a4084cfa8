"""`index-jobs work`: runners in separate processes, beside an API without a runner."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import loopback
from tests.support.githost import Host
from tests.support.ports import kept_port
from tests.support.processes import kill_all, working_in
from tests.support.repositories import commit
from tests.support.waiting import PATIENCE, until

from .conftest import Api, Database, Start, from_site

PYTHON = "def f(): ...\n"
REFUSED_MODULES = (
    "api", "cli", "db.local", "db.tools.migrate", "rich.console", "starlette", "uvicorn", "yoyo"
)  # fmt: skip
DUMP_MODULES = """
import atexit, os, sys
atexit.register(lambda: open(os.environ["MODULES"], "w").write("\\n".join(sys.modules)))
"""

INDEX_JOBS_WORK = [str(Path(sys.executable).with_name("index-jobs")), "work"]
PYTHON_M_WORKER = [sys.executable, "-m", "worker"]

Work = Callable[..., Any]


class Worker:
    """A runner in a separate process. `output` is its log."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.run_dir = folder / "run"
        folder.mkdir(exist_ok=True)
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"], "RUN_DIR": str(self.run_dir)} | environment,
                cwd=folder,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def events_of(self, job_id: str) -> list[dict[str, Any]]:
        """Returns the log lines of a job, after checking their fields."""
        lines = [json.loads(line) for line in self.output.splitlines() if job_id in line]
        claimed, *others = [line for line in lines if line["event"].startswith("job ")]
        assert all({"job_id", "attempt", "tenant_id"} <= set(line) for line in (claimed, *others))
        assert all(line["seconds"] > 0 for line in others)
        return [claimed, *others]

    def started(self) -> bool:
        return "runner started" in self.output

    def stop(self, number: int) -> int:
        """Sends the signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def work(database: Database, tmp_path: Path) -> Work:
    """Runs a worker with these extra variables for the length of a with block."""

    @contextmanager
    def running(
        name: str = "worker", command: list[str] = INDEX_JOBS_WORK, **environment: str
    ) -> Iterator[Worker]:
        urls = {"WORKER_DATABASE_URL": database.worker_url, "LOCAL_REPOSITORY_ROOTS": "/"}
        worker = Worker(command, tmp_path / name, urls | environment)
        try:
            until(lambda: worker.started() or worker.process.poll() is not None)
            yield worker
        finally:
            if worker.process.poll() is None:
                worker.stop(signal.SIGKILL)
            print(worker.output)  # shown when the test fails

    return running


def of_site(site: Host) -> dict[str, str]:
    """Returns the variables that let a worker clone from the site."""
    return {"GIT_TRUSTED_HOSTS": f"127.0.0.1:{site.port}"}


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a worker that ends by itself."""
    return subprocess.run(
        PYTHON_M_WORKER,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "WORKER_DATABASE_URL is not set"),
        (
            {"WORKER_DATABASE_URL": "mysql://a:secret@b/c"},
            "'mysql', but must begin with postgresql://",
        ),
        ({"WORKER_DATABASE_URL": "postgresql://a:sec@ret@b/c"}, "percent-encode"),
        (
            {"WORKER_DATABASE_URL": "postgresql://a@b/c", "RUNNER_CONCURRENCY": "0"},
            "RUNNER_CONCURRENCY=0",
        ),
        ({"WORKER_DATABASE_URL": "postgresql://a@b/c", "RUN_DIR": "/proc/1/no"}, "RUN_DIR=/proc"),
    ],
)
def test_missing_or_invalid_setting_is_a_one_line_error(
    environment: dict[str, str], sentence: str
) -> None:
    ended = run(**environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert "sec" not in line


def test_start_logs_slots_database_and_limits_but_no_password(
    work: Work, database: Database
) -> None:
    with work(RUNNER_CONCURRENCY="3", RUNNER_JOB_SECONDS="77") as worker:
        [line] = [line for line in worker.output.splitlines() if "runner started" in line]
        assert re.search(r"slots\W+3\b", line)
        assert re.search(r"job_seconds\W+77\b", line)
        assert f":{database.server.port}/{database.name}" in line
        assert database.server.password not in line


def test_worker_loads_no_http_or_development_modules(work: Work, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(DUMP_MODULES)
    modules = tmp_path / "modules"
    with work(command=PYTHON_M_WORKER, PYTHONPATH=str(tmp_path), MODULES=str(modules)) as worker:
        assert worker.stop(signal.SIGTERM) == 0
    loaded = modules.read_text().splitlines()
    assert "worker.runner" in loaded
    assert [name for name in REFUSED_MODULES if name in loaded] == []


def test_changed_password_is_reported_and_the_worker_keeps_retrying(
    work: Work, database: Database
) -> None:
    made = "create role rotated login password 'before' in role job_worker"
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(made)
        url = database.url_of("rotated").replace(database.server.password, "before")
        with work(WORKER_DATABASE_URL=url) as worker:
            connection.execute("alter role rotated password 'after'")
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where usename = 'rotated'"
            )
            until(lambda: "password authentication failed" in worker.output)
            assert worker.process.poll() is None
            connection.execute("alter role rotated password 'before'")
            until(lambda: "claiming jobs again" in worker.output)
            assert worker.stop(signal.SIGINT) == 0
        connection.execute("drop role rotated")


def test_log_has_the_events_of_each_job(
    start: Start, work: Work, site: Host, tmp_path: Path
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with (
        start("api", runner_concurrency=0, **from_site(site)) as api,
        kept_port() as port,
        work(METRICS_PORT=str(port), RUNNER_GRACE_SECONDS="0", **of_site(site)) as worker,
    ):
        completed = api.ended(api.index(tmp_path / "small"))["id"]
        failed = api.ended(api.index(tmp_path / "small", ref="nowhere"))["id"]
        api.stop_clock()
        retried = api.index_held(site)
        kill_all(working_in(worker.run_dir / "scratch"))
        until(lambda: "job retried" in worker.output)
        site.stalled.clear()
        taken = api.index_held(site)
        api.value("update public.index_jobs set attempt = 2 where id = %s returning 1", taken)
        until(lambda: "job lost" in worker.output)
        refused = "job_stale_attempts_refused_total 1.0"
        assert refused in loopback.get(f"http://127.0.0.1:{port}/metrics").text
        site.stalled.clear()
        held = api.index_held(site)
        assert worker.stop(signal.SIGTERM) == 0
        said = {
            job_id: [line["event"] for line in worker.events_of(job_id)]
            for job_id in (completed, failed, retried, taken, held)
        }
        assert said == {
            completed: ["job claimed", "job ended"],
            failed: ["job claimed", "job ended"],
            retried: ["job claimed", "job retried"],
            taken: ["job claimed", "job lost"],
            held: ["job claimed", "job handed back"],
        }
        statuses = [worker.events_of(job_id)[1]["status"] for job_id in (completed, failed)]
        assert statuses == ["completed", "failed"]
        [stopping] = [line for line in worker.output.splitlines() if "runner stopping" in line]
        assert json.loads(stopping)["running_jobs"] == [held]


def test_worker_purges_jobs_older_than_the_retention(
    start: Start, work: Work, tmp_path: Path
) -> None:
    commit(tmp_path / "small", {"a.py": PYTHON})
    with start("api", runner_concurrency=0) as api:
        with work("first"):
            old, new = (api.ended(api.index(tmp_path / "small"))["id"] for _ in range(2))
        with api.sql() as connection:
            connection.execute(
                "update public.index_jobs set created_at = created_at - interval '3 days',"
                " started_at = started_at - interval '3 days',"
                " completed_at = completed_at - interval '3 days' where id = %s",
                (old,),
            )
        left = "select array_agg(id::text order by created_at) from public.index_jobs"
        with work("without", RUNNER_CONCURRENCY="1"):
            assert api.value(left) == [old, new]
        with work("second", RETENTION_DAYS="2") as worker:
            until(lambda: "old jobs purged" in worker.output)
            assert api.value(left) == [new]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_worker_hands_its_job_back(
    number: int, start: Start, work: Work, site: Host
) -> None:
    with (
        start("api", runner_concurrency=0, **from_site(site)) as api,
        work("first", RUNNER_GRACE_SECONDS="0", RUNNER_LEASE_SECONDS="600", **of_site(site)) as one,
    ):
        job_id = api.index_held(site)
        assert one.stop(number) == 0
        assert not list(one.run_dir.glob("scratch/*/"))
        site.released.set()
        with work("second", **of_site(site)):
            job = api.ended(job_id)
            assert (job["status"], job["attempt"]) == ("completed", 2)


def test_stopped_worker_finishes_its_job_within_the_grace_period(
    start: Start, work: Work, site: Host
) -> None:
    with (
        start("api", runner_concurrency=0, **from_site(site)) as api,
        work(RUNNER_GRACE_SECONDS=str(PATIENCE), **of_site(site)) as worker,
    ):
        held = api.index_held(site)
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: "runner stopping" in worker.output)
        late = api.client.create_index_job({"repository": "git/app"}).job_id
        site.released.set()
        assert worker.process.wait(PATIENCE) == 0
        assert (api.job(held)["status"], api.job(held)["attempt"]) == ("completed", 1)
        assert api.job(late)["status"] == "pending"


def attempts(api: Api, job_ids: list[str]) -> dict[str, tuple[int, int]]:
    """Returns how often each job was started and completed."""
    with api.sql() as connection:
        rows = connection.execute(
            "select job_id::text, count(*) filter (where to_status = 'processing'),"
            " count(*) filter (where to_status = 'completed')"
            " from public.index_job_events where job_id = any(%s::uuid[]) group by job_id",
            (job_ids,),
        ).fetchall()
    return {job_id: (begun, completed) for job_id, begun, completed in rows}


def test_two_workers_complete_fifty_jobs_once_each(
    start: Start, work: Work, site: Host, tmp_path: Path
) -> None:
    folders = [tmp_path / f"r{number}" for number in range(10)]
    for folder in folders:
        commit(folder, {"a.py": PYTHON})
    variables = {"RUNNER_CONCURRENCY": "1"} | of_site(site)
    with (
        start("api", runner_concurrency=0, **from_site(site)) as api,
        work("one", **variables),
        work("two", **variables),
    ):
        held = {"repository": "held/app"}
        job_ids = [api.client.create_index_job(held).job_id for _ in range(2)]  # one for each
        until(lambda: all(api.job(job_id)["status"] == "processing" for job_id in job_ids))
        site.released.set()
        job_ids += [api.index(folders[number % 10]) for number in range(48)]
        jobs = [api.ended(job_id) for job_id in job_ids]
        assert {(job["status"], job["attempt"]) for job in jobs} == {("completed", 1)}
        assert attempts(api, job_ids) == dict.fromkeys(job_ids, (1, 1))
        assert len({job["worker_id"] for job in jobs}) == 2


def test_jobs_of_a_killed_worker_complete_on_the_other(
    start: Start, work: Work, site: Host, tmp_path: Path
) -> None:
    folders = [tmp_path / f"r{number}" for number in range(10)]
    for folder in folders:
        commit(folder, {"a.py": PYTHON})
    variables = {"RUNNER_LEASE_SECONDS": "2"} | of_site(site)
    with (
        start("api", runner_concurrency=0, **from_site(site)) as api,
        work("killed", **variables) as killed,
    ):
        held = api.index_held(site)
        with work("other", **variables):
            job_ids = [api.index(folders[number % 10]) for number in range(49)]
            counts = "select count(*) from public.index_jobs where status = 'completed'"
            until(lambda: api.value(counts) >= 5)
            lost = api.job(held)["worker_id"]
            killed.stop(signal.SIGKILL)
            site.released.set()
            jobs = [api.ended(job_id) for job_id in [held, *job_ids]]
    assert {job["status"] for job in jobs} == {"completed"}
    begun = attempts(api, [held, *job_ids])
    assert {completed for _, completed in begun.values()} == {1}
    assert begun[held] == (2, 1)
    assert jobs[0]["worker_id"] != lost
    twice = [job for job in jobs if job["attempt"] > 1]
    assert len(twice) <= 3, "only the jobs of the killed worker"
