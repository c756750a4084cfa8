-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The files of each repository as of its last completed job, brought up to date in one transaction.
-- Row-level security is on and forced.
create table public.indexed_files (
  -- Primary key.
  id bigint not null generated always as identity,
  -- The repository.
  repository_id uuid not null,
  -- The job that stored the row; later jobs keep it while path and content are unchanged. It may
  -- have been purged.
  job_id uuid,
  -- Path inside the repository.
  path text not null,
  -- Programming language; null if unknown.
  language text,
  -- Size in bytes.
  bytes bigint not null,
  -- Git's object id of the content.
  blob_sha text not null,
  -- Number of symbols; null if they could not be extracted, and the next job tries again.
  symbol_count integer,
  constraint indexed_files_pkey
    primary key (id),
  constraint indexed_files_repository_id_path_key
    unique (repository_id, path),
  constraint indexed_files_repository_id_fkey
    foreign key (repository_id) references public.repositories(id) on delete cascade,
  constraint indexed_files_bytes_are_not_negative
    check (bytes >= 0),
  constraint indexed_files_symbol_count_is_not_negative
    check (symbol_count >= 0)
);

create trigger indexed_files_delete_symbols after delete on public.indexed_files referencing old
  table as gone for each statement execute function private.delete_symbols_of_files();
