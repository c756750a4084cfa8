-- list_api_keys() -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- The caller's API keys, newest first, without secrets.
--
-- Callers: authenticated.

create or replace function public.list_api_keys()
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.list_api_keys() as k;
end;
$$;

comment on function public.list_api_keys() is 'Lists the caller''s API keys.';

revoke all on function public.list_api_keys() from public, anon, authenticated, service_role;
grant execute on function public.list_api_keys() to authenticated;
