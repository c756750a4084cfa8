-- api_admin_get_job_status(p_job_id, p_actor, p_reason) -> setof index_jobs
--
-- Any tenant's job, for support, or no row; the look is written to the audit either way.
--
-- Why definer: it sees past RLS, and nobody else may write the audit.
-- Callers: job_gateway: api_admin_get_job_status.

create or replace function private.api_admin_get_job_status(
  p_job_id uuid,
  p_actor text,
  p_reason text
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into private.admin_audit (at, actor, action, job_id, reason)
  values (private.clock(), p_actor, 'get_job_status', p_job_id, p_reason);
  return query select j.* from public.index_jobs as j where j.id = p_job_id;
end;
$$;

comment on function private.api_admin_get_job_status(uuid, text, text) is
  'Reads any job for support, and writes the audit.';

alter function private.api_admin_get_job_status(uuid, text, text) owner to job_writer;
revoke all on function private.api_admin_get_job_status(uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.api_admin_get_job_status(uuid, text, text) to job_gateway;
