"""Real servers and databases for the tests: Postgres 18, and 15 if a test needs it.

They are temporary servers of the tests. DATABASE_URL is never used.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from pytest_pgtap.plugin import PgTapItem

from db.local.postgres import Server, temporary
from db.tools import environment
from tests.support import pooled
from tests.support.databases import (
    VARIANTS,
    Cluster,
    Database,
    NewDatabase,
    Owner,
    settings_of,
)
from tests.support.fetch import postgres_binaries
from tests.support.kept import Kept
from tests.support.pooler import pgbouncer_of
from tests.support.repositories import commit, modules

LONG = ("faults", "worker", "support", "cli", "db", "supabase", "test_session.py", "lifecycle")
"""The folders and files with the longest tests."""
KEPT = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="run the extended versions of the tests")
    pooled.add_option(parser)
    parser.addoption(
        "--change", type=Path, action="append", default=[], metavar="FILE",
        help="SQL that the owner of each migrated database runs in it: a mutant",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before the plugin reads its option
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(pooled)
    proving = config.option.prove
    if proving and config.option.timeout is None:
        config.option.timeout = 3600.0
    settings.register_profile(
        "tests",
        max_examples=1000 if proving else 100,
        derandomize=not proving,
        database=None,
        deadline=None,  # examples must not fail because the machine is slow
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("tests")
    config.option.pgtap_uri = None  # pytest-pgtap would use DATABASE_URL and print it
    # a background parent may ignore SIGINT, which our children would inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment.clean_up()
    environment.forget_servers()
    for name in list(os.environ):
        if name.endswith("DATABASE_URL"):
            del os.environ[name]


def kept_folder(config: pytest.Config) -> Path:
    """Returns a folder shared by all processes of this run. It is removed at the end."""
    if KEPT not in config.stash:
        config.stash[KEPT] = Path(tempfile.mkdtemp(prefix="index-jobs-kept-", dir="/tmp"))
        config.stash[KEPT].chmod(0o711)  # root's Postgres runs as another user
    return config.stash[KEPT]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Passes the folder to a process of xdist, through its configuration."""
    node.workerinput["kept"] = str(kept_folder(node.config))


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEPT in config.stash:
        shutil.rmtree(config.stash[KEPT], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts files with long tests first, so that none runs alone at the end.

    The many short pgTAP files come last.
    """
    order = {name: at for at, name in enumerate(LONG)} | {"sql": len(LONG) + 1}
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        inside = item.path.is_relative_to(here)
        return order.get(item.path.relative_to(here).parts[0], len(LONG)) if inside else len(LONG)

    items.sort(key=place)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Skipped tests and expected failures do not count as success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reports = [report for kind in reporter.stats.values() for report in kind] if reporter else []
    if any(getattr(r, "skipped", False) or hasattr(r, "wasxfail") for r in reports):
        reporter.write_line("tests were skipped or expected to fail: that fails the run", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def proving(pytestconfig: pytest.Config) -> bool:
    """Whether to run the extended versions of the tests."""
    return bool(pytestconfig.option.prove)


@pytest.fixture(scope="session")
def kept(pytestconfig: pytest.Config) -> Kept:
    """Data directories that are created once for all processes."""
    shared = getattr(pytestconfig, "workerinput", {}).get("kept")
    return Kept(Path(shared) if shared else kept_folder(pytestconfig))


@pytest.fixture(scope="session")
def clusters(request: pytest.FixtureRequest, kept: Kept) -> Iterator[Callable[..., Cluster]]:
    """Returns the cluster of a major version and owner, which is started on first use."""
    changes = [file.read_text() for file in request.config.getoption("--change")]
    many = hasattr(request.config, "workerinput")  # several processes need the same ones
    by_superuser = any(isinstance(item, PgTapItem) for item in request.session.items)
    wanted = [v for v in VARIANTS if by_superuser or v[1] != "superuser"]
    started: dict[tuple[int, bool], Cluster] = {}
    with ExitStack() as at_exit:

        def cluster(major: int, owner: Owner = "ordinary") -> Cluster:
            hosted = owner == "supabase"
            key = (major, hosted)

            def prepare(server: Server) -> None:
                cluster = Cluster(server, hosted=hosted, changes=changes)
                cluster.prepare(*(o for m, o in wanted if (m, o == "supabase") == key))

            if key not in started:
                settings = settings_of(major)
                new = (
                    kept.server(
                        major,
                        settings=settings,
                        name="hosted" if hosted else "ordinary",
                        fill=prepare,
                    )
                    if many
                    else temporary(settings=settings, binaries=postgres_binaries(major))
                )
                server = at_exit.enter_context(new)
                made = Cluster(server, hosted=hosted, changes=changes)
                if request.config.option.pooled:
                    made.pooler = at_exit.enter_context(pgbouncer_of(server, made.logins))
                started[key] = made
            return started[key]

        yield cluster


@pytest.fixture(scope="session")
def postgres18(clusters: Callable[..., Cluster]) -> Server:
    return clusters(18).server


@pytest.fixture(scope="session")
def postgres15(clusters: Callable[..., Cluster]) -> Server:
    return clusters(15).server


@pytest.fixture
def new_database(clusters: Callable[..., Cluster]) -> Iterator[NewDatabase]:
    """Creates databases that last until the end of the test."""
    with ExitStack() as at_exit:

        def new(
            major: int = 18,
            owner: Owner = "ordinary",
            *,
            migrated: bool = True,
            plain: bool = False,
        ) -> Database:
            return at_exit.enter_context(
                clusters(major, owner).database(owner, migrated=migrated, plain=plain)
            )

        yield new


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    """A fresh database on Postgres 18 whose tables belong to an ordinary role."""
    return new_database()


@pytest.fixture(scope="session")
def pgtap_databases(
    clusters: Callable[..., Cluster],
) -> Iterator[Callable[[int, Owner], Database]]:
    """The database for all pgTAP files of a server and owner. Each file rolls back."""
    made: dict[tuple[int, Owner], Database] = {}
    with ExitStack() as at_exit:

        def database(major: int, owner: Owner) -> Database:
            if (major, owner) not in made:
                made[major, owner] = at_exit.enter_context(
                    clusters(major, owner).database(owner, migrated=True)
                )
            return made[major, owner]

        yield database


@pytest.fixture(scope="session")
def pgtap_connection(
    pgtap_databases: Callable[[int, Owner], Database],
) -> Iterator[psycopg.Connection]:
    """For Python tests marked pgtap. Replaces the plugin's fixture, which may skip them."""
    with psycopg.connect(pgtap_databases(18, "ordinary").url) as connection:
        yield connection


@pytest.fixture(scope="session")
def slow_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that takes at least a second to index, with visible progress."""
    folder = tmp_path_factory.mktemp("slow") / "slow"
    commit(folder, modules(600, lines=150))
    return folder
