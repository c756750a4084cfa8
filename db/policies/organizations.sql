-- public.organizations: members see theirs; the service manages them.

alter table public.organizations enable row level security;
alter table public.organizations force row level security;

drop policy if exists organizations_select_authenticated on public.organizations;
create policy organizations_select_authenticated on public.organizations
  for select to authenticated
  using (exists (
      select from public.organization_members as m
      where m.organization_id = organizations.id
        and m.user_id = (select private.current_user_id())));
comment on policy organizations_select_authenticated on public.organizations is
  'Users see the organizations that they are members of.';

drop policy if exists organizations_all_service_role on public.organizations;
create policy organizations_all_service_role on public.organizations
  for all to service_role
  using (true)
  with check (true);
comment on policy organizations_all_service_role on public.organizations is
  'The service manages every row.';

revoke all on table public.organizations from public, anon, authenticated, service_role;
grant select on table public.organizations to authenticated;
grant select, insert, update, delete on table public.organizations to service_role;
