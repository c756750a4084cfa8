"""Data directories that are created once per run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from db.local.postgres import Server
from tests.support.kept import Kept


def test_concurrent_callers_get_copies_of_one_directory(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    made = []

    def make(draft: Path) -> None:
        made.append(draft)
        draft.mkdir()
        (draft / "file").write_text("as it was made")

    with ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(kept.copy, "data", tmp_path / f"{number}", make)
    assert len(made) == 1
    (tmp_path / "0/file").write_text("changed")
    for copy in (tmp_path / "1/file", tmp_path / "3/file", tmp_path / "data/file"):
        assert copy.read_text() == "as it was made"


def test_failed_creation_is_repeated_by_the_next_caller(tmp_path: Path) -> None:
    kept = Kept(tmp_path)

    def fail(draft: Path) -> None:
        (draft / "half").mkdir(parents=True)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept.copy("data", tmp_path / "copy", fail)
    kept.copy("data", tmp_path / "copy", Path.mkdir)
    assert list((tmp_path / "copy").iterdir()) == []


def test_server_has_its_own_contents_and_none_of_another(kept: Kept) -> None:
    def fill(server: Server) -> None:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create table public.filled ()")

    tables = "select string_agg(relname::text, ' ') from pg_class where relnamespace = 2200"
    for _ in range(2):
        with (
            kept.server(name="filled with a table", fill=fill) as server,
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            assert connection.execute(tables).fetchone() == ("filled",)
            connection.execute("create table public.more ()")
