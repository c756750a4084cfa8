"""Which URLs and refs are accepted, and which are rejected before git sees them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.indexer import source
from worker.indexer.protocol import IndexingError


def code_of(git_url: str, *roots: Path) -> str:
    with pytest.raises(IndexingError) as refused:
        source.parse(git_url, roots)
    assert not git_url or git_url not in refused.value.message
    assert not any(str(root) in refused.value.message for root in roots)
    return refused.value.code


@pytest.mark.parametrize(
    ("git_url", "cleaned", "host", "port"),
    [
        ("https://git.io/a/b", "https://git.io/a/b", "git.io", 443),
        ("https://git.io/a/b.git", "https://git.io/a/b.git", "git.io", 443),
        ("HTTPS://Git.IO.:8443/A/B/", "https://git.io:8443/A/B/", "git.io", 8443),
        ("https://[2001:DB8::0:1]/a/b", "https://[2001:db8::1]/a/b", "[2001:db8::1]", 443),
        ("https://192.0.2.1/a/b", "https://192.0.2.1/a/b", "192.0.2.1", 443),
        ("https://git.io/~user/a%20b", "https://git.io/~user/a%20b", "git.io", 443),
    ],
)
def test_https_urls_are_accepted(git_url: str, cleaned: str, host: str, port: int) -> None:
    assert source.parse(git_url, ()) == source.Source(cleaned, "https", host, port)


def test_http_and_any_port_are_allowed_only_for_trusted_hosts() -> None:
    trusted = ("git.internal", "127.0.0.1:8080")
    for git_url, taken in {
        "http://git.internal/a": True,
        "http://git.internal:81/a": True,
        "http://127.0.0.1:8080/a": True,
        "http://127.0.0.1/a": False,
        "http://git.internal.evil.example/a": False,
        "http://evil.example/git.internal/a": False,
    }.items():
        if taken:
            assert source.parse(git_url, (), trusted).trusted
        else:
            with pytest.raises(IndexingError) as refused:
                source.parse(git_url, (), trusted)
            assert refused.value.code == "url_not_allowed"
    assert source.parse("https://git.internal/a", (), trusted).trusted
    assert not source.parse("https://127.0.0.1/a", (), trusted).trusted


@pytest.mark.parametrize(
    ("git_url", "code"),
    [
        ("", "invalid_url"),
        ("--upload-pack=touch /tmp/x", "url_not_allowed"),
        ("-", "url_not_allowed"),
        ("ext::sh -c 'touch /tmp/x'", "url_not_allowed"),
        ("ext::https://github.com/a/b", "url_not_allowed"),
        ("http://github.com/a/b", "url_not_allowed"),
        ("git://github.com/a/b", "url_not_allowed"),
        ("ssh://git@github.com/a/b", "url_not_allowed"),
        ("git@github.com:a/b", "url_not_allowed"),
        ("github.com/a/b", "url_not_allowed"),
        ("../a", "url_not_allowed"),
        ("https:/github.com/a/b", "url_not_allowed"),
        ("https://user:secret@github.com/a/b", "credentials_in_url"),
        ("https://token@github.com/a/b", "credentials_in_url"),
        ("https://@github.com/a/b", "credentials_in_url"),
        ("https://github.com/a\nb", "invalid_url"),
        ("https://github.com/a%0ab", "invalid_url"),
        ("https://github.com/a%00b", "invalid_url"),
        (" https://github.com/a/b", "url_not_allowed"),
        ("https://github.com/a b", "invalid_url"),
        ("https://github.com\\@evil.example/a", "invalid_url"),
        ("https://github.com/a/../../b", "invalid_url"),
        ("https://github.com/a/%2e%2e/b", "invalid_url"),
        ("https://github.com/a?upload=1", "invalid_url"),
        ("https://github.com/a#b", "invalid_url"),
        ("https://github.com:99999/a", "invalid_url"),
        ("https://github.com:/a", "invalid_url"),
        ("https://github.com:x/a", "invalid_url"),
        ("https://", "invalid_url"),
        ("https:///a", "invalid_url"),
        ("https://github.com", "invalid_url"),
        ("https://github.com/", "invalid_url"),
        ("https://-oProxyCommand=x/a", "invalid_url"),
        ("https://gіthub.com/a", "invalid_url"),
        ("https://127。0。0。1/a", "invalid_url"),
        ("https://１２７.0.0.1/a", "invalid_url"),
        ("https://%31%32%37.0.0.1/a", "invalid_url"),
        ("https://127.1/a", "invalid_url"),
        ("https://2130706433/a", "invalid_url"),
        ("https://0x7f000001/a", "invalid_url"),
        ("https://0x7f.0.0.1/a", "invalid_url"),
        ("https://0177.0.0.1/a", "invalid_url"),
        ("https://127.0.0.01/a", "invalid_url"),
        ("https://127.0.0.1../a", "invalid_url"),
        ("https://a..b/a", "invalid_url"),
        ("https://[::ffff:127.0.0.1%25lo]/a", "invalid_url"),
        ("https://[fe80::1%25eth0]/a", "invalid_url"),
        ("https://[::1]x/a", "invalid_url"),
        ("https://github.com:0/a", "invalid_url"),
        ("https://[::1/a", "invalid_url"),
        ("https://github.com/" + "a" * 5000, "invalid_url"),
        ("file:///etc", "local_path_not_allowed"),
        ("/etc", "local_path_not_allowed"),
    ],
)
def test_other_urls_are_rejected(git_url: str, code: str) -> None:
    assert code_of(git_url) == code


def bare(path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    return path


def test_local_paths_are_accepted_only_inside_the_roots(tmp_path: Path) -> None:
    inside, outside = bare(tmp_path / "roots/a b"), bare(tmp_path / "elsewhere")
    root = tmp_path / "roots"
    taken = source.Source(str(inside), "file")
    assert source.parse(str(inside), [root]) == taken
    assert source.parse(inside.as_uri(), [root]) == taken
    assert source.parse(f"file://localhost{root}/a%20b", [root]) == taken
    assert source.parse(str(inside), [tmp_path / "other", inside]) == taken
    for refused in (
        str(outside),
        outside.as_uri(),
        f"{root}/../elsewhere",
        f"file://{root}/%2e%2e/elsewhere",
        str(tmp_path / "roots-of-another"),
        "/etc",
    ):
        assert code_of(refused, root) == "local_path_not_allowed"
    assert code_of("/", root) == "invalid_url"


@pytest.mark.parametrize(
    "git_url",
    ["file://host/{}", "file:///{}?a", "file:///{}%0a", "file:///{}%ff", "/{}\n", "/{}\0"],
)
def test_invalid_local_urls_are_rejected(git_url: str, tmp_path: Path) -> None:
    root = bare(tmp_path / "a")
    assert code_of(git_url.format(str(root).lstrip("/")), root) == "invalid_url"


def test_errors_reveal_nothing_about_folders_outside_the_roots(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    root.mkdir()
    assert code_of(str(tmp_path / "missing"), root) == code_of(str(tmp_path), root)


def test_symlink_does_not_lead_out_of_the_roots(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    root.mkdir()
    (root / "link").symlink_to(bare(tmp_path / "elsewhere"))
    assert code_of(str(root / "link"), root) == "local_path_not_allowed"
    (root / "loop").symlink_to(root / "loop")
    assert code_of(str(root / "loop"), root) in {"repository_not_found", "local_path_not_allowed"}


def test_repository_does_not_lead_out_of_the_roots(tmp_path: Path) -> None:
    elsewhere = bare(tmp_path / "elsewhere")
    root = tmp_path / "roots"
    pointing = root / "pointing"
    pointing.mkdir(parents=True)
    (pointing / ".git").write_text(f"gitdir: {elsewhere}\n")
    borrowing = bare(root / "borrowing")
    (borrowing / "objects/info/alternates").write_text(f"../../../{elsewhere.name}/objects\n")
    linked = bare(root / "linked")
    (linked / "refs").rename(linked / "old-refs")
    (linked / "refs").symlink_to(elsewhere / "refs")
    common = bare(root / "common")
    (common / "commondir").write_text(f"{elsewhere}\n")
    for path in (pointing, borrowing, linked, common):
        assert code_of(str(path), root) == "local_path_not_allowed"
        source.parse(str(path), [root, elsewhere])


def replace_by_link(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


READ = """
    HEAD config packed-refs shallow refs/heads refs/heads/main refs/tags/deep/er objects
    objects/pack objects/pack/a.pack objects/info objects/info/alternates objects/ab objects/ab/cd
    info commondir
