-- public.repositories: owners and members see and add theirs; the service manages them.
--
-- offset 0 keeps the planner from reading all memberships instead of one.

alter table public.repositories enable row level security;
alter table public.repositories force row level security;

drop policy if exists repositories_select_authenticated on public.repositories;
create policy repositories_select_authenticated on public.repositories
  for select to authenticated
  using (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())
      offset 0));
comment on policy repositories_select_authenticated on public.repositories is
  'Users see their own repositories and those of their organizations.';

drop policy if exists repositories_insert_authenticated on public.repositories;
create policy repositories_insert_authenticated on public.repositories
  for insert to authenticated
  with check (owner_user_id = (select private.current_user_id())
    or exists (
      select from public.organization_members as m
      where m.organization_id = repositories.organization_id
        and m.user_id = (select private.current_user_id())));
comment on policy repositories_insert_authenticated on public.repositories is
  'Users add repositories for themselves or for their organizations.';

drop policy if exists repositories_all_service_role on public.repositories;
create policy repositories_all_service_role on public.repositories
  for all to service_role
  using (true)
  with check (true);
comment on policy repositories_all_service_role on public.repositories is
  'The service manages every row.';

drop policy if exists repositories_select_job_roles on public.repositories;
create policy repositories_select_job_roles on public.repositories
  for select to job_worker, job_writer
  using (true);
comment on policy repositories_select_job_roles on public.repositories is
  'Workers, and the functions that write jobs, read every row.';

drop policy if exists repositories_update_job_writer on public.repositories;
create policy repositories_update_job_writer on public.repositories
  for update to job_writer
  using (true)
  with check (true);
comment on policy repositories_update_job_writer on public.repositories is
  'set_repository_url changes the address; the functions that store an index lock the row.';

revoke all on table public.repositories from public, anon, authenticated, service_role;
grant select on table public.repositories to authenticated, job_worker, job_writer;
grant insert (full_name, git_url, owner_user_id, organization_id)
  on table public.repositories to authenticated;
grant update (git_url) on table public.repositories to job_writer;
grant select, insert, update, delete on table public.repositories to service_role;
