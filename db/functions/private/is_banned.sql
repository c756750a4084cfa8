-- is_banned(p_user_id) -> boolean
--
-- Whether Supabase Auth has banned the user or marked it as deleted. False if auth.users lacks
-- these columns.
--
-- Why definer: auth.users is another role's on Supabase; only the role that migrates can read it.
-- Callers: job_gateway.

create or replace function private.is_banned(p_user_id uuid)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from auth.users as u
    where u.id = p_user_id
      and (u.deleted_at is not null or u.banned_until > private.clock()));
exception when undefined_column then
  return false;
end;
$$;

comment on function private.is_banned(uuid) is 'Returns whether a user is banned or deleted.';

revoke all on function private.is_banned(uuid) from public, anon, authenticated, service_role;
grant execute on function private.is_banned(uuid) to job_gateway;
