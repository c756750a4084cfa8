"""The indexer validates its arguments exactly like the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support.git_values import (
    BAD_COMMITS,
    BAD_REFS,
    BAD_URLS,
    GOOD_COMMITS,
    GOOD_REFS,
    GOOD_URLS,
)
from worker.indexer import rules, source
from worker.indexer.protocol import IndexingError, Request


@pytest.fixture(scope="module", params=[15, 18])
def sql(
    request: pytest.FixtureRequest, clusters: Callable[[int], Any]
) -> Iterator[psycopg.Connection[TupleRow]]:
    with (
        clusters(request.param).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        yield connection


def takes_ref(ref: str) -> bool:
    try:
        source.check_ref(ref)
    except IndexingError as refused:
        assert refused.code == "invalid_ref"
        return False
    return True


def takes_url(url: str) -> bool:
    """Whether the indexer accepts it as a URL. Whether it may connect there is checked later."""
    try:
        source.parse(url, [Path("/nowhere")])
    except IndexingError as refused:
        known = {"url_not_allowed", "local_path_not_allowed", "invalid_url", "credentials_in_url"}
        assert refused.code in known
        is_http = url.lower().startswith("http:")
        return refused.code == "local_path_not_allowed" or (
            is_http and refused.code == "url_not_allowed"
        )
    return True


@pytest.mark.parametrize("ref", GOOD_REFS + BAD_REFS, ids=ascii)
def test_indexer_and_database_agree_on_refs(sql: psycopg.Connection[TupleRow], ref: str) -> None:
    taken = sql.execute("select private.is_git_ref(%s)", (ref,)).fetchone()
    assert taken == (takes_ref(ref),) == (ref in GOOD_REFS,)


@pytest.mark.parametrize("url", GOOD_URLS + BAD_URLS, ids=ascii)
def test_indexer_and_database_agree_on_urls(sql: psycopg.Connection[TupleRow], url: str) -> None:
    taken = sql.execute("select private.is_git_url(%s)", (url,)).fetchone()
    assert taken == (takes_url(url),) == (url in GOOD_URLS,)


@pytest.mark.parametrize("url", [u for u in GOOD_URLS if u.lower().startswith("http")], ids=ascii)
def test_indexer_and_database_normalize_urls_alike(
    sql: psycopg.Connection[TupleRow], url: str
) -> None:
    row = sql.execute("select private.normal_git_url(%s)", (url,)).fetchone()
    assert row
    assert source.parse(row[0], (), [rules.host(urlsplit(url).hostname or "") or "h"]).url == row[0]


@pytest.mark.parametrize("commit", GOOD_COMMITS + BAD_COMMITS, ids=ascii)
def test_indexer_and_database_agree_on_commit_shas(
    sql: psycopg.Connection[TupleRow], tmp_path: Path, commit: str
) -> None:
    row = sql.execute(
        "select tests.refusal(format('select private.insert_index_job("
        "  (select id from public.repositories limit 1), null, %%L, null, null)', %s::text))",
        (commit,),
    ).fetchone()
    assert row
    request = tmp_path / "request"
    request.write_text(json.dumps({"git_url": "/x", "scratch": "/y", "commit_sha": commit}))
    try:
        Request.read(request)
    except IndexingError as refused:
        assert refused.code == "invalid_request"
        indexed = False
    else:
        indexed = True
    assert (row[0] != "PT422 invalid_commit_sha commit_sha") == indexed == (commit in GOOD_COMMITS)
