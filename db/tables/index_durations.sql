-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- How long the last 20 completed jobs of each repository took, for estimates.
-- No row-level security: only functions and the roles in db/tables/roles.sql reach it.
create table private.index_durations (
  -- Primary key.
  id bigint not null generated always as identity,
  -- The repository.
  repository_id uuid not null,
  -- The commit.
  commit_sha text not null,
  -- The size of its indexed files.
  bytes bigint not null,
  -- How much of that was already stored and did not have to be read.
  bytes_unchanged bigint not null,
  -- From the start of the attempt that completed the job to its end.
  seconds double precision not null,
  -- When the job was completed.
  ended_at timestamp with time zone not null,
  constraint index_durations_pkey
    primary key (id),
  constraint index_durations_repository_id_fkey
    foreign key (repository_id) references public.repositories(id) on delete cascade
);

create index index_durations_repository_id_id_idx on private.index_durations using btree
  (repository_id, id);
