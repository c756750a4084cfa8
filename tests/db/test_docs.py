"""The generated documents, compared with the migrated database."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.tools import docs, migrate

NewDatabase = Callable[..., Any]

STEP_BACK = """
create or replace function private.job_transitions()
returns table (from_status public.job_status, to_status public.job_status)
language sql immutable set search_path = pg_catalog, pg_temp
as $$ values ('completed'::public.job_status, 'pending'::public.job_status); $$;
"""
TABLE = """
create table public.notes (
  id bigint generated always as identity primary key,
  body text not null default 'A|b' constraint notes_body_is_not_empty check (body <> '')
);
comment on table public.notes is 'What people note.';
comment on column public.notes.body is 'The words.';
create index notes_body_idx on public.notes (body);
alter table public.notes enable row level security;
create policy notes_select_authenticated on public.notes
  for select to authenticated using (true);
comment on policy notes_select_authenticated on public.notes is 'Users see notes.';
revoke all on table public.notes from anon, authenticated, service_role;
grant select, insert (body) on table public.notes to authenticated;
"""
FUNCTION = """
create function public.read_notes(p_like text, p_limit integer default 10)
returns setof public.notes language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$ select n.* from public.notes as n where n.body like p_like limit p_limit; $$;
comment on function public.read_notes(text, integer) is 'Reads notes.';
revoke all on function public.read_notes(text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.read_notes(text, integer) to service_role, authenticated;
"""


@pytest.fixture(params=["ordinary", "superuser"])
def migrated(request: pytest.FixtureRequest, new_database: NewDatabase) -> Any:
    """A database with the migrations and nothing else."""
    database = new_database(18, request.param, migrated=False)
    migrate.apply(database.migrator_url)
    return database


def made(database: Any, *changes: str) -> dict[str, str]:
    """Returns the documents of this database after the changes."""
    with psycopg.connect(database.migrator_url) as connection:
        for change in changes:
            connection.execute(change)
        return docs.documents(connection)


def test_committed_documents_match_make_docs(migrated: Any) -> None:
    for path, text in made(migrated).items():
        committed = (docs.ROOT / path).read_text()
        assert committed == text, f"{path} is not what the schema says: run `make docs`"


def test_tables_folder_contains_no_other_files(migrated: Any) -> None:
    files = {f"db/tables/{file.name}" for file in (docs.ROOT / "db/tables").iterdir()}
    assert files == {path for path in made(migrated) if path.startswith("db/tables/")}


def test_diagram_matches_the_transition_rule(database: Any) -> None:
    texts = made(database, STEP_BACK)
    for text in (texts[docs.SCHEMA], texts[docs.README]):
        assert "  [*] --> completed\n  completed --> pending\n  pending --> [*]\n```" in text
        assert "pending --> processing" not in text


def test_new_table_and_function_are_documented_in_full(database: Any) -> None:
    texts = made(database, TABLE, FUNCTION)
    for line in (
        "-- What people note.\n-- Row-level security is on.\ncreate table public.notes (\n",
        "  id bigint not null generated always as identity,\n",
        "  -- The words.\n  body text not null default 'A|b'::text,\n",
        "  constraint notes_body_is_not_empty\n    check (body <> ''::text)\n);\n",
        "\ncreate index notes_body_idx on public.notes using btree (body);\n",
    ):
        assert line in texts["db/tables/notes.sql"]
    grant = "grant insert (body), select on table public.notes to authenticated;\n"
    assert grant in texts["db/tables/roles.sql"]
    for line in (
        "### read_notes\n\nReads notes.\n",
        "- arguments: `p_like text, p_limit integer DEFAULT 10`\n",
        "- returns: `SETOF public.notes`\n- callers: authenticated, service_role\n",
        "- runs as: definer, as the owner of the database; stable\n",
    ):
        assert line in texts[docs.SCHEMA]
    row = "| `read_notes(p_like, p_limit?)` | authenticated, service_role | Reads notes. |\n"
    assert row in texts[docs.README]


def test_everything_has_a_comment(migrated: Any) -> None:
    texts = made(migrated)
    assert "None" not in texts[docs.SCHEMA]
    assert "|  |\n" not in texts[docs.SCHEMA]
    for path, text in texts.items():
        if path.startswith("db/tables/") and not path.endswith(("types.sql", "roles.sql")):
            lines = text.partition("\n)")[0].splitlines()
            columns = [at for at, line in enumerate(lines) if re.match(r"  (?!constraint)\w", line)]
            assert columns, path
            assert [lines[at] for at in columns if not lines[at - 1].startswith("  -- ")] == []


def test_readme_without_markers_is_an_error_that_names_them(database: Any, tmp_path: Path) -> None:
    (tmp_path / docs.README).write_text("# A house without marks\n")
    with (
        psycopg.connect(database.migrator_url) as connection,
        pytest.raises(ValueError, match=r"README\.md lacks the marks <!-- begin states: "),
    ):
        docs.documents(connection, tmp_path)
