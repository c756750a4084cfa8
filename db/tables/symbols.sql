-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The definitions found in indexed_files.
-- Row-level security is on and forced.
create table public.symbols (
  -- Primary key.
  id bigint not null generated always as identity,
  -- The repository.
  repository_id uuid not null,
  -- The file.
  file_id bigint not null,
  -- The symbol's name.
  name text not null,
  -- function, method, class, interface, type, enum, constant …: one word in lower case.
  kind text not null,
  -- First line, from 1.
  start_line integer not null,
  -- Last line, from 1.
  end_line integer not null,
  -- The enclosing definition, or null.
  parent text,
  constraint symbols_pkey
    primary key (id),
  constraint symbols_end_line_is_not_before_start_line
    check (end_line >= start_line)
);

create index symbols_repository_id_file_id_idx on public.symbols using btree (repository_id,
  file_id);

create index symbols_repository_id_name_id_idx on public.symbols using btree (repository_id, name
  collate "C", id);
