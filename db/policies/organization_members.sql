-- public.organization_members: users see their own rows, so no policy needs to read this table
-- twice.

alter table public.organization_members enable row level security;
alter table public.organization_members force row level security;

drop policy if exists organization_members_select_authenticated on public.organization_members;
create policy organization_members_select_authenticated on public.organization_members
  for select to authenticated
  using (user_id = (select private.current_user_id()));
comment on policy organization_members_select_authenticated on public.organization_members is
  'Users see their own memberships.';

drop policy if exists organization_members_all_service_role on public.organization_members;
create policy organization_members_all_service_role on public.organization_members
  for all to service_role
  using (true)
  with check (true);
comment on policy organization_members_all_service_role on public.organization_members is
  'The service manages every row.';

drop policy if exists organization_members_select_job_writer on public.organization_members;
create policy organization_members_select_job_writer on public.organization_members
  for select to job_writer
  using (true);
comment on policy organization_members_select_job_writer on public.organization_members is
  'The functions that write jobs read every row.';

revoke all on table public.organization_members from public, anon, authenticated, service_role;
grant select on table public.organization_members to authenticated, job_writer;
grant select, insert, update, delete on table public.organization_members to service_role;
