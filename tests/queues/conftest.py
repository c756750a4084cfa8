"""Real pg-boss beside our tables, connected by the bridge, and jobs for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO
from uuid import UUID

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from psycopg.rows import TupleRow

from db.tools import bridges
from tests.support.databases import Cluster, Database
from tests.support.fetch import node_modules, npm_pack

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "bench/queues"

# The other supported pg-boss, with schema 43, for make prove.
OLDER = {
    "12.35.0": "e950badadb4649bf1f3fd516cf006d1f0890e24d4494e4c0a170ac06cecdaa00",
}

Connection = psycopg.Connection[TupleRow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scripts" in metafunc.fixturenames and metafunc.config.getoption("--prove"):
        metafunc.parametrize("scripts", ["newest", *OLDER], indirect=True, scope="session")


@pytest.fixture(scope="session")
def scripts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of worker.mjs, with pg-boss installed."""
    folder = tmp_path_factory.mktemp("queues")
    shutil.copy(HERE / "worker.mjs", folder)
    version = getattr(request, "param", "newest")
    modules = folder / "node_modules"
    if version == "newest":
        modules.symlink_to(node_modules(PACKAGES))
        return folder
    modules.mkdir()
    for package in node_modules(PACKAGES).iterdir():
        if package.name not in {"pg-boss", ".bin"}:
            (modules / package.name).symlink_to(package)
    with tarfile.open(npm_pack(f"pg-boss@{version}", OLDER[version])) as archive:
        archive.extractall(folder, filter="data")
    (folder / "package").rename(modules / "pg-boss")
    return folder


@pytest.fixture(scope="session")
def plans(scripts: Path) -> str:
    """pg-boss's own SQL for its schema."""
    done = subprocess.run(
        [node(), "worker.mjs", "plans"], cwd=scripts, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def shared(clusters: Callable[..., Cluster], plans: str) -> Iterator[Database]:
    """A database with pg-boss and the bridge, shared by the tests of a file."""
    with clusters(18).database("ordinary", migrated=True) as database:
        add_pg_boss(database, plans)
        bridges.install(database.migrator_url, "pg-boss")
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("select tests.arrange_cast()")
        yield database


@pytest.fixture
def connection(shared: Database) -> Iterator[Connection]:
    """A superuser's connection. Removes the jobs of the previous test."""
    with psycopg.connect(shared.url, autocommit=True) as connection:
        connection.execute("delete from pgboss.job")
        connection.execute("delete from public.index_jobs")
        yield connection


def add_pg_boss(database: Database, plans: str) -> None:
    """Creates pg-boss's schema and lets workers use it."""
    with psycopg.connect(database.migrator_url, autocommit=True) as connection:
        connection.execute(plans.encode())
        connection.execute(
            "grant usage on schema pgboss to job_worker;"
            "grant select, insert, update, delete on all tables in schema pgboss to job_worker;"
            "grant execute on all functions in schema pgboss to job_worker"
        )


def add_procrastinate(database: Database) -> None:
    """Creates procrastinate's schema and lets workers use it."""
    with psycopg.connect(database.migrator_url, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema().encode())
        for table in ("jobs", "events", "periodic_defers", "workers"):
            granted = "grant select, insert, update, delete on procrastinate_{} to job_worker"
            connection.execute(granted.format(table).encode())
        for table in ("jobs", "events", "periodic_defers"):
            granted = "grant usage on sequence procrastinate_{}_id_seq to job_worker"
            connection.execute(granted.format(table).encode())


@cache
def node() -> str:
    """Returns the path of the real Node. A killed launcher in the venv would leave it behind."""
    wrapper = Path(sys.executable).with_name("node")
    asked = [wrapper, "-p", "process.execPath"]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@contextmanager
def acting_as_alice(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("select tests.act_as(tests.alice())")
        yield
        connection.execute("select tests.act_as_admin()")


def create(connection: Connection, ref: str = "main") -> UUID:
    """Creates a job as alice."""
    with acting_as_alice(connection):
        row = connection.execute(
            "select j.id from public.create_index_job("
            "p_repository_id => tests.alice_repository(), p_ref => %s) as j",
            (ref,),
        ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def cancel(connection: Connection, job: UUID) -> None:
    with acting_as_alice(connection):
        connection.execute("select public.cancel_index_job(%s)", (job,))


def state_of(connection: Connection, job: UUID) -> tuple[str | None, int | None, str | None]:
    """Returns the job's status and attempt, and the state of its queue row."""
    row = connection.execute(
        "select (select j.status::text from public.index_jobs as j where j.id = %(job)s),"
        " (select j.attempt from public.index_jobs as j where j.id = %(job)s),"
        " (select b.state::text from pgboss.job as b where b.id = %(job)s)",
        {"job": job},
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def start(
    command: Sequence[str], folder: Path, url: str, output: IO[str] | int
) -> subprocess.Popen[str]:
    """Starts a worker process on this database."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"DATABASE_URL": url, "WORKER_DATABASE_URL": url},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def working(command: Sequence[str], folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a worker process on this database and kills it at the end."""
    process = start(command, folder, url, subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> dict[str, str]:
    """Reads the next line of a worker, which is JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line
    told: dict[str, str] = json.loads(line)
    return told
