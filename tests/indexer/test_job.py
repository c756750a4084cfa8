"""Complete jobs on real repositories: refs, rows, skipped files, limits, progress."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from db.local.postgres import Server
from worker.indexer import job
from worker.indexer.copy_text import Writer
from worker.indexer.protocol import Request

if TYPE_CHECKING:
    from tests.indexer.conftest import Git, Index, Outcome

    NewRepository = Callable[..., Git]


def assert_stats_equal_rows(outcome: Outcome) -> None:
    stats, files, symbols = outcome.stats, outcome.files, outcome.symbols
    assert outcome.exit_code == 0
    assert sorted(int(row[0] or 0) for row in files) == [*range(1, len(files) + 1)]
    assert stats["files_indexed"] == len(files)
    assert stats["files_unchanged"] == 0
    counts = Counter(row[0] for row in symbols)
    assert all(int(row[5] or 0) == counts[row[0]] for row in files)
    assert stats["unparsed"] == [row[5] for row in files].count(None)
    assert stats["symbols_extracted"] == len(symbols)
    assert stats["files_skipped"] == sum(stats["skipped"].values())
    assert stats["bytes"] == sum(int(row[3] or -1) for row in files)
    assert stats["languages"] == Counter(row[2] for row in files if row[2] is not None)
    assert {row[0] for row in symbols} <= {row[0] for row in files}


def test_repository_is_turned_into_rows(repository: Git, index: Index) -> None:
    source = b"def a():\n    def b(): ...\n"
    commit = repository.commit({"pkg/a.py": source, "README.md": "# Hi\n", "data": "x"})
    outcome = index(repository.path)
    assert_stats_equal_rows(outcome)
    assert outcome.last["commit_sha"] == commit
    blob = repository("rev-parse", "HEAD:pkg/a.py")
    files = {row[1]: row for row in outcome.files}
    assert files["pkg/a.py"][2:] == ["Python", str(len(source)), blob, "2"]
    assert (files["data"][2], files["data"][5]) == (None, "0")
    assert [row[1:] for row in outcome.symbols] == [
        ["a", "function", "1", "2", None],
        ["b", "function", "2", "2", "a"],
    ]
    assert {row[0] for row in outcome.symbols} == {files["pkg/a.py"][0]}
    assert outcome.stats["languages"] == {"Markdown": 1, "Python": 1}
    assert outcome.stderr == ""


def test_files_are_written_before_their_symbols(
    repository: Git, roots: Path, tmp_path: Path
) -> None:
    source = "".join(f"def a_function_with_a_long_name_{n}(): ...\n" for n in range(2000))
    repository.commit({f"{n}.py": source for n in range(20)})
    request = Request(str(repository.path), tmp_path, local_roots=(roots,))
    # A parser's memory limit suits a process of the indexer, not the larger test process.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        assert other.submit(_symbols_before_their_files, request).result() == [set()] * 20


def _symbols_before_their_files(request: Request) -> list[set[bytes]]:
    """Returns the numbers of symbols' files that are not written yet when the symbols are."""
    looks = []

    class Watched(Writer):
        def add(self, lines: bytes, rows: int) -> None:
            super().add(lines, rows)
            if self.path.name == "symbols.copy":
                files, symbols = (
                    {line.split(b"\t")[0] for line in path.read_bytes().splitlines()}
                    for path in (self.path.with_name("files.copy"), self.path)
                )
                looks.append(symbols - files)

    job.Writer = Watched
    assert job.run(request, lambda progress: None)["event"] == "result"
    return looks


def test_commit_can_be_named_in_every_way(repository: Git, index: Index) -> None:
    first = repository.commit({"first.py": "a = 1"})
    repository("tag", "light", first)
    repository("tag", "-a", "-m", "one", "annotated", first)
    second = repository.commit({"second.py": "a = 1"})
    repository("branch", "feature/b", second)
    third = repository.commit({"third.py": "a = 1"})
    for request, commit in [
        ({}, third),
        ({"ref": "HEAD"}, third),
        ({"ref": "main"}, third),
        ({"ref": "refs/heads/main"}, third),
        ({"ref": "feature/b"}, second),
        ({"ref": "light"}, first),
        ({"ref": "annotated"}, first),
        ({"ref": "refs/tags/annotated"}, first),
        ({"ref": second}, second),
        ({"ref": second.upper()}, second),
        ({"commit_sha": first}, first),
        ({"ref": "main", "commit_sha": second.upper()}, second),
    ]:
        outcome = index(repository.path, **request)
        assert outcome.last.get("commit_sha") == commit, (request, outcome.last)
    assert len(index(repository.path, commit_sha=second).paths) == 2


