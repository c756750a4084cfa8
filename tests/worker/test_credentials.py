"""Clones of private repositories with a credential helper: its output, and who sees it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from db.tools.settings import SettingError
from tests.indexer.conftest import Git
from tests.support.githost import Host, certificate
from tests.support.processes import working_in
from tests.support.waiting import until
from worker import attempt
from worker.attempt import FailedAttemptError, FailedJobError
from worker.credentials import CloneCredentials, Credential, CredentialHelper, HelperError
from worker.indexer.protocol import Request
from worker.records import Job
from worker.settings import WorkerSettings
from worker.spawner import Indexers
from worker.timings import Timings

TOKEN = "ghs_the-token-of-the-tests"
TENANT = str(uuid4())
ANSWER = f"username=x-access-token\npassword={TOKEN}\n"
NO_CREDENTIALS = "or it is private: this server has no credentials for it."
KNOWS_NONE = "or it is private: this server has no credentials of yours for it."
REFUSED = "this server's credentials do not give access to it."

Write = Callable[[str], Path]
Clone = Callable[..., dict[str, Any]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Creates a helper from a shell script. It may store its input in the file `asked`."""
    folder = tmp_path / "helper"
    folder.mkdir()

    def write(script: str) -> Path:
        path = folder / "helper"
        path.write_text(f"#!/bin/sh\ncd {folder}\n{script}\n")
        path.chmod(0o700)
        return path

    return write


@pytest.fixture
def answering(write: Write) -> Path:
    """A helper that returns the tenant's token for every repository."""
    return write(f"cat > asked\ngrep -q tenant_id={TENANT} asked && printf '{ANSWER}'; exit 0")


def ask(program: Path, seconds: float = 20) -> Credential | None:
    return asyncio.run(CredentialHelper(program, seconds).ask(b"host=example\n\n"))


def test_helper_output_is_parsed_and_never_shown_in_text(write: Write) -> None:
    known = ask(write(f"cat > asked\necho protocol=https\nprintf '{ANSWER}'\necho quit=0"))
    assert known == Credential(b"x-access-token", TOKEN.encode())
    assert TOKEN not in f"{known} {known!r}"


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "echo",
        "echo quit=1",
        "echo username=a",
        "echo password=b",
        "echo username=; echo password=b",
        "echo username=a; echo password=",
        "echo; echo username=a; echo password=b",
        "exec 0<&-; echo protocol=https",
    ],
)
def test_helper_without_a_credential_is_not_an_error(script: str, write: Write) -> None:
    assert ask(write(script)) is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'no such repository'", "printed a line that is not key=value"),
        ("echo =secret", "printed a line that is not key=value"),
        (f"printf '{ANSWER}'; echo thanks", "printed a line that is not key=value"),
        (r"printf 'username=a\r\npassword=b\r\n'", "printed a control character"),
        (r"printf 'username=a\000\npassword=b\n'", "printed a control character"),
        (r"printf 'username=a\npassword=b\033[0m\n'", "printed a control character"),
        (f"printf '{ANSWER}'; head -c 16400 /dev/zero | tr '\\0' a", "more than 16384 bytes"),
        ("yes username=a", "more than 16384 bytes"),
        (f"printf '{ANSWER}'; exit 3", "ended with exit code 3"),
        (f"printf '{ANSWER}'; kill -9 $$", "was killed"),
        (f"printf '{ANSWER}'; sleep 600", "took longer than 0.5 seconds"),
        (f"printf '{ANSWER}'; sleep 600 & exit 0", "took longer than 0.5 seconds"),
        ("trap '' TERM INT; while :; do sleep 600; done", "took longer than 0.5 seconds"),
    ],
)
def test_broken_helper_is_reported_without_its_output_and_killed(
    script: str, reason: str, write: Write
) -> None:
    helper = write(script)
    with pytest.raises(HelperError, match=f"{reason}$") as broken:
        ask(helper, 0.5 if "sleep" in script else 20)
    assert TOKEN not in str(broken.value)
    assert "secret" not in str(broken.value)
    until(lambda: not working_in(helper.parent))


def test_missing_or_invalid_helper_cannot_be_started(write: Write) -> None:
    helper = write("")
    helper.write_bytes(b"\x7fELF, or so it says")
    with pytest.raises(HelperError, match="cannot be started"):
        ask(helper)
    helper.unlink()
    with pytest.raises(HelperError, match=r"cannot be started \(No such file or directory\)"):
        ask(helper)


@pytest.mark.parametrize(
    "value", ["helper", "/nowhere/helper", "/etc/passwd", "/tmp", "/bin/sh -x"]
)
def test_invalid_helper_setting_is_a_one_line_error(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CREDENTIAL_HELPER", value)
    with pytest.raises(
        SettingError, match=rf"^GIT_CREDENTIAL_HELPER: .*{value}.*executable, without arguments$"
    ):
        WorkerSettings.read()


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    return tmp_path / "repositories"


@pytest.fixture
def repository(roots: Path) -> Git:
    repository = Git(roots / "app.git")
    repository.commit({"a.py": "def f(): ...\n"})
    return repository


@pytest.fixture
def hosts(
    roots: Path, tmp_path: Path, repository: Git, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Host]]:
    """Starts git hosts with a trusted certificate that require the token below /private/."""
    made: list[Host] = []
    pem = certificate(tmp_path / "host.pem")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(pem))

    def make(*, secure: bool = True) -> Host:
        host = Host(roots, pem if secure else None)
        host.token = TOKEN
        made.append(host)
        return host

    yield make
    for host in made:
        host.close()


