-- Made by `make docs` from a migrated database. Do not edit it: CONTRIBUTING.md says how to
-- change a table.

-- The commit of each repository's indexed_files and symbols.
-- Row-level security is on and forced.
create table public.indexed_commits (
  -- The repository.
  repository_id uuid not null,
  -- The job that stored them; it may have been purged.
  job_id uuid not null,
  -- The commit.
  commit_sha text not null,
  -- Fingerprint of the extractor that produced them; another extractor replaces all of them.
  extractor text not null,
  -- The stats of that job.
  stats jsonb not null,
  constraint indexed_commits_pkey
    primary key (repository_id),
  constraint indexed_commits_repository_id_fkey
    foreign key (repository_id) references public.repositories(id) on delete cascade,
  constraint indexed_commits_stats_are_an_object
    check (jsonb_typeof(stats) = 'object'::text)
);

create constraint trigger indexed_commits_refuse_partial_index after insert or update of job_id on
  public.indexed_commits deferrable initially deferred for each row execute function
  private.refuse_partial_index();
