-- begin_request(p_api_key, p_claims) -> api_caller
--
-- Identifies the caller by an API key, or without one by claims that the HTTP layer has verified,
-- and returns what is left of the quota. user_id is null if the key is unknown, wrong, revoked or
-- expired, or the user is banned. Updates last_used_at of the key once an hour. Sets the caller's
-- claims for the rest of the transaction.
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
  v_caller private.api_caller;
  v_is_new_use boolean;
begin
  v_caller.window_start := date_trunc('hour', v_now, 'UTC');
  select u.id, u.is_new_use, t.requests_per_hour, coalesce(c.requests, 0)
  into v_caller.user_id, v_is_new_use, v_caller.rate_limit, v_caller.requests
  from (
    select k.user_id, coalesce(k.last_used_at not between v_now - interval '1 hour' and v_now, true)
    from private.api_keys as k
    where k.id = split_part(p_api_key, '_', 2)
      and k.secret_hash = v_secret_hash
      and split_part(p_api_key, '_', 1) = 'ij'
      and k.enabled
      and (k.expires_at is null or k.expires_at > v_now)
    union all
    select private.parse_uuid(p_claims ->> 'sub'), false
    where p_api_key is null and p_claims ->> 'role' = 'authenticated'
  ) as u (id, is_new_use)
  left join private.accounts as a on a.user_id = u.id
  join private.tiers as t on t.name = coalesce(a.tier, 'free')
  left join private.rate_limit_counters as c
    on c.user_id = u.id and c.window_start between v_caller.window_start and v_now
  where u.id is not null and u.id <> all (private.banned_users(array[u.id]));
  if not found then
    return v_caller;
  end if;

  perform set_config('request.jwt.claims', case
    when p_api_key is null then p_claims
    else jsonb_build_object('sub', v_caller.user_id, 'role', 'authenticated') end::text, true);
  if v_is_new_use then
    update private.api_keys as k set last_used_at = v_now
    where k.id = split_part(p_api_key, '_', 2);
  end if;
  return v_caller;
end;
$$;

comment on function private.begin_request(text, jsonb) is
  'Identifies the caller of an api_ function and sets the claims.';

revoke all on function private.begin_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.begin_request(text, jsonb) to job_gateway;