"""


@pytest.mark.parametrize("name", READ.split())
def test_no_symlink_in_a_repository_leads_out_of_the_roots(name: str, tmp_path: Path) -> None:
    root = tmp_path / "roots"
    repository, elsewhere = bare(root / "a"), bare(tmp_path / "elsewhere")
    for path in (repository / name, elsewhere / name):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not (elsewhere / name).exists():
        (elsewhere / name).write_text(f"{elsewhere}\n")
    replace_by_link(repository / name, elsewhere / name)
    assert code_of(str(repository), root) == "local_path_not_allowed"
    if name != "commondir":  # the alternate names a third repository
        source.parse(str(repository), [root, elsewhere])
    between = root / "between"
    between.mkdir()
    (between / "link").symlink_to(elsewhere / name)
    replace_by_link(repository / name, between / "link")
    assert code_of(str(repository), root) == "local_path_not_allowed"


def test_symlinked_folder_inside_the_roots_is_searched_too(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    repository, between = bare(root / "a"), root / "between/deep"
    between.mkdir(parents=True)
    replace_by_link(repository / "objects/pack", root / "between")
    source.parse(str(repository), [root])
    (between / "a.pack").symlink_to(bare(tmp_path / "elsewhere") / "config")
    assert code_of(str(repository), root) == "local_path_not_allowed"


def test_internal_links_and_hooks_are_accepted(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    repository = bare(root / "a")
    replace_by_link(repository / "hooks", tmp_path / "elsewhere")
    (repository / "loop").symlink_to(repository)
    (repository / "dangling").symlink_to(root / "nothing")
    source.parse(str(repository), [root])


def test_alternates_inside_the_roots_are_accepted_in_any_spelling(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    elsewhere = bare(tmp_path / "elsewhere") / "objects"
    borrower = bare(root / "a") / "objects"
    (root / "a/b/c").mkdir(parents=True)
    (borrower / "link").symlink_to(root / "a/b/c")
    alternates = borrower / "info/alternates"
    for line in (
        f"{elsewhere}",
        "../../../elsewhere/objects",
        "link/../../../../elsewhere/objects",
        f"# comment\n\n{elsewhere}",
        f"folder\r\n{elsewhere}",
    ):
        alternates.write_text(f"{line}\n")
        assert code_of(f"{root}/a", root) == "local_path_not_allowed", line
    for line in (f'"{elsewhere}"', "a\0b"):
        alternates.write_text(f"{line}\n")
        assert code_of(f"{root}/a", root) == "repository_not_found", line
    # a chain that is longer than git follows
    for number in range(10):
        lender = bare(root / str(number)) / "objects"
        alternates.write_text(f"{lender}\n")
        source.parse(f"{root}/a", [root])
        alternates = lender / "info/alternates"
    alternates.write_text(f"{elsewhere}\n")
    assert code_of(f"{root}/a", root) == "local_path_not_allowed"


def test_git_pointer_file_is_read_as_git_does(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    elsewhere = bare(tmp_path / "elsewhere")
    repository = bare(root / "a")
    bare(repository / "x")
    (repository / "x\n").mkdir()
    # git reads all of it as one path
    (repository / "commondir").write_text(f"x\n/../../../{elsewhere.name}\n")
    assert code_of(str(repository), root) == "repository_not_found"
    (repository / "commondir").write_text("x\r\n\n")
    source.parse(str(repository), [root])
    (repository / "commondir").write_text("../../elsewhere")
    assert code_of(str(repository), root) == "local_path_not_allowed"
    work = root / "work"
    work.mkdir()
    (work / ".git").symlink_to(elsewhere)
    assert code_of(str(work), root) == "local_path_not_allowed"


def put(kind: str, path: Path) -> None:
    """Creates a special file at `path`, or a link to one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # the absolute path may be too long for a socket
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
        os.chdir(here)
    else:
        fifo = path.with_name("a-fifo-elsewhere")
        os.mkfifo(fifo)
        path.symlink_to(fifo)


