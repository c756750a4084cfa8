-- admit_request(p_api_key, p_claims) -> api_answer
--
-- begin_request and count_request. The first statement handles the common case at once: the key was
-- used within the hour, and the user's counter for this hour has requests left. If it finds no row,
-- the two functions decide. Whatever they check, the first statement checks too.
--
-- Locks:   the caller's row of rate_limit_counters, until the end of the transaction.
-- Callers: job_gateway.

create or replace function private.admit_request(p_api_key text, p_claims jsonb)
returns private.api_answer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_answer private.api_answer;
begin
  update private.rate_limit_counters as c
  set requests = c.requests + 1
  from private.api_keys as k
  left join private.accounts as a on a.user_id = k.user_id
  join private.tiers as t on t.name = coalesce(a.tier, 'free')
  where k.id = split_part(p_api_key, '_', 2)
    and k.secret_hash = sha256(convert_to(split_part(p_api_key, '_', 3), 'UTF8'))
    and split_part(p_api_key, '_', 1) = 'ij'
    and k.enabled
    and (k.expires_at is null or k.expires_at > v_now)
    and k.last_used_at >= v_now - interval '1 hour'
    and c.user_id = k.user_id
    and c.window_start = v_hour
    and c.requests < t.requests_per_hour
    and k.user_id <> all (private.banned_users(array[k.user_id]))
  returning c.user_id, t.requests_per_hour, t.requests_per_hour - c.requests
  into v_answer.user_id, v_answer.rate_limit, v_answer.rate_remaining;
  if not found then
    return private.count_request(private.begin_request(p_api_key, p_claims));
  end if;
  perform set_config('request.jwt.claims',
    '{"sub": "' || v_answer.user_id || '", "role": "authenticated"}', true);
  v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
  v_answer.verdict := 'ok';
  return v_answer;
end;
$$;

comment on function private.admit_request(text, jsonb) is
  'Identifies the caller of an api_ function, counts the request and sets the claims.';

revoke all on function private.admit_request(text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.admit_request(text, jsonb) to job_gateway;
