-- begin_request(p_api_key, p_claims) -> api_caller
--
-- Who calls, by an API key or by claims that the HTTP layer has verified, and what is left of the
-- quota; user_id is null when the key is unknown, wrong, revoked or expired. Notes once an hour
-- that a key is in use. From here on the transaction runs under the caller's claims.
--
-- Callers: job_gateway.

create or replace function private.begin_request(p_api_key text, p_claims jsonb)
returns private.api_caller
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_secret_hash bytea := sha256(convert_to(split_part(coalesce(p_api_key, ''), '_', 3), 'UTF8'));
  v_key private.api_keys;
  v_caller private.api_caller;
begin
  v_caller.window_start := date_trunc('hour', v_now, 'UTC');
  if p_api_key is not null then
    select k.* into v_key
    from private.api_keys as k
    where k.id = split_part(p_api_key, '_', 2)
      and k.secret_hash = v_secret_hash
      and split_part(p_api_key, '_', 1) = 'ij'
      and k.enabled
      and (k.expires_at is null or k.expires_at > v_now);
    v_caller.user_id := v_key.user_id;
  elsif p_claims ->> 'role' = 'authenticated' then
    v_caller.user_id := private.parse_uuid(p_claims ->> 'sub');
  end if;
  if v_caller.user_id is null then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', coalesce(
    p_claims, jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated'))::text, true);
  if v_key.id is not null and v_key.last_used_at is null
    or v_key.last_used_at < v_now - interval '1 hour'
  then
    update private.api_keys as k set last_used_at = v_now where k.id = v_key.id;
  end if;

  select
    t.requests_per_hour,
    coalesce((
      select c.requests
      from private.rate_limit_counters as c
      where c.user_id = v_caller.user_id and c.window_start >= v_caller.window_start), 0)
  into v_caller.rate_limit, v_caller.requests
  from private.tiers as t
  where t.name = coalesce(
    (select a.tier from private.accounts as a where a.user_id = v_caller.user_id), 'free');
  return v_caller;
end;
$$;

comment on function private.begin_request(text, jsonb) is
  'Identifies the caller of an api_ function and takes on the claims.';

revoke all on function private.begin_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.begin_request(text, jsonb) to job_gateway;
