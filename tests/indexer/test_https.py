"""Cloning over https from a real server: successes, failures and their messages."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.githost import Host, certificate
from tests.support.processes import group_lives
from tests.support.waiting import PATIENCE, until
from worker import attempt
from worker.indexer.__main__ import run
from worker.indexer.protocol import Request
from worker.spawner import Indexers
from worker.timings import Timings

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Start


@pytest.fixture
def host(tmp_path: Path, roots: Path) -> Iterator[Host]:
    host = Host(roots, certificate(tmp_path / "host.pem"))
    yield host
    host.close()


@pytest.fixture
def remote(repository: Git, host: Host) -> str:
    return f"{host.url}/git/{repository.path.name}/.git"


def test_repository_is_indexed_over_https(
    repository: Git, remote: str, host: Host, index: Index
) -> None:
    first = repository.commit({"a.py": "def a(): ...", "large.bin": os.urandom(2_000_000)})
    second = repository.commit({"b.py": "def b(): ..."})
    for request, commit in [
        ({}, second),
        ({"ref": "main"}, second),
        ({"commit_sha": first}, first),
    ]:
        outcome = index(remote, local_roots=[], environment=host.environment, **request)
        assert outcome.last.get("commit_sha") == commit, outcome
        assert outcome.stats["symbols_extracted"] == (1 if commit == first else 2)


def test_branch_tag_and_commit_are_found_over_https(
    repository: Git, remote: str, host: Host, index: Index
) -> None:
    first = repository.commit({"a.py": "a = 1"})
    repository("tag", "light")
    repository("tag", "-a", "-m", "x", "heavy")
    repository("branch", "feature/a")
    repository.commit({"b.py": "b = 1"})
    for ref in ("light", "heavy", "refs/tags/heavy", "feature/a", first, first.upper()):
        outcome = index(remote, ref=ref, environment=host.environment)
        assert outcome.last.get("commit_sha") == first, outcome


def test_missing_refs_are_reported_over_https(
    repository: Git, new_repository: Callable[..., Git], remote: str, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    empty = f"{host.url}/git/{new_repository().path.name}/.git"
    for url, request, code in [
        (remote, {"ref": "missing"}, "unknown_ref"),
        (remote, {"ref": "1" * 40}, "unknown_commit"),
        (remote, {"commit_sha": "1" * 40}, "unknown_commit"),
        (empty, {}, "empty_repository"),
    ]:
        outcome = index(url, environment=host.environment, **request)
        assert outcome.error == code, outcome
        assert outcome.last["message"].endswith((".", ")"))


def test_blobs_over_the_limit_are_not_transferred(
    repository: Git, remote: str, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1", "large.bin": os.urandom(2_000_000)})
    repository("config", "uploadpack.allowFilter", "true")
    outcome = index(remote, environment=host.environment)
    assert outcome.stats["skipped"] == {"oversized": 1}
    packs = Path(outcome.last["files"]).parent.glob("**/*.pack")
    assert sum(pack.stat().st_size for pack in packs) < 10_000


@pytest.mark.parametrize("scheme", ["https", "file"])
def test_files_removed_in_history_are_not_transferred(
    scheme: str, repository: Git, remote: str, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1", "removed.bin": os.urandom(900_000)})
    (repository.path / "removed.bin").unlink()
    repository.commit()
    url = remote if scheme == "https" else repository.path
    outcome = index(url, environment=host.environment)
    assert outcome.paths == ["a.py"]
    packs = Path(outcome.last["files"]).parent.glob("**/*.pack")
    assert 0 < sum(pack.stat().st_size for pack in packs) < 10_000


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/git/missing", "repository_not_found"),
        ("/401/private", "repository_not_found"),
        ("/403/private", "repository_not_found"),
        ("/404/missing", "repository_not_found"),
        ("/408/slow", "host_unreachable"),
        ("/429/busy", "host_unreachable"),
        ("/500/broken", "host_unreachable"),
        ("/503/busy", "host_unreachable"),
        ("/418/openssl", "clone_failed"),
        ("/error/write%20error:%20No%20space%20left%20on%20device", "internal_error"),
        ("/200/page", "repository_not_found"),
        ("/redirect/repository-1/.git", "repository_moved"),
    ],
)
def test_refusal_of_the_host_is_reported_in_a_sentence(
    path: str, code: str, repository: Git, host: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    outcome = index(host.url + path, environment=host.environment)
    assert outcome.error == code
    assert outcome.last["message"].endswith(".")
    assert "127.0.0.1" not in outcome.last["message"]


def test_redirect_is_not_followed(repository: Git, host: Host, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    index(f"{host.url}/redirect/{repository.path.name}/.git", environment=host.environment)
    assert host.requests
    assert not any(path.startswith("/git/") for path in host.requests)


@pytest.mark.parametrize("wanted", [{}, {"ref": "main"}, {"commit_sha": "the newest"}], ids=str)
@pytest.mark.parametrize("path", ["suffix/{}", "suffix/{}.git", "bare/{}.git", "bare/{}"])
def test_redirect_that_only_adds_or_removes_dot_git_is_followed(
    path: str, wanted: dict[str, str], repository: Git, host: Host, index: Index
) -> None:
    commit = repository.commit({"a.py": "a = 1"})
    request = {key: value.replace("the newest", commit) for key, value in wanted.items()}
    url = f"{host.url}/{path.format(repository.path.name)}"
    outcome = index(url, environment=host.environment, **request)
    assert outcome.last["commit_sha"] == commit


@pytest.mark.parametrize("path", ["suffix/missing", "bare/missing.git"])
def test_redirect_to_a_missing_repository_is_reported_as_moved(
    path: str, host: Host, index: Index
) -> None:
    assert index(f"{host.url}/{path}", environment=host.environment).error == "repository_moved"


def test_pack_is_fetched_only_from_its_host(
    repository: Git, host: Host, index: Index, roots: Path
) -> None:
    repository.commit({"a.py": "a = 1"})
    private = Host(roots, Path(host.environment["GIT_SSL_CAINFO"]))
    host.elsewhere = private.url
    try:
        url = f"{host.url}/uris/{repository.path.name}/.git"
        outcome = index(url, environment=host.environment)
        assert outcome.error == "clone_failed"
        assert private.connections == 0
        assert index(url.replace("/uris/", "/git/"), environment=host.environment).exit_code == 0
    finally:
        private.close()


def test_certificate_must_be_valid(remote: str, host: Host, index: Index) -> None:
    outcome = index(remote, environment={"GIT_SSL_NO_VERIFY": "1"})
    assert outcome.error == "host_unreachable"
    assert not host.requests


def test_certificate_named_by_the_environment_is_trusted(
    repository: Git, remote: str, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit({"a.py": "a = 1"})
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    request = Request(remote, scratch, trusted_hosts=("127.0.0.1",))

    async def run_indexer() -> str:
        indexers = Indexers()
        try:
            last = await attempt.run_indexer(
                indexers,
                request,
                tmp_path,
                on_progress=lambda _: None,
                timings=Timings(),
                log=attempt.logger,
            )
            return str(last["commit_sha"])
        finally:
            await indexers.close()

    assert asyncio.run(run_indexer()) == commit


def test_unreachable_host_is_reported(host: Host, index: Index) -> None:
    host.close()
    assert index(f"{host.url}/a/b").error == "host_unreachable"


def test_stalled_host_hits_the_time_limit(host: Host, start: Start) -> None:
    process = start(f"{host.url}/stall/a", environment=host.environment, limits={"seconds": 2})
    stdout, _ = process.communicate(timeout=PATIENCE)
    assert '"code": "time_limit"' in stdout.splitlines()[-1]
    until(lambda: not group_lives(process.pid), PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_git_ends_with_the_indexer(number: signal.Signals, host: Host, start: Start) -> None:
    process = start(f"{host.url}/stall/a", environment=host.environment)
    assert host.stalled.wait(PATIENCE)
    os.kill(process.pid, number)
    process.communicate(timeout=PATIENCE)
    until(lambda: not group_lives(process.pid), PATIENCE)


def test_indexer_ends_with_its_parent(host: Host, tmp_path: Path, start: Start) -> None:
    process = start("/nowhere")
    process.communicate()
    request = next(tmp_path.glob("scratch-*/request.json"))
    request.write_text(request.read_text().replace('"/nowhere"', f'"{host.url}/stall/a"'))
    script = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'worker.indexer',"
        " sys.argv[1]], stdout=-3, start_new_session=True); print(p.pid, flush=True); p.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(request)],
        stdout=subprocess.PIPE,
        env=os.environ | host.environment,
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert host.stalled.wait(PATIENCE)
    parent.kill()
    parent.communicate(timeout=PATIENCE)
    until(lambda: not group_lives(child), PATIENCE)


@pytest.mark.parametrize("orphan", [True, False])
def test_orphaned_indexer_does_not_start(
    orphan: bool, repository: Git, roots: Path, tmp_path: Path
) -> None:
    repository.commit()
    path = tmp_path / "request.json"
    request = {"git_url": str(repository.path), "scratch": str(tmp_path)}
    path.write_text(json.dumps(request | {"local_roots": [str(roots)]}))
    parent = 1 if orphan else os.getpid()
    indexer = multiprocessing.get_context("spawn").Process(target=_index, args=(path, parent))
    indexer.start()
    indexer.join(PATIENCE)
    assert indexer.exitcode == (1 if orphan else 0)
    assert (tmp_path / "files.copy").exists() != orphan


def _index(path: Path, parent: int) -> None:
    sys.exit(run(path, parent))
