-- create_broadcast_policy() -> void
--
-- Lets those who may read a tenant's jobs follow the topic 'index_jobs:' || tenant_id in Supabase
-- Realtime: the tenant, and the members of the organization. Does nothing if there is no table
-- realtime.messages. On Supabase, `postgres` may create policies on it and change nothing else.
--
-- Topics are compared as text: casting a malformed one would raise, and so refuse everybody.
--
-- Raises:  insufficient_privilege when the caller may not create the policy.
-- Callers: none: the migration; index-jobs doctor names it where the policy is missing.

create or replace function private.create_broadcast_policy()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_class as c
    where c.relname = 'messages' and c.relnamespace = to_regnamespace('realtime'))
  then
    return;
  end if;
  drop policy if exists index_jobs_select_authenticated on realtime.messages;
  create policy index_jobs_select_authenticated on realtime.messages
    for select to authenticated
    using (extension = 'broadcast'
      and ((select realtime.topic()) = 'index_jobs:' || (select private.current_user_id())
        or exists (
          select from public.organization_members as m
          where m.user_id = (select private.current_user_id())
            and (select realtime.topic()) = 'index_jobs:' || m.organization_id)));
end;
$$;

comment on function private.create_broadcast_policy() is
  'Lets tenants follow their index jobs by Supabase Realtime.';

revoke all on function private.create_broadcast_policy()
  from public, anon, authenticated, service_role;