def test_branch_has_priority_over_a_tag_with_the_same_name(repository: Git, index: Index) -> None:
    tagged = repository.commit({"a.py": ""})
    repository("tag", "both", tagged)
    branched = repository.commit({"b.py": ""})
    repository("branch", "both", branched)
    assert index(repository.path, ref="both").last["commit_sha"] == branched
    assert index(repository.path, ref="refs/tags/both").last["commit_sha"] == tagged


def test_default_branch_is_the_one_that_head_names(repository: Git, index: Index) -> None:
    repository.commit({"a.py": ""})
    repository("checkout", "-q", "-b", "trunk")
    commit = repository.commit({"b.py": ""})
    assert index(repository.path).last["commit_sha"] == commit


def test_missing_refs_are_reported_in_a_sentence(
    repository: Git, new_repository: NewRepository, index: Index, roots: Path
) -> None:
    commit = repository.commit({"a.py": ""})
    repository("tag", "no-commit", repository("rev-parse", "HEAD:a.py"))
    missing = "1234567890" * 4
    unborn = new_repository()
    unborn.commit({"a.py": ""})
    unborn("symbolic-ref", "HEAD", "refs/heads/unborn")
    (roots / "folder").mkdir()
    for url, request, code in [
        (repository.path, {"ref": "missing"}, "unknown_ref"),
        (repository.path, {"ref": "refs/heads/missing"}, "unknown_ref"),
        (repository.path, {"ref": commit[:7]}, "unknown_ref"),
        (repository.path, {"ref": "no-commit"}, "unknown_ref"),
        (repository.path, {"ref": missing}, "unknown_commit"),
        (repository.path, {"commit_sha": missing}, "unknown_commit"),
        (repository.path, {"ref": "--upload-pack=x"}, "invalid_ref"),
        (repository.path, {"commit_sha": "main"}, "invalid_request"),
        (new_repository().path, {}, "empty_repository"),
        (new_repository().path, {"ref": "main"}, "empty_repository"),
        (unborn.path, {}, "unknown_ref"),
        (roots / "folder", {}, "repository_not_found"),
        (roots / "missing", {}, "repository_not_found"),
        (repository.path, {"local_roots": []}, "local_path_not_allowed"),
        (repository.path, {"limits": {"unknown": 1}}, "invalid_request"),
        (repository.path, {"limits": {"files": 0}}, "invalid_request"),
        (repository.path, {"more": 1}, "invalid_request"),
    ]:
        outcome = index(url, **request)
        assert outcome.error == code, (request, outcome.last)
        message = outcome.last["message"]
        assert message.endswith((".", ")")) or code == "invalid_request"
        assert str(roots) not in message
        assert "scratch" not in message


def test_tag_object_is_not_a_commit_sha(repository: Git, index: Index) -> None:
    repository.commit({"a.py": ""})
    repository("tag", "-a", "-m", "one", "annotated")
    tag = repository("rev-parse", "annotated")
    assert index(repository.path, commit_sha=tag).error == "unknown_ref"


def test_only_committed_content_is_indexed(repository: Git, index: Index) -> None:
    repository.commit({"a.py": "def committed(): ..."})
    repository.write("a.py", "def changed(): ...")
    repository.write("b.py", "def untracked(): ...")
    repository("add", "b.py")
    outcome = index(repository.path)
    assert outcome.paths == ["a.py"]
    assert [row[1] for row in outcome.symbols] == ["committed"]


def test_bare_shallow_linked_and_borrowing_repositories_are_indexed(
    repository: Git, roots: Path, index: Index
) -> None:
    repository.commit({"a.py": ""})
    repository.commit({"b.py": ""})
    repository("clone", "-q", "--bare", ".", "../bare.git")
    repository("clone", "-q", "--depth=1", f"file://{repository.path}", "../shallow")
    repository("clone", "-q", "--shared", ".", "../shared")
    repository("worktree", "add", "-q", "-b", "other", "../worktree")
    repository("pack-refs", "--all")
    for name in (repository.path.name, "bare.git", "shallow", "shared", "worktree"):
        assert index(roots / name).paths == ["a.py", "b.py"], name


def test_file_url_is_a_path(repository: Git, index: Index) -> None:
    repository.commit({"a.py": ""})
    assert index(repository.path.as_uri()).paths == ["a.py"]


