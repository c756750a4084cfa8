-- clock() -> timestamptz
--
-- The time that every rule about time uses, read after the row lock. It is the wall clock; no
-- setting can change it.
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
  'Returns the current time; tests replace it with their own clock.';

revoke all on function private.clock() from public, anon, authenticated, service_role;
grant execute on function private.clock() to authenticated, service_role, job_writer, job_gateway;
