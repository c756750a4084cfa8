-- list_api_keys() -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- The signed-in user's keys, newest first, without secrets.
--
-- Why definer: users cannot read the table of keys. Identity comes from the claims only.
-- Callers: authenticated: list_api_keys.

create or replace function private.list_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.api_keys as k
  where k.user_id = private.current_user_id()
  order by k.created_at desc, k.id;
end;
$$;

comment on function private.list_api_keys() is 'Lists the API keys of the signed-in user.';

alter function private.list_api_keys() owner to job_gateway;
revoke all on function private.list_api_keys() from public, anon, authenticated, service_role;
grant execute on function private.list_api_keys() to authenticated;
