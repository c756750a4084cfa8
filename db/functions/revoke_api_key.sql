-- revoke_api_key(p_key_id) -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- Disables one of the caller's API keys permanently; its next call is refused. Repeating it is not
-- an error.
--
-- Raises:  PT404 when the caller has no such key.
-- Callers: authenticated.

create or replace function public.revoke_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select k.key_id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at
  from private.revoke_api_key(p_key_id => p_key_id) as k;
end;
$$;

comment on function public.revoke_api_key(text) is 'Disables one of the caller''s API keys.';

revoke all on function public.revoke_api_key(text) from public, anon, authenticated, service_role;
grant execute on function public.revoke_api_key(text) to authenticated;