@pytest.mark.parametrize("kind", ["fifo", "socket", "link"])
@pytest.mark.parametrize(
    "name",
    [*READ.split(), "index", "config.worktree", "worktrees/a/gitdir", "info/attributes", "x"],
)
def test_special_files_are_rejected_wherever_git_would_open_them(
    name: str, kind: str, tmp_path: Path
) -> None:
    repository = bare(tmp_path / "a")
    put(kind, repository / name)
    assert code_of(str(repository), tmp_path) == "special_file"


@pytest.mark.parametrize("name", ["a/.git", "a"])
def test_work_tree_with_a_special_file_as_git_folder_is_rejected(name: str, tmp_path: Path) -> None:
    put("fifo", tmp_path / name)
    assert code_of(f"{tmp_path}/a", tmp_path) == "special_file"


@pytest.mark.parametrize(
    "text",
    [
        "[include]\n\tpath = {}/fifo\n",
        '[include]\n\tpath = "{}/fi\\\nfo" # a comment\n',
        '[includeIf "onbranch:none"]\n\tpath = ../b/fifo\n',
        "[INCLUDE]\n\tPath = ../b/one\n",
        "[include]\n\tpath = {}/fifo\n\tbroken broken\n",
        "[core]\n\tattributesFile = {}/fifo\n",
        "[core]\n\texcludesFile = /dev/zero\n",
        "[include]\n\tpath = /proc/self/mountinfo\n",
        "[include]\n\tpath = %(prefix)/..{}/fifo\n",
        "[core]\n\tattributesFile = %(prefix)/../..{}/fifo\n",
        "[core]\n\tattributesFile = :(optional){}/fifo\n",
        "[core]\n\tattributesFile = :(optional)%(prefix)/..{}/fifo\n",
    ],
)
def test_no_configuration_leads_git_to_a_special_file(text: str, tmp_path: Path) -> None:
    repository = bare(tmp_path / "a")
    put("fifo", tmp_path / "b/fifo")
    (tmp_path / "b/one").write_text("[include]\n\tpath = fifo\n")
    (repository / "config").write_text(text.format(tmp_path / "b"))
    assert code_of(str(repository), tmp_path) == "special_file"


