-- count_request(p_caller) -> integer
--
-- Counts one request of the caller and returns how many this hour has seen, or null when none was
-- left: then nothing is written. One row for each user, reset in place.
--
-- Locks:   the caller's row of rate_limit_counters, until the end of the transaction.
-- Callers: the api_* functions, as job_gateway.

create or replace function private.count_request(p_caller private.api_caller)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_requests integer;
begin
  insert into private.rate_limit_counters as c (user_id, window_start, requests)
  values (p_caller.user_id, p_caller.window_start, 1)
  on conflict (user_id) do update
  set requests = case when c.window_start < excluded.window_start then 1 else c.requests + 1 end,
    window_start = greatest(c.window_start, excluded.window_start)
  where c.window_start < excluded.window_start or c.requests < p_caller.rate_limit
  returning c.requests into v_requests;
  return v_requests;
end;
$$;

comment on function private.count_request(private.api_caller) is
  'Counts one request against the quota; null when it is used up.';

revoke all on function private.count_request(private.api_caller)
  from public, anon, authenticated, service_role;
grant execute on function private.count_request(private.api_caller) to job_gateway;
