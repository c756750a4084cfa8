-- public.indexed_commits: anyone who sees the repository sees its commit; only functions write it.

alter table public.indexed_commits enable row level security;
alter table public.indexed_commits force row level security;

drop policy if exists indexed_commits_select_authenticated on public.indexed_commits;
create policy indexed_commits_select_authenticated on public.indexed_commits
  for select to authenticated
  using (exists (select from public.repositories as r where r.id = indexed_commits.repository_id));
comment on policy indexed_commits_select_authenticated on public.indexed_commits is
  'Users see the indexed commit of the repositories that they can see.';

drop policy if exists indexed_commits_select_job_worker on public.indexed_commits;
create policy indexed_commits_select_job_worker on public.indexed_commits
  for select to job_worker
  using (true);
comment on policy indexed_commits_select_job_worker on public.indexed_commits is
  'Workers read every row.';

drop policy if exists indexed_commits_select_service_role on public.indexed_commits;
create policy indexed_commits_select_service_role on public.indexed_commits
  for select to service_role
  using (true);
comment on policy indexed_commits_select_service_role on public.indexed_commits is
  'The service reads every row.';

drop policy if exists indexed_commits_all_job_writer on public.indexed_commits;
create policy indexed_commits_all_job_writer on public.indexed_commits
  for all to job_writer
  using (true)
  with check (true);
comment on policy indexed_commits_all_job_writer on public.indexed_commits is
  'The functions that store an index see and change every row.';

revoke all on table public.indexed_commits from public, anon, authenticated, service_role;
grant select on table public.indexed_commits to authenticated, job_worker, service_role;
grant select, insert, update, delete on table public.indexed_commits to job_writer;