def test_repository_without_files_is_not_an_error(repository: Git, index: Index) -> None:
    repository.commit()
    outcome = index(repository.path)
    assert_stats_equal_rows(outcome)
    assert outcome.stats["files_indexed"] == 0


def test_skipped_files_are_counted_by_reason(
    repository: Git, new_repository: NewRepository, index: Index
) -> None:
    part = new_repository()
    part.commit({"part.py": ""})
    repository.commit(
        {
            "kept.py": "a = 1",
            "binary.py": b"\0" * 10,
            "exact.py": b"#" * 1000,
            "large.py": b"#" * 1001,
            "node_modules/a.js": "a",
            "vendor/b.go": "package b",
            "dist/c.js": "c",
            "d.min.js": "d",
            "minified.js": "a=1;" * 200,
        }
    )
    (repository.path / "link.py").symlink_to("/etc/passwd")
    repository("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(part.path), "sub")
    repository.commit()
    outcome = index(repository.path, limits={"file_bytes": 1000})
    assert_stats_equal_rows(outcome)
    assert sorted(map(str, outcome.paths)) == [
        ".gitmodules",
        "exact.py",
        "kept.py",
        "minified.js",
    ]
    assert outcome.stats["skipped"] == {
        "binary": 1,
        "generated": 1,
        "minified": 1,
        "oversized": 1,
        "submodule": 1,
        "symlink": 1,
        "vendored": 2,
    }
    assert outcome.skipped == {
        "binary.py": "binary",
        "d.min.js": "minified",
        "dist/c.js": "generated",
        "large.py": "oversized",
        "link.py": "symlink",
        "node_modules/a.js": "vendored",
        "sub": "submodule",
        "vendor/b.go": "vendored",
    }
    assert "root:" not in Path(outcome.last["files"]).read_text()


def test_first_10000_skipped_files_are_listed_and_all_are_counted(
    repository: Git, index: Index
) -> None:
    repository.commit({f"node_modules/{n // 1000}/{n}.js": "" for n in range(10_010)})
    outcome = index(repository.path)
    assert outcome.stats["skipped"] == {"vendored": 10_010}
    assert len(outcome.skipped) == 10_000


def test_unusual_paths_and_names_are_stored_completely(
    repository: Git, index: Index, postgres18: Server
) -> None:
    names = [
        b"tab\there.py",
        b"new\nline.py",
        b"return\r.py",
        b"back\\slash.py",
        b"\\N",
        b"'single' \"double\".py",
        b"-dash.py",
        b" space .py",
        "ünïcödé 🦀.py".encode(),
        b"caf\xe9.py",
        b"caf\\xe9.py",
        b"\xff\xfe/\x80.py",
    ]
    for name in names:
        repository.write(name, "def a(): ...")
    repository.write("quoted.js", "class A { 'a\\tb\\\\c'() {} 'é'() {} }")
    repository.commit()
    outcome = index(repository.path)
    with psycopg.connect(postgres18.url()) as connection:
        connection.execute(
            "create temp table file"
            " (no int, path text, language text, bytes int, blob text, symbols int);"
            "create temp table symbol"
            " (file_no int, name text, kind text, first int, last int, parent text)"
        )
        for table, path in [("file", "files"), ("symbol", "symbols")]:
            with connection.cursor().copy(f"copy {table} from stdin") as copy:
                copy.write(Path(outcome.last[path]).read_bytes())
        paths = {row[0] for row in connection.execute("select path from file")}
        counts = connection.execute(
            "select (select count(*) from file), (select count(*) from symbol)"
        ).fetchone()
    # Two names with the same spelling: the later one is skipped, so that paths are unique.
    assert paths == {os.fsdecode(name) for name in names[:9]} | {
        "caf\\xe9.py",
        "\\xff\\xfe/\\x80.py",
        "quoted.js",
    }
    assert outcome.stats["skipped"] == {"duplicate_path": 1}
    assert outcome.skipped == {"caf\\xe9.py": "duplicate_path"}
    assert counts == (outcome.stats["files_indexed"], outcome.stats["symbols_extracted"])


def tree(repository: Git, *entries: tuple[str, str, bytes]) -> str:
    lines = b"".join(
        f"{mode} {'tree' if mode == '040000' else 'blob'} {oid}\t".encode() + name + b"\0"
        for mode, oid, name in entries
    )
    return repository("mktree", "-z", stdin=lines)


def test_path_that_cannot_be_stored_is_skipped(repository: Git, index: Index) -> None:
    blob = repository("hash-object", "-w", "--stdin", stdin=b"a = 1")
    folder = tree(repository, ("100644", blob, b"a.py"))
    for _ in range(10):
        folder = tree(repository, ("040000", folder, b"x" * 250))
    commit = repository("commit-tree", "-m", "deep", folder)
    repository("update-ref", "refs/heads/main", commit)
    outcome = index(repository.path)
    assert outcome.stats["skipped"] == {"path_too_long": 1}
    [path] = outcome.skipped
    assert len(str(path)) == 2000


def test_tree_bomb_is_stopped(repository: Git, index: Index) -> None:
    folder = repository("hash-object", "-w", "--stdin", stdin=b"a = 1")
    mode = "100644"
    for _ in range(10):
        folder = tree(repository, *[(mode, folder, b"%d" % n) for n in range(10)])
        mode = "040000"
    repository("update-ref", "refs/heads/main", repository("commit-tree", "-m", "bomb", folder))
    outcome = index(repository.path, limits={"files": 1000})
    assert outcome.error == "too_many_files"
    assert "1000" in outcome.last["message"]


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"total_bytes": 100}, "too_large"), ({"symbols": 5}, "too_many_symbols")],
)
def test_exceeded_limit_ends_the_job_with_its_reason(
    limits: dict[str, int], code: str, repository: Git, index: Index
) -> None:
    repository.commit({f"{n}.py": "def a(): ...\n" for n in range(10)})
    assert index(repository.path, limits=limits).error == code


