-- read_any_job(p_job_id) -> setof index_jobs
--
-- Returns any tenant's job, or no row.
--
-- Why definer: it reads rows that RLS would hide.
-- Callers: job_gateway: api_admin_get_job_status.

create or replace function private.read_any_job(p_job_id uuid)
returns setof public.index_jobs
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select j.* from public.index_jobs as j where j.id = p_job_id;
$$;

comment on function private.read_any_job(uuid) is 'Reads any index job, for support.';

alter function private.read_any_job(uuid) owner to job_writer;
revoke all on function private.read_any_job(uuid) from public, anon, authenticated, service_role;
grant execute on function private.read_any_job(uuid) to job_gateway;
