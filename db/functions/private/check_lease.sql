-- check_lease(p_lease) -> void
--
-- Months and years are always refused: Postgres compares them as 30 and 360 days, but adds them as
-- calendar months and years.
--
-- Raises:  PT422 invalid_lease when the lease is negative or longer than a day.
-- Callers: job_writer.

create or replace function private.check_lease(p_lease interval)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lease < interval '0' or p_lease > interval '1 day'
    or extract(year from p_lease) <> 0 or extract(month from p_lease) <> 0
    or extract(day from p_lease) not in (0, 1)
  then
    raise exception 'lease is not between 0 and one day'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
end;
$$;

comment on function private.check_lease(interval) is
  'Refuses a lease that is negative or too long.';

revoke all on function private.check_lease(interval) from public, anon, authenticated, service_role;
grant execute on function private.check_lease(interval) to job_writer;
