"""What the indexer judges before it asks the database, it judges as the database does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from worker.indexer import source
from worker.indexer.protocol import IndexingError, Request

GOOD_REFS = [
    "HEAD", "main", "feature/a-b_c", "v1.0", "refs/pull/1/head", "ä", "a@b", "@/x", "a{b",
    "中/\u0661", "a\u00a0b", "a\u3000b", "x" * 255, "ä" * 255, "0" * 40,
]  # fmt: skip
BAD_REFS = [
    "", " ", "-", "--upload-pack=x", "@", "a b", "a..b", "a:b", "a^", "a~1", "a@{1}", "/a", "a/",
    "a//b", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a*", "a?", "a[b", "a\\b", "a\tb", "a\nb",
    "a\x01b", "a\x7fb", "a\x85b", "a\u061cb", "a\u200eb", "a\u2028b", "a\u202eb", "a\u2066b",
    "x" * 256,
]  # fmt: skip
GOOD_COMMITS = ["a" * 40, "A" * 40, "0123456789" * 4]
BAD_COMMITS = ["", "a" * 39, "a" * 41, "a" * 64, "g" * 40, "a" * 40 + "\n", "\u0661" * 40, "main"]


@pytest.fixture(scope="module")
def sql(clusters: Any) -> Any:
    with (
        clusters(18).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        yield connection


def takes_ref(ref: str) -> bool:
    try:
        source.check_ref(ref)
    except IndexingError:
        return False
    return True


@pytest.mark.parametrize("ref", GOOD_REFS + BAD_REFS, ids=ascii)
def test_a_ref_is_one_for_both_or_for_neither(sql: Any, ref: str) -> None:
    taken = sql.execute("select private.is_git_ref(%s)", (ref,)).fetchone()
    assert taken == (takes_ref(ref),) == (ref in GOOD_REFS,)


@pytest.mark.parametrize("commit", GOOD_COMMITS + BAD_COMMITS, ids=ascii)
def test_a_commit_is_one_for_both_or_for_neither(sql: Any, tmp_path: Path, commit: str) -> None:
    (taken,) = sql.execute(
        "select tests.refusal(format('select private.insert_index_job("
        "  (select id from public.repositories limit 1), null, %%L, null, null)', %s::text))",
        (commit,),
    ).fetchone()
    request = tmp_path / "request"
    request.write_text(json.dumps({"git_url": "/x", "scratch": "/y", "commit_sha": commit}))
    try:
        Request.read(request)
    except IndexingError:
        indexed = False
    else:
        indexed = True
    assert (taken != "PT422 invalid_commit_sha commit_sha") == indexed == (commit in GOOD_COMMITS)
