"""Hostile URLs and repositories never run a command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.githost import Host

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that appears if a forbidden command ran."""
    return tmp_path / "mark"


@pytest.mark.parametrize(
    ("git_url", "code"),
    [
        ("--upload-pack=touch {mark}", "url_not_allowed"),
        ("-utouch {mark}", "url_not_allowed"),
        ("ext::sh -c 'touch {mark}'", "url_not_allowed"),
        ("ext::touch% {mark}", "url_not_allowed"),
        ("fd::17/touch", "url_not_allowed"),
        ("https://host.invalid/a\n--upload-pack=touch {mark}", "invalid_url"),
        ("https://host.invalid/$(touch {mark})", "invalid_url"),
        ("https://host.invalid/;touch${{IFS}}{mark}", "invalid_url"),
        ("{roots}/'; touch {mark}; '", "repository_not_found"),
        ("{roots}/repository-1\n", "invalid_url"),
    ],
)
def test_url_is_never_a_command(
    git_url: str, code: str, mark: Path, roots: Path, repository: Git, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    assert index(git_url.format(mark=mark, roots=roots)).error == code
    assert not mark.exists()


@pytest.mark.parametrize("ref", ["--upload-pack=touch {mark}", "-utouch {mark}", "a;touch\t{mark}"])
def test_ref_is_never_a_command(ref: str, mark: Path, repository: Git, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    assert index(repository.path, ref=ref.format(mark=mark)).error == "invalid_ref"
    assert not mark.exists()


def test_path_with_a_quote_is_only_a_path(
    new_repository: Callable[..., Git], mark: Path, index: Index
) -> None:
    repository = new_repository("it's $(touch mark) `touch mark`")
    repository.commit({"a.py": "a = 1"})
    assert index(repository.path).paths == ["a.py"]
    assert not mark.exists()
    assert not (repository.path / "mark").exists()


def test_branch_with_special_characters_is_only_a_branch(
    repository: Git, mark: Path, index: Index
) -> None:
    commit = repository.commit({"a.py": "a = 1"})
    for branch in ("$(touch${IFS}mark)", "a;b", "a'b", 'a"b', "a&b", "%s", "+a", "ä"):
        repository("branch", branch)
        assert index(repository.path, ref=branch).last.get("commit_sha") == commit, branch


def test_nothing_in_a_repository_is_executed(
    repository: Git, mark: Path, tmp_path: Path, index: Index
) -> None:
    command = tmp_path / "command"
    command.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    command.chmod(0o755)
    repository.commit(
        {
            "a.py": "a = 1",
            ".gitattributes": "* filter=evil diff=evil merge=evil\n",
            ".gitmodules": f'[submodule "a"]\n\tpath = a\n\turl = ext::{command}\n\tupdate = !x\n',
            ".lfsconfig": "[lfs]\n\turl = https://host.invalid/\n",
        }
    )
    for name in os.listdir(repository.path / ".git/hooks"):  # noqa: PTH208
        hook = repository.path / ".git/hooks" / name.removesuffix(".sample")
        hook.write_text(command.read_text())
        hook.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "core.pager",
        "uploadpack.packObjectsHook",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "merge.evil.driver",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "gpg.program",
        "remote.origin.uploadpack",
        "trace2.normalTarget",
        "core.attributesFile",
        "core.excludesFile",
        "credential.helper",
        "alias.upload-pack",
    ):
        repository("config", key, str(command))
    repository("config", "core.hooksPath", str(repository.path / ".git/hooks"))
    repository("config", "core.worktree", str(tmp_path))
    assert sorted(map(str, index(repository.path).paths)) == [
        ".gitattributes",
        ".gitmodules",
        ".lfsconfig",
        "a.py",
    ]
    assert not mark.exists()


@pytest.mark.parametrize("key", ["include.path", "includeIf.gitdir:/**.path"])
def test_included_configuration_executes_nothing(
    key: str, repository: Git, mark: Path, tmp_path: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    included = tmp_path / "included"
    included.write_text(
        f"[core]\n\tfsmonitor = touch {mark}\n\tsshCommand = touch {mark}\n"
        f"[uploadpack]\n\tpackObjectsHook = touch {mark}; git pack-objects\n"
        f'[remote "origin"]\n\tuploadpack = touch {mark}\n'
    )
    repository("config", key, str(included))
    assert repository("config", "core.fsmonitor") == f"touch {mark}"
    assert index(repository.path).paths == ["a.py"]
    assert not mark.exists()


def test_content_of_an_included_file_is_not_shown(
    repository: Git, tmp_path: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    secret = tmp_path / "secret"
    secret.write_text("the secret of the host\n")
    repository("config", "include.path", str(secret))
    outcome = index(repository.path)
    assert outcome.error == "damaged_repository"
    assert "secret of" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("url", ["ext::touch {mark}", "{elsewhere}"])
def test_missing_objects_are_never_fetched(
    url: str, repository: Git, mark: Path, tmp_path: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "clone", "-q", "--bare", repository.path, elsewhere], check=True)
    blob = repository("rev-parse", "HEAD:a.py")
    (repository.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    repository("config", "core.repositoryFormatVersion", "1")
    repository("config", "extensions.partialClone", "origin")
    repository("config", "remote.origin.url", url.format(mark=mark, elsewhere=elsewhere))
    repository("config", "remote.origin.promisor", "true")
    repository("config", "remote.origin.uploadpack", f"touch {mark}; git upload-pack")
    repository("config", "protocol.allow", "always")
    repository("config", "protocol.ext.allow", "always")
    assert index(repository.path).error in {"partial_repository", "unknown_commit"}
    assert not mark.exists()


def test_git_reads_only_the_checked_folder(repository: Git, tmp_path: Path, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    subprocess.run(["git", "clone", "-q", repository.path, tmp_path / "elsewhere"], check=True)
    subprocess.run(
        "echo secret > secret.py && git add . && git -c user.name=a -c user.email=b commit -qm x",
        cwd=tmp_path / "elsewhere",
        shell=True,
        check=True,
    )
    (repository.path / ".git/.git").write_text(f"gitdir: {tmp_path}/elsewhere/.git\n")
    assert index(repository.path).paths == ["a.py"]


def test_fifo_in_a_repository_does_not_block_a_job(
    repository: Git, tmp_path: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1", "b/a.py": ""})
    # Git must not read files of the work tree, whatever the configuration says.
    repository("config", "core.worktree", "..")
    for folder in (repository.path, repository.path / "b"):
        os.mkfifo(folder / ".gitattributes")
    assert index(repository.path).paths == ["a.py", "b/a.py"]
    os.mkfifo(tmp_path / "fifo")
    repository("config", "core.attributesFile", str(tmp_path / "fifo"))
    outcome = index(repository.path)
    assert outcome.error == "special_file"
    assert outcome.last["message"].endswith("Remove it.")
    repository("config", "core.attributesFile", f"%(prefix)/..{tmp_path}/fifo")
    assert index(repository.path).error == "special_file"
    repository("config", "--unset", "core.attributesFile")
    os.mkfifo(repository.path / ".git/refs/heads/fifo")
    assert index(repository.path).error == "special_file"


def test_repository_of_another_user_is_read(repository: Git, index: Index) -> None:
    repository.commit({"a.py": "a = 1"})
    if os.geteuid() == 0:
        for path in (repository.path, *repository.path.rglob("*")):
            os.chown(path, 12345, 12345)
    assert index(repository.path).paths == ["a.py"]


def test_environment_of_the_caller_does_not_reach_git(
    repository: Git, new_repository: Callable[..., Git], mark: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    other = new_repository()
    other.commit({"b.py": "b = 1"})
    environment = {
        "GIT_DIR": str(other.path / ".git"),
        "GIT_WORK_TREE": str(other.path),
        "GIT_OBJECT_DIRECTORY": str(other.path / ".git/objects"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "uploadpack.packObjectsHook",
        "GIT_CONFIG_VALUE_0": f"touch {mark}",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": "ext",
        "GIT_TRACE": str(mark),
        "GIT_NAMESPACE": "elsewhere",
        "HOME": "/nonexistent",
    }
    outcome = index(repository.path, environment=environment)
    assert outcome.paths == ["a.py"]
    assert not mark.exists()


def test_host_writes_no_file_outside_the_scratch_folder(
    repository: Git, roots: Path, index: Index
) -> None:
    repository.commit({"a.py": "a = 1"})
    before = sorted(roots.rglob("*"))
    outcome = index(repository.path)
    assert sorted(roots.rglob("*")) == before
    left = {path.name for path in Path(outcome.last["files"]).parent.iterdir()}
    assert left == {
        "request.json",
        "git-core",
        "gitconfig",
        "repository.git",
        "files.copy",
        "gone.copy",
        "skipped.copy",
        "symbols.copy",
    }


def test_links_reveal_no_file_of_the_machine(
    repository: Git, site: Host, tmp_path: Path, index: Index
) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("def a_secret(): ...\n")
    repository.commit({"a.py": "a = 1"})
    (repository.path / "file.py").symlink_to(secret)
    (repository.path / "folder").symlink_to(tmp_path)
    repository.commit()
    for url in (repository.path, f"{site.url}/git/{repository.path.name}/.git"):
        outcome = index(url)
        assert outcome.stats["skipped"] == {"symlink": 2}
        assert outcome.paths == ["a.py"]
        assert "a_secret" not in Path(outcome.last["symbols"]).read_text()


def test_paths_in_a_repository_never_refer_to_the_machine(
    repository: Git, site: Host, tmp_path: Path, index: Index
) -> None:
    blob = repository("hash-object", "-w", "--stdin", stdin=b"def a(): ...\n")
    names = ["..", ".", ".git", "/etc", "a/b", "../../escaped.py", f"{tmp_path}/escaped.py"]
    entries = b"".join(
        b"100644 %s\0%s" % (name.encode(), bytes.fromhex(blob)) for name in sorted(names)
    )
    folder = repository("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=entries)
    repository("update-ref", "refs/heads/main", repository("commit-tree", "-m", "x", folder))
    outcome = index(f"{site.url}/git/{repository.path.name}/.git")
    assert sorted(map(str, outcome.paths)) == sorted(names)
    assert not list(tmp_path.rglob("escaped.py"))
