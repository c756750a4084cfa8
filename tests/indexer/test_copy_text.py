"""Postgres can read the written text."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from db.local.postgres import Server
from worker.indexer.copy_text import Writer, rows

ODD = [
    "plain",
    "",
    "a\tb",
    "a\nb",
    "a\rb",
    "a\\b",
    "\\",
    "\\.",
    "\\N",
    "\\t",
    "\\x41",
    "'quoted' \"twice\"",
    "\b\f\v\x01\x7f",
    "ünïcödé 🦀",
    "\u2028\x85",
]


def test_postgres_reads_the_same_text_back(tmp_path: Path, postgres18: Server) -> None:
    with Writer(tmp_path / "rows.copy") as rows:
        for number, text in enumerate(ODD):
            rows.write(number, text, None, f"{text}{text}")
    assert rows.rows == len(ODD)
    with psycopg.connect(postgres18.url()) as connection:
        connection.execute("create temp table row (n int, a text, b text, c text)")
        with connection.cursor().copy("copy row from stdin") as copy:
            copy.write(rows.path.read_bytes())
        read = connection.execute("select * from row order by n").fetchall()
    assert read == [(number, text, None, f"{text}{text}") for number, text in enumerate(ODD)]


def test_text_written_by_postgres_is_read_back(tmp_path: Path, postgres18: Server) -> None:
    values = [*ODD, "".join(map(chr, range(1, 0x250)))]
    path = tmp_path / "rows.copy"
    with psycopg.connect(postgres18.url()) as connection, path.open("wb") as file:
        connection.execute("create temp table row (n int, a text, b text)")
        for number, text in enumerate(values):
            connection.execute("insert into row values (%s, %s, null)", (number, text))
        with connection.cursor().copy("copy row to stdout") as copy:
            for block in copy:
                file.write(block)
    assert list(rows(path)) == [[str(number), text, None] for number, text in enumerate(values)]


def test_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rows.copy"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Writer(path)
