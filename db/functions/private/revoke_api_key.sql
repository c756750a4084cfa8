-- revoke_api_key(p_key_id) -> table (key_id, name, enabled, created_at, expires_at, last_used_at)
--
-- Disables one key of the signed-in user permanently. Repeating it is not an error.
--
-- Why definer: users cannot read the table of keys. Identity comes from the claims only.
-- Raises:  PT404 when the user has no such key.
-- Callers: authenticated: revoke_api_key.

create or replace function private.revoke_api_key(p_key_id text)
returns table (
  key_id text, name text, enabled boolean, created_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  update private.api_keys as k
  set enabled = false
  where k.id = p_key_id and k.user_id = private.current_user_id()
  returning k.id, k.name, k.enabled, k.created_at, k.expires_at, k.last_used_at;
  if not found then
    raise exception 'api key not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function private.revoke_api_key(text) is 'Disables an API key of the signed-in user.';

alter function private.revoke_api_key(text) owner to job_gateway;
revoke all on function private.revoke_api_key(text) from public, anon, authenticated, service_role;
grant execute on function private.revoke_api_key(text) to authenticated;