@pytest.fixture
def host(hosts: Callable[..., Host]) -> Host:
    return hosts()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Runs an indexer like a runner. Returns its last event or raises its error."""

    def clone(
        url: str, helper: Path | None, tenant_id: str = TENANT, asks_for: str = "", **request: Any
    ) -> dict[str, Any]:
        folder = tmp_path / f"job-{time.monotonic_ns()}"
        (folder / "work").mkdir(parents=True)
        job = Job(str(uuid4()), 1, "HEAD", None, str(uuid4()), tenant_id)

        async def run() -> dict[str, Any]:
            indexers = Indexers()
            try:
                return await attempt.run_indexer(
                    indexers,
                    Request(url, folder / "work", trusted_hosts=("127.0.0.1",), **request),
                    folder,
                    on_progress=lambda _: None,
                    credentials=helper
                    and CloneCredentials(CredentialHelper(helper, 20), job, asks_for or url),
                    timings=Timings(),
                    log=attempt.logger,
                )
            finally:
                await indexers.close()

        return asyncio.run(run())

    return clone


def asked(helper: Path) -> dict[str, str]:
    lines = (helper.parent / "asked").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def test_clone_with_the_helpers_token_completes_and_asks_once(
    host: Host, write: Write, clone: Clone, repository: Git
) -> None:
    helper = write(f"cat >> asked; echo asked >> times; printf '{ANSWER}'")
    last = clone(f"{host.url}/private/app.git", helper, ref="main")
    assert last["commit_sha"] == repository("rev-parse", "HEAD")
    assert last["stats"]["symbols_extracted"] == 1
    question = asked(helper)
    assert (question.pop("tenant_id"), question.pop("protocol")) == (TENANT, "https")
    assert (question.pop("host"), question.pop("path")) == (
        f"127.0.0.1:{host.port}", "private/app.git"
    )  # fmt: skip
    assert sorted(question) == ["job_id", "repository_id"]
    assert (helper.parent / "times").read_text() == "asked\n"


def test_token_may_contain_special_characters_of_shells_and_git(
    host: Host, write: Write, clone: Clone
) -> None:
    host.token = " \\n$(touch x)`'\"=é%0a  "
    helper = write("cat asnwer")
    (helper.parent / "asnwer").write_text(f"username=x-access-token\npassword={host.token}\n")
    assert clone(f"{host.url}/private/app.git", helper)["event"] == "result"


def test_helper_is_not_called_for_a_public_repository(
    host: Host, answering: Path, clone: Clone
) -> None:
    assert clone(f"{host.url}/git/app.git", answering)["event"] == "result"
    assert not (answering.parent / "asked").exists()
    assert host.credentials == []


@pytest.mark.parametrize(
    ("script", "error", "sentence"),
    [
        (None, FailedJobError, NO_CREDENTIALS),
        ("exit 0", FailedJobError, KNOWS_NONE),
        ("echo username=x-access-token; echo password=old", FailedJobError, REFUSED),
        ("exit 3", FailedAttemptError, "ended with exit code 3: tell the operator of the server."),
        ("echo rubbish", FailedAttemptError, "a line that is not key=value: tell the operator"),
    ],
)
def test_job_without_a_credential_fails_with_a_clear_error(
    script: str | None,
    error: type[Exception],
    sentence: str,
    host: Host,
    write: Write,
    clone: Clone,
) -> None:
    helper = None if script is None else write(script)
    with pytest.raises(error, match=f"{re.escape(sentence)}") as failed:
        clone(f"{host.url}/private/app.git", helper)
    assert "127.0.0.1" not in str(failed.value)


def test_missing_repository_is_reported_despite_a_token(
    host: Host, answering: Path, clone: Clone
) -> None:
    with pytest.raises(FailedJobError, match=re.escape(REFUSED)):
        clone(f"{host.url}/private/missing.git", answering)


def test_another_tenant_of_the_same_url_gets_no_credential(
    host: Host, answering: Path, clone: Clone
) -> None:
    url = f"{host.url}/private/app.git"
    assert clone(url, answering)["event"] == "result"
    sent = len(host.credentials)
    with pytest.raises(FailedJobError, match=re.escape(KNOWS_NONE)):
        clone(url, answering, tenant_id=str(uuid4()))
    assert len(host.credentials) == sent


@pytest.mark.parametrize("kind", ["away", "gone"])
def test_credential_is_not_sent_to_a_redirect_target(
    kind: str, hosts: Callable[..., Host], answering: Path, clone: Clone
) -> None:
    host, other = hosts(), hosts()
    host.elsewhere = other.url
    with pytest.raises(FailedJobError, match="has moved to another address"):
        clone(f"{host.url}/{kind}/app.git", answering)
    assert any("Basic " in each for each in host.credentials)
    assert other.connections == 0


@pytest.mark.parametrize("elsewhere", ["host", "path", "scheme"])
def test_request_for_another_url_gets_no_credential(
    elsewhere: str, hosts: Callable[..., Host], answering: Path, clone: Clone
) -> None:
    """Simulates a redirected git, which asks for a URL that the runner does not expect."""
    host, other = hosts(), hosts()
    expected = {
        "host": f"{other.url}/private/app.git",
        "path": f"{host.url}/private/other.git",
        "scheme": f"{host.url.replace('https', 'http')}/private/app.git",
    }[elsewhere]
    with pytest.raises(FailedJobError, match=re.escape(NO_CREDENTIALS)):
        clone(f"{host.url}/private/app.git", answering, asks_for=expected)
    assert not (answering.parent / "asked").exists()
    assert host.credentials == []


def test_credential_is_never_sent_without_tls(
    hosts: Callable[..., Host], answering: Path, clone: Clone
) -> None:
    host = hosts(secure=False)
    with pytest.raises(FailedJobError, match=re.escape(NO_CREDENTIALS)):
        clone(f"{host.url}/private/app.git", answering)
    assert not (answering.parent / "asked").exists()
    assert not any(TOKEN in each for each in host.credentials)


def test_submodules_are_not_fetched_with_the_token(
    hosts: Callable[..., Host], answering: Path, clone: Clone, repository: Git, roots: Path
) -> None:
    host, other = hosts(), hosts()
    inner = Git(roots / "inner.git").commit({"secret.py": "def secret(): ...\n"})
    modules = "".join(
        f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}/private/inner.git\n'
        for name, url in (("same", host.url), ("other", other.url), ("near", ".."))
    )
    repository.write(".gitmodules", modules)
    for name in ("same", "other", "near"):
        repository("update-index", "--add", "--cacheinfo", f"160000,{inner},{name}")
    repository("add", ".gitmodules")
    repository("commit", "-q", "-m", "x")
    last = clone(f"{host.url}/private/app.git", answering)
    assert last["stats"]["skipped"] == {"submodule": 3}
    assert last["stats"]["symbols_extracted"] == 1
    assert not any("inner" in request for request in host.requests)
    assert other.connections == 0


def test_no_other_credential_helper_or_store_is_used(
    host: Host,
    write: Write,
    clone: Clone,
    repository: Git,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Covers the configuration of system, user and repository, and .netrc."""
    mark, spy = tmp_path / "mark", tmp_path / "spy"
    spy.write_text(f"#!/bin/sh\n{{ echo $@; cat; }} >> {mark}\n")
    spy.chmod(0o700)
    home = tmp_path / "home"
    home.mkdir()
    config = f"[credential]\n\thelper = {spy}\n\thelper = store\n[core]\n\taskPass = {spy}\n"
    for path in (home / ".gitconfig", tmp_path / "system"):
        path.write_text(config)
    (home / ".netrc").write_text("machine 127.0.0.1 login x-access-token password stale\n")
    repository("config", "credential.helper", str(spy))
    for name, value in {
        "HOME": str(home),
        "GIT_CONFIG_SYSTEM": str(tmp_path / "system"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": str(spy),
        "GIT_ASKPASS": str(spy),
        "SSH_ASKPASS": str(spy),
        "GIT_TRACE": str(mark),
        "GIT_TRACE_CURL": str(mark),
        "GIT_TRACE_REDACT": "0",
    }.items():
        monkeypatch.setenv(name, value)
    assert clone(f"{host.url}/private/app.git", write(f"printf '{ANSWER}'"))["event"] == "result"
    with pytest.raises(FailedJobError):
        clone(f"{host.url}/private/app.git", write("exit 0"))
    assert not mark.exists()
    assert not (home / ".git-credentials").exists()
    assert not any("stale" in each for each in host.credentials)


def test_parsers_cannot_request_credentials(
    host: Host, answering: Path, clone: Clone, repository: Git
) -> None:
    """The helper is closed after the fetch, because the parsers handle hostile input."""
    repository.commit({"stall.py": "a=>" * 100_000})
    host.holds_packs = True  # until git is seen
    seen: list[set[str]] = []

    def look() -> None:
        inputs = set()
        for pid, command in working_in(answering.parents[1]).items():
            if b"worker.indexer" in command:
                with suppress(OSError):
                    inputs.add(str(Path(f"/proc/{pid}/fd/0").readlink()).partition(":")[0])
        if inputs:
            seen.append(inputs)

    async def clone_and_look() -> None:
        cloning = asyncio.create_task(
            asyncio.to_thread(clone, f"{host.url}/private/app.git", answering)
        )
        while not cloning.done():
            await asyncio.to_thread(look)
            if {"socket", "/dev/null"} in seen:
                host.released.set()
            await asyncio.sleep(0.05)
        assert cloning.result()["event"] == "result"

    asyncio.run(clone_and_look())
    assert {"socket", "/dev/null"} in seen
    assert {"/dev/null"} in seen
