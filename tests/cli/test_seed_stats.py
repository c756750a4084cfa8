"""The sample data looks like the output of the indexer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.dev import seed, stack
from cli.dev.options import Options
from worker.indexer import languages
from worker.indexer.protocol import Stats
from worker.indexer.skip_rules import skip_by_path


@pytest.fixture
def seeded(database: Any, tmp_path: Path) -> Any:
    seed.seed(stack.Database(database.url, None), Options(tmp_path))
    return database


def rows(database: Any, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_seeded_files_and_languages_match_the_indexer(seeded: Any) -> None:
    files = rows(seeded, "select path, language from public.indexed_files")
    assert {language for _, language in files} > {"Python", "TypeScript", "Go", None}
    for path, language in files:
        assert language == languages.language_of(path, b"")
        assert skip_by_path(path) is None


def test_symbol_counts_match_and_require_a_grammar(
    seeded: Any,
) -> None:
    files = rows(
        seeded,
        "select f.language, f.symbol_count, (select count(*) from public.symbols as s"
        " where s.file_id = f.id) from public.indexed_files as f",
    )
    assert all(counted == there for _, counted, there in files)
    assert {language for language, counted, _ in files if counted} <= {*languages.GRAMMARS}


def test_commit_of_each_repository_is_that_of_its_completed_job(seeded: Any) -> None:
    completed = "select repository_id, id, commit_sha, stats from public.index_jobs as j"
    completed += " where status = 'completed' order by repository_id"
    kept = "select repository_id, job_id, commit_sha, stats from public.indexed_commits order by 1"
    assert rows(seeded, kept) == rows(seeded, completed)
    assert len(rows(seeded, kept)) == 10


def test_seeded_stats_match_the_indexer_and_the_rows(seeded: Any) -> None:
    for job, stats in rows(
        seeded, "select id, stats from public.index_jobs where status = 'completed'"
    ):
        assert {*stats} == {*Stats.__annotations__}
        found = rows(seeded, f"select language from public.indexed_files where job_id = '{job}'")
        assert stats["languages"] == Counter(language for (language,) in found if language)
        assert stats["files_skipped"] == sum(stats["skipped"].values())
