-- add_indexed_commits
-- depends: 20261124221449_lifecycle

-- By hand, above the stamped part: what its functions and policies need.
create table public.indexed_commits (
  repository_id uuid primary key references public.repositories on delete cascade,
  job_id uuid not null,
  commit_sha text not null,
  extractor text not null,
  stats jsonb not null,
  constraint indexed_commits_stats_are_an_object check (jsonb_typeof(stats) = 'object')
);
comment on table public.indexed_commits is
  'The commit of which each repository''s indexed_files and symbols are.';
comment on column public.indexed_commits.repository_id is 'The repository.';
comment on column public.indexed_commits.job_id is
  'The job that left them so; it may have been purged since.';
comment on column public.indexed_commits.commit_sha is 'The commit.';
comment on column public.indexed_commits.extractor is
  'Fingerprint of the extractor that made them; another one makes all of them anew.';
comment on column public.indexed_commits.stats is 'The figures of that job.';

alter table public.indexed_files add column symbol_count integer;
comment on column public.indexed_files.symbol_count is
  'How many symbols it has; null when they could not be had, so that the next job tries again.';
-- One key instead of two: a symbol's repository is its file's, and is looked up once.
alter table public.indexed_files
  add constraint indexed_files_repository_id_id_key unique (repository_id, id);
alter table public.symbols
  drop constraint symbols_repository_id_fkey,
  drop constraint symbols_file_id_fkey,
  add constraint symbols_repository_id_file_id_fkey foreign key (repository_id, file_id)
    references public.indexed_files (repository_id, id) on delete cascade;
create index symbols_repository_id_file_id_idx on public.symbols (repository_id, file_id);
drop index public.symbols_file_id_idx;

-- No key on the job: rows outlive it, and a purge would have to touch each of them.
drop index public.indexed_files_job_id_idx;
alter table public.indexed_files drop constraint indexed_files_job_id_fkey;
comment on column public.indexed_files.job_id is
  'The job that wrote the row: later ones leave it while path and content stay. It may have been '
  'purged since.';
comment on table public.indexed_files is
  'The files of each repository as of its last completed job, brought up to date in one transaction.';

-- begin stamped part (python -m db.stamp again rewrites it)
grant job_writer, job_gateway, job_tenant to current_user;
grant create on schema public, private to job_writer, job_gateway, job_tenant;

-- stamp: db/policies/indexed_commits.sql
-- public.indexed_commits: who sees the repository sees its commit; the service replaces it.

alter table public.indexed_commits enable row level security;
alter table public.indexed_commits force row level security;

drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
create policy indexed_commits_select_authenticated on public.indexed_commits
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = indexed_commits.repository_id));
comment on policy indexed_commits_select_authenticated on public.indexed_commits is
  'A user sees the indexed commit of the repositories that the user sees.';

drop policy if exists indexed_commits_all_service_role on public.indexed_commits;
create policy indexed_commits_all_service_role on public.indexed_commits
  for all to service_role
  using (true)
  with check (true);
comment on policy indexed_commits_all_service_role on public.indexed_commits is
  'The service manages every row.';

revoke all on table public.indexed_commits from public, anon, authenticated, service_role;
grant select on table public.indexed_commits to authenticated;
grant select, insert, update, delete on table public.indexed_commits to service_role;
-- end stamp

revoke create on schema public, private from job_writer, job_gateway, job_tenant;
revoke job_writer, job_gateway, job_tenant from current_user;
-- end stamped part

notify pgrst, 'reload schema';
comment on schema private is 'schema version 20261124221909';
