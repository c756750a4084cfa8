-- count_request(p_caller) -> api_answer
--
-- Counts one request of the caller, and starts the answer with the remaining quota. For an unknown
-- caller or none (PT401), and if nothing is left (PT429), it writes nothing. Each user has one row,
-- which is reset in place for the next hour, and if its hour lies in the future.
--
-- Locks:   the caller's row of rate_limit_counters, until the end of the transaction.
-- Callers: job_gateway.

create or replace function private.count_request(p_caller private.api_caller)
returns private.api_answer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer private.api_answer;
  v_requests integer;
begin
  if p_caller.user_id is null then
    v_answer.verdict := 'PT401';
    v_answer.code := 'AUTH_INVALID_KEY';
    v_answer.message := 'the key is not valid';
    v_answer.hint := 'Use a key that is neither revoked nor expired.';
    return v_answer;
  end if;
  if p_caller.requests < p_caller.rate_limit then
    insert into private.rate_limit_counters as c (user_id, window_start, requests)
    values (p_caller.user_id, p_caller.window_start, 1)
    on conflict (user_id) do update
    set requests = case
        when c.window_start = excluded.window_start
          or c.window_start between excluded.window_start and private.clock() then c.requests + 1
        else 1
      end,
      window_start = case
        when c.window_start > excluded.window_start and c.window_start <= private.clock()
          then c.window_start
        else excluded.window_start
      end
    where c.requests < p_caller.rate_limit
      or c.window_start not between excluded.window_start and private.clock()
    returning c.requests into v_requests;
  end if;
  v_answer.verdict := 'ok';
  v_answer.user_id := p_caller.user_id;
  v_answer.rate_limit := p_caller.rate_limit;
  v_answer.rate_remaining := greatest(
    p_caller.rate_limit - coalesce(v_requests, p_caller.rate_limit), 0);
  v_answer.rate_reset := extract(epoch from p_caller.window_start + interval '1 hour')::bigint;
  if v_requests is null then
    v_answer.verdict := 'PT429';
    v_answer.code := 'RATE_LIMITED';
    v_answer.message := 'the quota of ' || p_caller.rate_limit || ' requests an hour is used up';
    v_answer.hint := 'Wait until the hour is over, or use a higher tier.';
  end if;
  return v_answer;
end;
$$;

comment on function private.count_request(private.api_caller) is
  'Counts one request against the quota, and starts the answer.';

revoke all on function private.count_request(private.api_caller)
  from public, anon, authenticated, service_role;
grant execute on function private.count_request(private.api_caller) to job_gateway;
