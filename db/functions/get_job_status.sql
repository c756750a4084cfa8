-- get_job_status(p_job_id) -> setof index_jobs
--
-- Returns one job. A hidden job looks like a missing one.
--
-- Raises:  PT404 when the job does not exist or RLS hides it.
-- Callers: authenticated, service_role.

create or replace function public.get_job_status(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select j.* from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
end;
$$;

comment on function public.get_job_status(uuid) is 'Returns one index job that the caller may see.';

revoke all on function public.get_job_status(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_job_status(uuid) to authenticated, service_role;
