-- create_api_key(p_name, p_expires_at) -> table (key_id, api_key, name, expires_at, created_at)
--
-- Creates an API key for the signed-in user. api_key is returned only here: the database keeps its
-- hash.
--
-- Raises:  42501 without a signed-in user; PT422 invalid_name, invalid_expires_at.
-- Callers: authenticated.

create or replace function public.create_api_key(p_name text, p_expires_at timestamptz default null)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.api_key, k.name, k.expires_at, k.created_at
  from private.create_api_key(p_name => p_name, p_expires_at => p_expires_at) as k;
end;
$$;

comment on function public.create_api_key(text, timestamptz) is
  'Creates an API key for the caller and returns its secret once.';

revoke all on function public.create_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.create_api_key(text, timestamptz) to authenticated;
