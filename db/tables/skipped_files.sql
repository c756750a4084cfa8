-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The files that the last completed job of each repository did not index: the first 10,000.
-- Row-level security is on and forced.
create table public.skipped_files (
  -- Primary key, in the order in which the indexer met them.
  id bigint not null generated always as identity,
  -- The repository.
  repository_id uuid not null,
  -- The job; it may have been purged.
  job_id uuid not null,
  -- Path inside the repository, the first 2,000 characters.
  path text not null,
  -- binary, generated, vendored, oversized …: one word in lower case, counted in the job's stats.
  reason text not null,
  constraint skipped_files_pkey
    primary key (id),
  constraint skipped_files_repository_id_fkey
    foreign key (repository_id) references public.repositories(id) on delete cascade,
  constraint skipped_files_reason_is_a_word_in_lower_case
    check (reason ~ '^[a-z_]{1,40}$'::text)
);

create index skipped_files_repository_id_id_idx on public.skipped_files using btree (repository_id,
  id);
