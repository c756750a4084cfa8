-- retry_delay(p_attempt) -> interval
--
-- How long to wait after a failed attempt: 5 seconds after the first, twice as long after each
-- further one, at most 10 minutes; of that between half and all, by chance, so that jobs which
-- failed together do not come back together.
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
