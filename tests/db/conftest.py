"""A small project for the tests of stamps and migrations: one table, three functions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from db.tools import stamp

DDL = """
do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'service_role', 'job_writer',
                                'job_gateway', 'job_tenant'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
end;
$$;
create schema private;
grant usage on schema private to authenticated, job_writer;
create table public.notes (
  id bigint primary key,
  owner text not null default current_user,
  body text not null,
  constraint notes_body_is_not_empty check ((case when body = '' then 1 else 0 end) = 0)
);
"""
UNDO_DDL = """
drop table public.notes;
drop schema private;
"""

IS_OPEN = """\
-- private.is_open() -> boolean
--
-- Callers: authenticated, job_writer.

create or replace function private.is_open()
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select false
$$;

comment on function private.is_open() is 'Whether everybody sees everything.';

revoke all on function private.is_open() from public, anon, authenticated, service_role;
grant execute on function private.is_open() to authenticated, job_writer;
"""

CAN_SEE = """\
-- private.can_see(p_owner) -> boolean
--
-- Callers: authenticated, job_writer.

create or replace function private.can_see(p_owner text)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_owner = current_user or private.is_open()
$$;

comment on function private.can_see(text) is 'Whether the caller sees a row; 100 % of the rule.';

revoke all on function private.can_see(text) from public, anon, authenticated, service_role;
grant execute on function private.can_see(text) to authenticated, job_writer;
"""

WRITE_NOTE = """\
-- write_note(p_id, p_body) -> setof notes
--
-- Writes one note; it's the only way in.
--
-- Why definer: nobody else may write.
-- Callers: service_role.

create or replace function public.write_note(p_id bigint, p_body text default 'it''s; $1 at 100%')
returns setof public.notes
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_body text := format('%s; -- "no" comment', p_body);  -- a comment; with a quote's start
begin
  if p_id % 2 = 1 then
    execute $q$ select 'a;b' $q$;
  end if;

  return query insert into public.notes as n (id, body) values (p_id, v_body) returning n.*;
end;
$$;

comment on function public.write_note(bigint, text) is 'Writes; one note.';

alter function public.write_note(bigint, text) owner to job_writer;
revoke all on function public.write_note(bigint, text)
  from public, anon, authenticated, service_role;
grant execute on function public.write_note(bigint, text) to service_role;
"""

NOTES = """\
-- notes: their owner reads, job_writer writes.

alter table public.notes enable row level security;
alter table public.notes force row level security;

drop policy if exists notes_select_owner on public.notes;
create policy notes_select_owner on public.notes
  for select to authenticated
  using (private.can_see(owner));
comment on policy notes_select_owner on public.notes is 'Owners see their notes.';

drop policy if exists notes_all_job_writer on public.notes;
create policy notes_all_job_writer on public.notes
  for all to job_writer
  using (true) with check (true);
comment on policy notes_all_job_writer on public.notes is 'The writer''s way in.';

revoke all on table public.notes from public, anon, authenticated, service_role;
grant select on table public.notes to authenticated;
grant select, insert (id, body) on table public.notes to job_writer;
"""


@dataclass(frozen=True)
class SmallProject:
    """A folder with declared files and migrations, like those of this project."""

    root: Path

    @property
    def migrations(self) -> Path:
        return self.root / "db/migrations"

    def path(self, path: str) -> Path:
        return self.root / path

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.path(path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def stamp(self, name: str, *, ddl: str = "", undo: str = "") -> tuple[str, str]:
        """Releases the earlier migrations and adds one with handwritten DDL. Returns its texts."""
        stamp.freeze(self.root)
        forward = stamp.write(name, root=self.root, empty=True).forward
        if ddl:
            self.edit(f"db/migrations/{forward.name}", stamp.ABOVE, f"{stamp.ABOVE}\n{ddl}")
            back = stamp.rollback_file(forward).name
            self.edit(f"db/migrations/{back}", stamp.BELOW_ROLLBACK, undo)
            stamp.write(root=self.root)
        return forward.read_text(), stamp.rollback_file(forward).read_text()

    def check(self) -> list[str]:
        return stamp.check(self.root)


@pytest.fixture
def small_project(tmp_path: Path) -> SmallProject:
    """Declared files that are not stamped yet."""
    small_project = SmallProject(tmp_path / "small_project")
    small_project.write("db/functions/private/is_open.sql", IS_OPEN)
    small_project.write("db/functions/private/can_see.sql", CAN_SEE)
    small_project.write("db/functions/write_note.sql", WRITE_NOTE)
    small_project.write("db/policies/notes.sql", NOTES)
    return small_project


@pytest.fixture
def stamped(small_project: SmallProject) -> SmallProject:
    """The same project with its first migration."""
    small_project.stamp("init", ddl=DDL, undo=UNDO_DDL)
    return small_project
