-- answer(p_caller, p_requests) -> api_answer
--
-- The start of every answer: the state of the caller's quota after p_requests, and the refusal that
-- follows from it, if any (PT401 unknown caller, PT429 nothing left).
--
-- Callers: job_gateway.

create or replace function private.answer(
  p_caller private.api_caller,
  p_requests integer
)
returns private.api_answer
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer private.api_answer;
begin
  if p_caller.user_id is null then
    v_answer.verdict := 'PT401';
    v_answer.code := 'AUTH_INVALID_KEY';
    v_answer.message := 'the key is not valid';
    v_answer.hint := 'Use a key that is neither revoked nor expired.';
    return v_answer;
  end if;
  v_answer.rate_limit := p_caller.rate_limit;
  v_answer.rate_remaining := greatest(
    p_caller.rate_limit - coalesce(p_requests, p_caller.rate_limit), 0);
  v_answer.rate_reset := extract(epoch from p_caller.window_start + interval '1 hour')::bigint;
  if p_requests is null then
    v_answer.verdict := 'PT429';
    v_answer.code := 'RATE_LIMITED';
    v_answer.message := 'the quota of ' || p_caller.rate_limit || ' requests an hour is used up';
    v_answer.hint := 'Wait until the hour is over, or use a higher tier.';
  else
    v_answer.verdict := 'ok';
  end if;
  return v_answer;
end;
$$;

comment on function private.answer(private.api_caller, integer) is
  'An answer with the quota filled in.';

revoke all on function private.answer(private.api_caller, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.answer(private.api_caller, integer) to job_gateway;
