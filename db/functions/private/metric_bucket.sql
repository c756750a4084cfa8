-- metric_bucket(p_time) -> double precision
--
-- The smallest histogram bound that is at least the interval, in seconds, or infinity. Strict,
-- because most events have no interval and then no call is made.
--
-- Callers: job_writer.

create or replace function private.metric_bucket(p_time interval)
returns double precision
language plpgsql
immutable
strict
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_time <= interval '1 second' then 1
    when p_time <= interval '2 seconds' then 2
    when p_time <= interval '5 seconds' then 5
    when p_time <= interval '10 seconds' then 10
    when p_time <= interval '30 seconds' then 30
    when p_time <= interval '60 seconds' then 60
    when p_time <= interval '120 seconds' then 120
    when p_time <= interval '300 seconds' then 300
    when p_time <= interval '600 seconds' then 600
    when p_time <= interval '1800 seconds' then 1800
    when p_time <= interval '3600 seconds' then 3600
    else double precision 'Infinity'
  end;
end;
$$;

comment on function private.metric_bucket(interval) is
  'Returns the histogram bucket of an interval.';

revoke all on function private.metric_bucket(interval)
  from public, anon, authenticated, service_role;
grant execute on function private.metric_bucket(interval) to job_writer;
