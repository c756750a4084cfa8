-- banned_users(p_user_ids) -> uuid[]
--
-- Those of the users whom Supabase Auth has banned or marked as deleted. None if auth.users lacks
-- these columns.
--
-- The plan is generic, because planning for each array takes longer than running. It must not scan
-- the table: a plan that was made for a small table stays in use when it is large.
--
-- Why definer: auth.users is another role's on Supabase; only the role that migrates can read it.
-- Callers: job_gateway.

create or replace function private.banned_users(p_user_ids uuid[])
returns uuid[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select u.id
    from auth.users as u
    where u.id = any (p_user_ids)
      and (u.deleted_at is not null or u.banned_until > private.clock()));
exception when undefined_column then
  return '{}';
end;
$$;

comment on function private.banned_users(uuid[]) is
  'Returns those of the users that are banned or deleted.';

revoke all on function private.banned_users(uuid[]) from public, anon, authenticated, service_role;
grant execute on function private.banned_users(uuid[]) to job_gateway;