def test_special_files_in_alternates_are_rejected(tmp_path: Path) -> None:
    repository, lender = bare(tmp_path / "a"), bare(tmp_path / "b")
    (repository / "objects/info/alternates").write_text(f"{lender}/objects\n")
    source.parse(str(repository), [tmp_path])
    put("fifo", lender / "objects/pack/pack-1.idx")
    assert code_of(str(repository), tmp_path) == "special_file"


def test_plain_values_and_files_of_git_itself_are_accepted(tmp_path: Path) -> None:
    repository = bare(tmp_path / "a")
    put("socket", repository / "fsmonitor--daemon.ipc")
    put("fifo", repository / "hooks/a")
    for key, value in {
        "core.hooksPath": "/dev/null",
        "core.worktree": "..",
        "core.pager": "x" * 300,
        "user.name": "Ä B",
        "include.path": str(repository / "config"),
    }.items():
        subprocess.run(["git", "-C", repository, "config", key, value], check=True)
    source.parse(str(repository), [tmp_path])


@pytest.mark.parametrize("name", ["missing", "folder", "file", "folder/below"])
def test_path_without_a_repository_is_not_found(name: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert code_of(str(tmp_path / name), tmp_path) == "repository_not_found"


@pytest.mark.parametrize(
    "ref", ["HEAD", "main", "feature/a", "v1.0", "refs/pull/1/head", "ä", "a@b", "中/\u0661"]
)
def test_branch_and_tag_names_are_accepted(ref: str) -> None:
    source.check_ref(ref)


BAD_REFS = """
    - --upload-pack=touch @ a..b a:b a^ a~1 a@{1} /a a/ a//b a.lock a.lock/b .a a/.b a. a* a? a[b
    a\\b
"""


# New lines, line and paragraph separators, bidi controls.
MISLEADING = "\x80\x85\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069"


@pytest.mark.parametrize(
    "ref",
    ["", "a b", "a\n", "\0", "\x7f", "\ud800", "a" * 256, *BAD_REFS.split()]
    # new lines, line and paragraph separators, bidi controls
    + [
        f"a{sign}b" for sign in "\x80\x85\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069"
    ],
)
def test_invalid_ref_is_rejected(ref: str) -> None:
    with pytest.raises(IndexingError) as refused:
        source.check_ref(ref)
    assert refused.value.code == "invalid_ref"


ref_parts = st.sampled_from([*"ab/.@{}-~^:?*[\\ \t\x7fä", ".lock"])


@given(st.lists(ref_parts, min_size=1, max_size=50).map("".join))
def test_refs_follow_the_rules_of_git(ref: str) -> None:
    done = subprocess.run(["git", "check-ref-format", f"refs/heads/{ref}"], check=False)
    valid = done.returncode == 0 and not ref.startswith("-") and ref != "@"
    try:
        source.check_ref(ref)
    except IndexingError:
        assert not valid
    else:
        assert valid
