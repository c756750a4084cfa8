-- is_final(p_status) -> boolean
--
-- Whether no transition leaves the status.
--
-- Callers: authenticated, job_gateway, job_writer, service_role.

create or replace function private.is_final(p_status public.job_status)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select p_status in ('completed', 'failed', 'cancelled');
$$;

comment on function private.is_final(public.job_status) is 'Whether the status is final.';

revoke all on function private.is_final(public.job_status)
  from public, anon, authenticated, service_role;
grant execute on function private.is_final(public.job_status)
  to authenticated, service_role, job_writer, job_gateway;
