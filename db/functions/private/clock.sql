-- clock() -> timestamptz
--
-- The time that every rule about time reads, always after the row lock. It is the wall clock and
-- heeds no setting, so that nobody can shift it.
--
-- Callers: authenticated, job_gateway, job_writer, service_role.

create or replace function private.clock()
returns timestamptz
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select clock_timestamp();
$$;

comment on function private.clock() is
  'The current time; tests replace it by a clock of their own.';

revoke all on function private.clock() from public, anon, authenticated, service_role;
grant execute on function private.clock() to authenticated, service_role, job_writer, job_gateway;
