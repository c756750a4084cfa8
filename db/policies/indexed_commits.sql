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
