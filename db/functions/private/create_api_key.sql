-- create_api_key(p_name, p_expires_at) -> table (key_id, api_key, name, expires_at, created_at)
--
-- Creates a key for the signed-in user: 244 random bits, of which only the SHA-256 is stored.
--
-- Why definer: users cannot read the table of keys. Identity comes from the claims only.
-- Raises:  42501 without a signed-in user; PT422 invalid_name, invalid_expires_at.
-- Callers: authenticated: create_api_key.

create or replace function private.create_api_key(p_name text, p_expires_at timestamptz)
returns table (
  key_id text, api_key text, name text, expires_at timestamptz, created_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := private.current_user_id();
  v_now timestamptz := private.clock();
  v_key_id text := left(replace(gen_random_uuid()::text, '-', ''), 12)
    || right(gen_random_uuid()::text, 4);
  v_secret text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
  if v_user_id is null then
    raise exception 'not signed in'
      using errcode = '42501', hint = 'Call with a user''s token.';
  end if;
  if coalesce(btrim(p_name), '') = '' or length(p_name) > 100 or p_name ~ '[[:cntrl:]]' then
    raise exception 'name is empty, longer than 100 characters or has a control character'
      using errcode = 'PT422', detail = 'invalid_name', column = 'name',
        hint = 'Say what the key is for.';
  end if;
  if p_expires_at <= v_now or p_expires_at >= '9999-12-31 00:00Z' then
    raise exception 'expires_at is not in the future, or is after the year 9999'
      using errcode = 'PT422', detail = 'invalid_expires_at', column = 'expires_at',
        hint = 'Pass a future time before 9999-12-31, or nothing for a key that never expires.';
  end if;
  insert into private.api_keys (id, user_id, name, secret_hash, created_at, expires_at)
  values (
    v_key_id, v_user_id, btrim(p_name), sha256(convert_to(v_secret, 'UTF8')), v_now, p_expires_at);
  return query
  select v_key_id, 'ij_' || v_key_id || '_' || v_secret, btrim(p_name), p_expires_at, v_now;
end;
$$;

comment on function private.create_api_key(text, timestamptz) is
  'Creates an API key for the signed-in user.';

alter function private.create_api_key(text, timestamptz) owner to job_gateway;
revoke all on function private.create_api_key(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.create_api_key(text, timestamptz) to authenticated;
