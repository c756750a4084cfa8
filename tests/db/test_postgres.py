"""The embedded server: start, stop and recovery."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import db.local.account
from db.local.account import executable_binaries, server_account
from db.local.postgres import PostgresError, Server, run
from tests.support.fetch import postgres_binaries
from tests.support.ports import kept_port, taken
from tests.support.waiting import until

OWNER = """
import sys
from pathlib import Path
from db.local.postgres import run

with run(Path(sys.argv[1]), port=0) as server:
    print(server.pid, server.url(), server.socket_dir, flush=True)
    sys.stdin.read()
"""

FAST = {"fsync": "off"}  # for temporary data, because syncing is slow


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any user can enter."""
    with tempfile.TemporaryDirectory(prefix="index-jobs-tests-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """An initialized data directory that no server uses."""
    with open_folder() as folder:
        with run(folder / "pgdata", port=0, settings=FAST):
            pass
        yield folder / "pgdata"


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """A data directory that does not exist yet."""
    with open_folder() as folder:
        yield folder / "pgdata"


@pytest.fixture
def data_dir(new_dir: Path, made: Path) -> Path:
    """A data directory with an empty database."""
    subprocess.run(["cp", "-a", made, new_dir], check=True)
    return new_dir


@contextmanager
def owner(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs the server until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def announced(process: subprocess.Popen[str]) -> tuple[int, str, Path]:
    """Returns the server's pid, URL and socket folder, which the owner prints when it is up."""
    assert process.stdout
    pid, url, socket_dir = process.stdout.readline().split()
    return int(pid), url, Path(socket_dir)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def write(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table if not exists kept (n int)")
        connection.execute("insert into kept values (1)")


def count(server: Server) -> int:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
    assert row
    return int(row[0])


def test_data_is_kept_between_runs(data_dir: Path) -> None:
    with run(data_dir, port=0) as server:
        write(server.url())
    with run(data_dir, port=0) as server:
        assert count(server) == 1


def test_server_is_the_bundled_version_18(data_dir: Path) -> None:
    with run(data_dir, port=0) as server, psycopg.connect(server.url()) as connection:
        assert connection.info.server_version // 10000 == 18
        assert server.bin("psql").exists()


def test_settings_are_passed_to_the_server(data_dir: Path) -> None:
    with (
        run(data_dir, port=0, settings={"work_mem": "7MB", "timezone": "Asia/Tokyo"}) as server,
        psycopg.connect(server.url()) as connection,
    ):
        assert connection.execute("show work_mem").fetchone() == ("7MB",)
        assert connection.execute("show timezone").fetchone() == ("Asia/Tokyo",)


def test_server_listens_only_on_loopback(data_dir: Path) -> None:
    with run(data_dir, port=0) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)


@pytest.mark.parametrize("way", ["tcp", "socket"])
def test_password_is_required(data_dir: Path, way: str) -> None:
    with run(data_dir, port=0) as server:
        host = server.host if way == "tcp" else str(server.socket_dir)
        where = {"host": host, "port": server.port, "user": "postgres", "dbname": "postgres"}
        psycopg.connect(**where, password=server.password).close()
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(**where)
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(**where, password="guess")


def test_files_with_the_password_are_readable_only_by_the_owner(data_dir: Path) -> None:
    with run(data_dir, port=0):
        for path in (data_dir.with_name("pgdata.json"), data_dir / "superuser.password"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_stop_leaves_no_process_and_no_state_file(data_dir: Path) -> None:
    with run(data_dir, port=0) as server:
        pass
    assert is_gone(server.pid)
    assert not server.socket_dir.exists()
    assert not data_dir.with_name("pgdata.json").exists()


def test_another_port_is_used_when_the_preferred_one_is_taken(data_dir: Path) -> None:
    with kept_port() as wanted:
        with taken(wanted) as by_us, run(data_dir, port=wanted) as server:
            assert by_us
            assert wanted < server.port <= wanted + 100 or wanted > 65_435
            write(server.url())
        with run(data_dir, port=wanted) as server:
            assert server.port == wanted
            assert count(server) == 1


def test_second_run_shares_the_running_server_and_does_not_stop_it(data_dir: Path) -> None:
    with owner(data_dir) as process:
        pid, url, _ = announced(process)
        with run(data_dir) as server:
            assert (server.pid, server.url()) == (pid, url)
        write(url)


def test_concurrent_starts_share_one_server(data_dir: Path) -> None:
    with owner(data_dir) as one, owner(data_dir) as other:
        assert announced(one) == announced(other)


def test_server_stops_with_its_killed_owner_and_rows_are_kept(data_dir: Path) -> None:
    with owner(data_dir) as process:
        pid, url, socket_dir = announced(process)
        write(url)
        process.kill()
        until(lambda: is_gone(pid))
    with run(data_dir, port=0) as server:
        assert count(server) == 1
        assert not socket_dir.exists()


def test_start_waits_for_the_server_of_a_just_killed_owner(data_dir: Path) -> None:
    for _ in range(3):
        with owner(data_dir) as process:
            _, url, _ = announced(process)
            write(url)
            process.kill()
    with run(data_dir, port=0) as server:
        assert count(server) == 3


def test_killed_server_restarts_with_its_rows(data_dir: Path) -> None:
    for rows in range(3):
        with run(data_dir, port=0) as server:
            assert rows == 0 or count(server) == rows
            write(server.url())
            os.kill(server.pid, signal.SIGKILL)


def test_start_waits_for_leftover_processes_of_a_killed_server(data_dir: Path) -> None:
    with run(data_dir, port=0) as server:
        write(server.url())
        with psycopg.connect(server.url()) as connection:
            backend = connection.info.backend_pid
            os.kill(backend, signal.SIGSTOP)
            os.kill(server.pid, signal.SIGKILL)
    with owner(data_dir) as process:
        try:
            log = data_dir.with_name("pgdata.log")
            until(lambda: log.exists() and "is still in use" in log.read_text())
        finally:
            os.kill(backend, signal.SIGKILL)
        announced(process)
        with run(data_dir) as server:
            assert count(server) == 1


def test_waiting_process_takes_over_from_a_dying_owner(data_dir: Path) -> None:
    with owner(data_dir) as first:
        pid, url, _ = announced(first)
        write(url)
        os.kill(pid, signal.SIGKILL)  # the owner is alive, its server is not
        with owner(data_dir) as second:
            first.kill()
            later, _, _ = announced(second)
            assert later != pid
            with run(data_dir) as server:
                assert server.pid == later
                assert count(server) == 1


def test_pid_file_with_a_reused_pid_does_no_harm(data_dir: Path) -> None:
    with run(data_dir, port=0) as server:
        write(server.url())
        left = (data_dir / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"], **server_account(data_dir).popen()) as other:
        try:
            (data_dir / "postmaster.pid").write_text(left.replace(str(server.pid), str(other.pid)))
            with run(data_dir, port=0) as server:
                assert count(server) == 1
        finally:
            other.kill()


@pytest.mark.parametrize("left", ["", "{", "{}", '{"pid": 1, "socket_dir": "/nonexistent"}'])
def test_stale_state_file_does_no_harm(data_dir: Path, left: str) -> None:
    data_dir.with_name("pgdata.json").write_text(left)
    with run(data_dir, port=0, settings={"fsync": "off"}) as server:
        write(server.url())


def test_incomplete_data_directory_is_recreated(new_dir: Path) -> None:
    new_dir.with_name("pgdata.new.x").mkdir()
    new_dir.mkdir()
    with run(new_dir, port=0, settings=FAST) as server:
        write(server.url())
    assert not list(new_dir.parent.glob("*.new.*"))


def test_directory_with_other_files_is_not_touched(new_dir: Path) -> None:
    new_dir.mkdir()
    (new_dir / "thesis.txt").write_text("mine")
    with pytest.raises(PostgresError, match="not empty"), run(new_dir, port=0, settings=FAST):
        pass
    assert [path.name for path in new_dir.iterdir()] == ["thesis.txt"]


def test_data_of_another_major_version_is_rejected_with_a_remedy(new_dir: Path) -> None:
    with run(new_dir, port=0, settings=FAST, binaries=postgres_binaries(15)) as server:
        write(server.url())
    refused = pytest.raises(PostgresError, match=r"Postgres 15.*this is Postgres 18.*Move it away")
    with refused, run(new_dir, port=0):
        pass
    with run(new_dir, port=0, settings=FAST, binaries=postgres_binaries(15)) as server:
        assert count(server) == 1


def test_failed_start_gives_its_reason_and_leaves_nothing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.local.postgres.SOCKETS", data_dir.parent)
    refused = pytest.raises(PostgresError, match=r'(?s)unrecognized.*"colour".*pgdata\.log')
    with refused, run(data_dir, port=0, settings={"colour": "red"}):
        pass
    assert not list(data_dir.parent.glob("index-jobs-*"))
    with run(data_dir, port=0) as server:
        assert server.socket_dir.parent == data_dir.parent
        write(server.url())


def test_foreign_server_on_the_directory_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner(data_dir) as process:
        pid, _, _ = announced(process)
        data_dir.with_name("pgdata.lock").unlink()  # as if it had been started by hand
        monkeypatch.setattr("db.local.postgres.PATIENCE", 0.1)
        with pytest.raises(PostgresError, match=f"kill -INT {pid}"), run(data_dir):
            pass
        assert not is_gone(pid)


class TestRoot:
    """Behavior when run as root."""

    __test__ = os.geteuid() == 0

    @pytest.fixture
    def private(self, monkeypatch: pytest.MonkeyPatch, new_dir: Path) -> Iterator[Path]:
        """A folder that only root can enter, with its own data folders and copies."""
        monkeypatch.setattr(db.local.account, "SHELTERS", new_dir.with_name("shelters"))
        monkeypatch.setattr(db.local.account, "COPIES", new_dir.with_name("copies"))
        with tempfile.TemporaryDirectory(prefix="index-jobs-tests-", dir="/tmp") as folder:
            yield Path(folder)

    def test_normal_user_can_run_it_too(self, new_dir: Path) -> None:
        account = server_account(new_dir)
        binaries = executable_binaries(postgres_binaries(18), account)
        account.own(new_dir.parent)
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(account.gid)
                os.setuid(account.uid)
                for _ in range(2):
                    with run(new_dir, port=0, settings=FAST, binaries=binaries) as server:
                        write(server.url())
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert new_dir.stat().st_uid == account.uid

    def test_server_does_not_run_as_root(self, data_dir: Path) -> None:
        with run(data_dir, port=0, settings=FAST) as server:
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
            assert server.socket_dir.stat().st_uid != 0

    def test_checkout_that_only_root_can_enter_works(self, private: Path) -> None:
        before = private.stat().st_mode
        for rows in (1, 2):
            with run(private / ".run/pgdata", port=0, settings=FAST) as server:
                write(server.url())
                assert count(server) == rows
        assert private.stat().st_mode == before

    def test_binaries_that_only_root_can_read_work(self, private: Path, data_dir: Path) -> None:
        binaries = private / "postgres"
        shutil.copytree(postgres_binaries(18), binaries, ignore=shutil.ignore_patterns("include"))
        for _ in range(2):
            with run(data_dir, port=0, binaries=binaries) as server:
                write(server.url())
                assert not server.binaries.is_relative_to(private)
        assert len(list(db.local.account.COPIES.glob("postgres-*"))) == 1

    def test_new_checkout_at_an_old_path_does_not_use_old_data(self, private: Path) -> None:
        checkout = private / "checkout"
        with run(checkout / "pgdata", port=0, settings=FAST) as server:
            write(server.url())
        shutil.rmtree(checkout)
        with (
            run(checkout / "pgdata", port=0, settings=FAST) as server,
            pytest.raises(psycopg.errors.UndefinedTable),
        ):
            count(server)
        assert len(list(db.local.account.SHELTERS.glob("*/checkout"))) == 1

    def test_moved_checkout_keeps_its_data(self, private: Path) -> None:
        with run(private / "old/pgdata", port=0, settings=FAST) as server:
            write(server.url())
        (private / "old").rename(private / "new")
        with run(private / "new/pgdata", port=0, settings=FAST) as server:
            assert count(server) == 1
        with (
            run(private / "another/pgdata", port=0, settings=FAST),
            run(private / "new/pgdata", port=0, settings=FAST) as server,
        ):
            assert count(server) == 1

    def test_copied_checkout_gets_its_own_data(self, private: Path) -> None:
        with run(private / "original/pgdata", port=0, settings=FAST) as server:
            write(server.url())
        shutil.copytree(private / "original", private / "copy", symlinks=True)
        with (
            run(private / "copy/pgdata", port=0, settings=FAST),
            run(private / "original/pgdata", port=0, settings=FAST) as server,
        ):
            assert count(server) == 1
