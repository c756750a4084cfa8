-- cancel_index_job(p_job_id) -> setof index_jobs
--
-- Cancels a job immediately if no worker has it. Otherwise the worker learns of the request with
-- its next heartbeat; if it does not react, the job is cancelled one minute after the request. A
-- repeated call returns the row unchanged.
--
-- Raises:  PT404 when the job is missing or hidden; PT403 not_allowed for a member who neither made
--          the job nor is owner or admin; PT409 invalid_transition when it is completed or failed.
-- Callers: authenticated.

create or replace function public.cancel_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  perform private.cancel_index_job(p_job_id => p_job_id);
  return query select j.* from public.get_job_status(p_job_id => p_job_id) as j;
end;
$$;

comment on function public.cancel_index_job(uuid) is 'Cancels an index job, or asks its worker to.';

revoke all on function public.cancel_index_job(uuid) from public, anon, authenticated, service_role;
grant execute on function public.cancel_index_job(uuid) to authenticated;