def test_source_that_is_not_utf8_gives_its_readable_symbols(repository: Git, index: Index) -> None:
    repository.commit(
        {
            "latin.py": "# größe\ndef größe(): ...\ndef plain(): ...\n".encode("latin-1"),
            "late_nul.py": b"#" * 9000 + b"\ndef before(): ...\n\0\ndef after(): ...\n",
            "utf16.py": "def wide(): ...".encode("utf-16"),
            "utf16.cs": "class Größe { }\r\n".encode("utf-16"),
            "binary.py": b"\xff\xfe\0",
        }
    )
    outcome = index(repository.path)
    assert_stats_equal_rows(outcome)
    assert {"plain", "before", "wide", "Größe"} <= {row[1] for row in outcome.symbols}
    assert outcome.skipped == {"binary.py": "binary"}


def test_source_that_crashes_a_parser_loses_only_its_own_symbols(
    repository: Git, index: Index
) -> None:
    repository.commit(
        {
            "a.py": "def first(): ...",
            "crash.ts": b"a<b,\n" * 200_000,
            "stall.py": b"a=>" * 300_000,
            "z.py": "def last(): ...",
        }
    )
    outcome = index(repository.path, limits={"parse_seconds": 2, "parser_memory": 400 * 1024**2})
    assert_stats_equal_rows(outcome)
    assert outcome.stats["files_indexed"] == 4
    assert outcome.stats["unparsed"] == 2
    assert [row[1] for row in outcome.symbols] == ["first", "last"]


@pytest.mark.parametrize("parsers", [1, 3])
def test_progress_only_grows_at_most_twice_a_second_up_to_its_total(
    parsers: int, repository: Git, index: Index
) -> None:
    repository.commit({f"{n % 50}/{n}.py": f"def f{n}(): ...\n" * 20 for n in range(1500)})
    started = time.monotonic()
    outcome = index(repository.path, limits={"parsers": parsers})
    seconds = time.monotonic() - started
    assert_stats_equal_rows(outcome)
    assert outcome.stats["symbols_extracted"] == 30_000
    assert [event["event"] for event in outcome.events[:-1]] == ["progress"] * (
        len(outcome.events) - 1
    )
    order = ["clone", "files", "symbols"]
    phases = [event["phase"] for event in outcome.events[:-1]]
    assert phases == sorted(phases, key=order.index)
    for name in order:
        steps = [event for event in outcome.events[:-1] if event["phase"] == name]
        done = [event["done"] for event in steps]
        assert done == sorted(done)
        assert steps[-1]["done"] == steps[-1]["total"] > 0
        # one at the start, one at the end, and two a second
        assert len(steps) <= 2 + 2 * seconds
    assert [event["done"] for event in outcome.events[:-1] if event["phase"] == "files"][-1] == 1500
    order_of_files = [int(row[0] or 0) for row in outcome.symbols]
    assert order_of_files == sorted(order_of_files)


def test_argument_is_required() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker.indexer"], capture_output=True, check=False
    )
    assert done.returncode == 2
