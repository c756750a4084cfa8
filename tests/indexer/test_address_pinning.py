"""Git can connect only to public addresses that were resolved once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from concurrent.futures import ProcessPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.githost import Host
from worker.indexer import address_pinning, job, source
from worker.indexer.protocol import IndexingError, Request
from worker.indexer.repository import Repository

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index


@pytest.mark.parametrize("text", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_internet_addresses_are_public(text: str) -> None:
    assert address_pinning.is_public(ip_address(text))


NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
    168.63.129.16 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1
    192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:9.9.9.9 ::ffff:0:7f00:1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::c000:c0 64:ff9b::a83f:8110 64:ff9b:1::909:909
    100::1 2001::1 2001:0:909:909::80ff:fffe 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
    2002:7f00:1::1 2002:a00:1:: 2002:909:909::1 3fff::1 3fff:fff:ffff::1 5f00::1 fc00::1
    fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_addresses_of_other_networks_are_not_public(text: str) -> None:
    assert not address_pinning.is_public(ip_address(text))


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", "address_not_allowed"),
        ("127.0.0.1.", "address_not_allowed"),
        ("localhost", "address_not_allowed"),
        ("LocalHost.", "address_not_allowed"),
        ("[::ffff:127.0.0.1]", "address_not_allowed"),
        ("[::FFFF:7F00:1]", "address_not_allowed"),
        ("[0:0:0:0:0:ffff:127.0.0.1]", "address_not_allowed"),
        ("[64:ff9b::127.0.0.1]", "address_not_allowed"),
        ("[2002:7f00:1::]", "address_not_allowed"),
        ("[2001:0:909:909::80ff:fffe]", "address_not_allowed"),
        ("192.0.0.192.", "address_not_allowed"),
        ("169.254.169.254.", "address_not_allowed"),
        ("[fe80::1]", "address_not_allowed"),
        ("[fe80::1%lo]", "invalid_url"),
        ("[::1%25lo]", "invalid_url"),
        ("[::1].", "address_not_allowed"),
        ("[::127.0.0.1]", "address_not_allowed"),
        ("[::1]", "address_not_allowed"),
        ("[::]", "address_not_allowed"),
        ("0.0.0.0", "address_not_allowed"),
        ("0", "invalid_url"),
        ("127.1", "invalid_url"),
        ("2130706433", "invalid_url"),
        ("017700000001", "invalid_url"),
        ("0177.0.0.1", "invalid_url"),
        ("0x7f000001", "invalid_url"),
        ("0X7F.1", "invalid_url"),
        ("127.0.0.0x1", "invalid_url"),
        ("127.0.0.1..", "invalid_url"),
        ("１２７.0.0.1", "invalid_url"),
        ("①②⑦.0.0.1", "invalid_url"),
        ("127。0。0。1", "invalid_url"),
        ("%6cocalhost", "invalid_url"),
        ("ⓛocalhost", "invalid_url"),
        ("127.0.0.1\\@git.example", "invalid_url"),
        ("git.example@127.0.0.1", "credentials_in_url"),
    ],
)
def test_loopback_is_unreachable_in_every_spelling(
    host: str, code: str, site: Host, index: Index
) -> None:
    assert index(f"https://{host}:{site.port}/git/a", trusted_hosts=[]).error == code
    assert site.connections == 0


def test_http_is_allowed_only_for_trusted_hosts(repository: Git, site: Host, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    url = f"{site.url}/git/{repository.path.name}/.git"
    assert index(url, trusted_hosts=["127.0.0.1:1"]).error == "url_not_allowed"
    assert site.connections == 0
    assert index(url, trusted_hosts=[f"127.0.0.1:{site.port}"]).paths == ["a.py"]


def test_git_connects_to_the_checked_address_without_another_lookup(
    repository: Git, site: Host, tmp_path: Path
) -> None:
    commit = repository.commit({"a.py": "a = 1"})
    url = f"http://no-such-host.invalid:{site.port}/git/{repository.path.name}/.git"
    where = source.parse(url, (), ("no-such-host.invalid",))
    request = Request(url, tmp_path)
    pin = f"no-such-host.invalid:{site.port}:127.0.0.1"
    git = Repository(request, where, pin)
    assert git.fetch(git.find("HEAD", None), None, lambda *_: None) == commit


class Names:
    """The successive answers of a name server."""

    def __init__(self, *answers: str | int) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            raise socket.gaierror(answer, "the reason")
        return [(0, 0, 0, "", (address, port)) for address in answer.split()]


def pin_of(monkeypatch: pytest.MonkeyPatch, names: Names, **options: Any) -> str | None:
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    where = source.parse("https://git.example:8443/a", (), options.pop("trusted", ()))
    return address_pinning.pin(where, proxied=False, **options)


def test_name_is_resolved_once_and_later_addresses_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names("9.9.9.9 2620:fe::fe 9.9.9.9", "127.0.0.1")
    assert pin_of(monkeypatch, names) == "git.example:8443:9.9.9.9,2620:fe::fe"
    assert names.asked == ["git.example"]


@pytest.mark.parametrize(
    "answer",
    [
        "9.9.9.9 10.0.0.1",
        "10.0.0.1 9.9.9.9",
        "2620:fe::fe ::1",
        "9.9.9.9 fe80::1%eth0",
        "127.0.0.1",
    ],
)
def test_name_with_any_non_public_address_is_rejected(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IndexingError) as refused:
        pin_of(monkeypatch, Names(answer))
    assert refused.value.code == "address_not_allowed"
    assert pin_of(monkeypatch, Names(answer), trusted=("git.example",))


def test_complete_job_resolves_the_name_once(repository: Git, site: Host, tmp_path: Path) -> None:
    repository.commit({"a.py": "a = 1"})
    url = f"http://git.invalid:{site.port}/git/{repository.path.name}/.git"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    request = Request(url, scratch, trusted_hosts=("git.invalid",))
    # A parser's memory limit suits a process of the indexer, not the larger test process.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        assert other.submit(_names_asked, request).result() == ["git.invalid"]


def _names_asked(request: Request) -> list[str]:
    names = Names("127.0.0.1", "203.0.113.1", "203.0.113.1")
    socket.getaddrinfo = names.getaddrinfo  # type: ignore[assignment]
    assert job.run(request, lambda progress: None)["event"] == "result"
    return names.asked


def test_proxy_resolves_the_name_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names().getaddrinfo)
    assert address_pinning.pin(source.parse("https://git.example/a", ()), proxied=True) is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (socket.EAI_NONAME, "host_not_found"),
        (socket.EAI_NODATA, "host_not_found"),
        (socket.EAI_AGAIN, "host_unreachable"),
        (socket.EAI_FAIL, "host_unreachable"),
        (socket.EAI_SYSTEM, "host_unreachable"),
    ],
)
def test_unknown_name_differs_from_a_failed_lookup(
    number: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IndexingError) as refused:
        pin_of(monkeypatch, Names(number))
    assert refused.value.code == code
    assert ("Try again later" in refused.value.message) == (code == "host_unreachable")


def test_unresolvable_name_is_reported(index: Index) -> None:
    # depends on whether this machine has a name server
    assert index("https://no-such-host.invalid/a/b").error in {"host_not_found", "host_unreachable"}


def test_unresolvable_proxy_is_a_retryable_failure(index: Index) -> None:
    outcome = index("https://git.example/a/b", proxy="http://no-such-proxy.invalid:1")
    assert outcome.error == "host_unreachable"


@pytest.mark.parametrize("url", ["https://127.0.0.1/a", "https://[::1]/a"])
def test_address_is_checked_behind_a_proxy_too(url: str) -> None:
    with pytest.raises(IndexingError) as refused:
        address_pinning.pin(source.parse(url, ()), proxied=True)
    assert refused.value.code == "address_not_allowed"


def test_git_without_address_pinning_is_not_used(
    repository: Git, site: Host, tmp_path: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text(
        f'#!/bin/sh\nPATH="{os.environ["PATH"]}"\n'
        '[ "$1" = version ] && exec echo git version 2.36.6\nexec git "$@"\n'
    )
    old.chmod(0o755)
    outcome = index(
        f"http://localhost:{site.port}/git/{repository.path.name}/.git",
        trusted_hosts=["localhost"],
        environment={"PATH": f"{old.parent}:{os.environ['PATH']}"},
    )
    assert outcome.error == "git_too_old"
    assert site.connections == 0


def test_redirect_is_not_followed(
    repository: Git, site: Host, elsewhere: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    outcome = index(f"{site.url}/redirect/{repository.path.name}/.git")
    assert outcome.error == "repository_moved"
    assert site.connections > 0
    assert elsewhere.connections == 0


def test_alternates_of_the_dumb_protocol_are_not_followed(
    site: Host, elsewhere: Host, index: Index
) -> None:
    for request in ({}, {"ref": "main"}, {"commit_sha": "1" * 40}):
        assert index(f"{site.url}/dumb/x.git", **request).error == "unsupported_repository"
    assert site.connections > 0
    assert elsewhere.connections == 0


def test_urls_named_by_a_repository_are_not_fetched(
    repository: Git, site: Host, elsewhere: Host, index: Index
) -> None:
    url = f"{elsewhere.url}/git/other"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    repository.commit(
        {
            "a.py": "a = 1",
            "a.bin": pointer,
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            ".lfsconfig": f"[lfs]\n\turl = {url}\n",
            ".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = {url}\n',
        }
    )
    repository("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},m")
    repository("commit", "-q", "-m", "Add a submodule")
    outcome = index(f"{site.url}/git/{repository.path.name}/.git")
    assert outcome.stats["skipped"] == {"submodule": 1, "lfs_pointer": 1}
    assert "a.bin" not in outcome.paths
    assert elsewhere.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_proxy_of_the_environment_is_not_used(
    name: str, repository: Git, site: Host, elsewhere: Host, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    url = f"{site.url}/git/{repository.path.name}/.git"
    assert index(url, environment={name: elsewhere.url}).paths == ["a.py"]
    assert elsewhere.connections == 0


def test_configured_proxy_is_used(site: Host, index: Index) -> None:
    outcome = index("https://git.invalid/a/b", proxy=f"http://u:secret@127.0.0.1:{site.port}")
    assert outcome.error != "host_not_found"
    assert site.requests == ["git.invalid:443"]
    assert "secret" not in outcome.stdout + outcome.stderr


def test_credentials_of_the_machine_are_not_sent(site: Host, tmp_path: Path, index: Index) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (home / ".git-credentials").write_text(f"http://me:secret@127.0.0.1:{site.port}\n")
    (home / ".gitconfig").write_text(
        "[credential]\n\thelper = store\n"
        f'[http]\n\textraHeader = "Authorization: Basic c2VjcmV0"\n'
        f'[url "{site.url}/401/"]\n\tinsteadOf = {site.url}/git/\n'
    )
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret\n")
    ask.chmod(0o755)
    environment = {"HOME": str(home), "GIT_ASKPASS": str(ask), "SSH_ASKPASS": str(ask)}
    outcome = index(f"{site.url}/401/private", environment=environment)
    assert outcome.error == "repository_not_found"
    assert outcome.last["message"].endswith("private: this server has no credentials for it.")
    assert site.requests
    assert site.credentials == []


def test_credentials_in_a_url_are_rejected_and_not_repeated(site: Host, index: Index) -> None:
    outcome = index(f"http://me:secret@127.0.0.1:{site.port}/git/a")
    assert outcome.error == "credentials_in_url"
    assert "secret" not in outcome.stdout + outcome.stderr
    assert site.connections == 0
