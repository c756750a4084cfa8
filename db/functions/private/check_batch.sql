-- check_batch(p_older_than, p_limit) -> void
--
-- Raises:  PT422 invalid_older_than unless the age is 0 to 1000 years; invalid_limit unless it is 1
--          to 10000.
-- Callers: job_writer.

create or replace function private.check_batch(p_older_than interval, p_limit integer)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_older_than is null or p_older_than not between interval '0' and interval '1000 years' then
    raise exception 'older_than is not between 0 and 1000 years'
      using errcode = 'PT422', detail = 'invalid_older_than', column = 'older_than',
        hint = 'Pass an interval such as 30 days.';
  end if;
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'limit is not between 1 and 10000'
      using errcode = 'PT422', detail = 'invalid_limit', column = 'limit',
        hint = 'Call again until nothing is left.';
  end if;
end;
$$;

comment on function private.check_batch(interval, integer) is
  'Refuses an age or a batch size that is not allowed.';

revoke all on function private.check_batch(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_batch(interval, integer) to job_writer;
