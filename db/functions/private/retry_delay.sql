-- retry_delay(p_attempt) -> interval
--
-- How long to wait after a failed attempt: 5 seconds after the first, doubling up to 10 minutes,
-- with up to 50 % random jitter, so that jobs which fail together are not retried together.
--
-- Callers: job_writer.

create or replace function private.retry_delay(p_attempt integer)
returns interval
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select least(interval '5 seconds' * power(2, least(p_attempt, 30) - 1), interval '10 minutes')
    * (0.5 + random() / 2);
$$;

comment on function private.retry_delay(integer) is
  'The wait before the next attempt: exponential, capped, with jitter.';

revoke all on function private.retry_delay(integer) from public, anon, authenticated, service_role;
grant execute on function private.retry_delay(integer) to job_writer;
