"""Stored results are read by indexes, in order, under row-level security, according to the server's
plans for an ordinary user."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import psycopg
import pytest

# alice has one large repository; she and others have thousands of small ones
FILL: LiteralString = """
select tests.arrange_cast();
set session_replication_role = replica;
insert into public.repositories (full_name, git_url, owner_user_id)
select 'x/' || n, '/x', case when n % 2 = 0 then tests.alice() else tests.bob() end
from generate_series(1, 3000) as n;
insert into public.indexed_commits (repository_id, job_id, commit_sha, extractor, stats)
values (tests.alice_repository(), gen_random_uuid(), repeat('c', 40), 'x', '{}');
insert into public.indexed_files (repository_id, path, bytes, blob_sha)
select tests.alice_repository(), 'src/' || n, 1, 'x' from generate_series(1, 3000) as n;
insert into public.skipped_files (repository_id, job_id, path, reason)
select tests.alice_repository(), gen_random_uuid(), 'x', 'binary' from generate_series(1, 3000);
insert into public.symbols (repository_id, file_id, name, kind, start_line, end_line)
select f.repository_id, f.id, case when n % 2 = 0 then 'usual' else 'get_' || f.id end, 'x', 1, 1
from public.indexed_files as f, generate_series(1, 20) as n;
vacuum analyze;
"""
PAGES = {  # name -> call, index, what the index compares
    "files": ("list_indexed_files({r}", "indexed_files_repository_id_path_key", "path >"),
    "skipped": (
        "list_skipped_files({r}",
        "skipped_files_repository_id_id_idx",
        "(repository_id <=",
    ),
    "name": (
        "find_symbols({r}, p_name => 'usual'",
        "symbols_repository_id_name_id_idx",
        ") <= ROW(",
    ),
    "prefix": (
        "find_symbols({r}, p_prefix => 'us'",
        "symbols_repository_id_name_id_idx",
        "name)::text < 'ut'",
    ),
    "all": ("find_symbols({r}", "symbols_repository_id_name_id_idx", "ROW(("),
}
PLACES = {
    "files": ("src/2-", "indexed_files"),
    "skipped": ("", "skipped_files"),
    "name": ("usual", "symbols"),
    "prefix": ("usual", "symbols"),
    "all": ("usual", "symbols"),
}


@pytest.fixture(scope="module", params=[18, 15])
def user(
    clusters: Callable[[int], Any], request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection[Any]]:
    """Yields alice's connection. It logs the plan of every statement in functions."""
    with (
        clusters(request.param).database("ordinary", migrated=True) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        for statement in FILL.split(";\n"):
            connection.execute(statement.encode())
        connection.execute("set session_replication_role = origin")
        connection.execute("load 'auto_explain'")
        for name, value in {
            "log_analyze": "on",
            "log_buffers": "on",
            "log_timing": "off",
            "log_min_duration": "0",
            "log_nested_statements": "on",
            "log_level": "notice",
        }.items():
            connection.execute(f"set auto_explain.{name} = '{value}'".encode())
        yield connection


def plan_of(connection: psycopg.Connection[Any], call: str, table: str) -> str:
    """Returns the plan with which the user reads this table during the call."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(notice.message_primary or "")

    with connection.transaction(force_rollback=True):
        connection.execute("select tests.act_as(tests.alice())")
        connection.add_notice_handler(hear)
        rows = connection.execute(f"select count(*) from public.{call}".encode()).fetchone()
        connection.remove_notice_handler(hear)
    assert rows == (20,)
    (plan,) = (plan for plan in heard if f"from public.{table}" in plan)
    return plan


@pytest.mark.parametrize("late", [False, True], ids=["first", "late"])
@pytest.mark.parametrize("page", PAGES)
def test_page_reads_only_its_own_rows_in_index_order(
    user: psycopg.Connection[Any], page: str, late: bool
) -> None:
    call, index, condition = PAGES[page]
    place, table = PLACES[page]
    cursor = ""
    if late:
        row = user.execute(
            f"select private.row_cursor('{place}', max(t.id) / 2) from public.{table} as t".encode()
        ).fetchone()
        assert row
        cursor = f", p_cursor => '{row[0]}'"
    plan = plan_of(user, call.format(r="tests.alice_repository()") + cursor + ")", table)
    node = re.search(
        rf"Index Scan using {index} on {table} .*actual rows=20(\.00)? (.*\n)+?( *SubPlan|\Z)", plan
    )
    assert node, plan
    assert condition in node[0], "the index finds where the page begins, and where it ends"
    assert "Rows Removed" not in node[0], "nothing is read in vain"
    assert "Sort" not in plan, "the index gives the order"
    assert "hashed SubPlan" not in plan, "nothing but the one repository is looked at"
    read = re.search(r"Buffers: shared hit=(\d+)", node[0])
    assert read
    assert int(read[1]) < 300, "a late page costs what the first one costs"
