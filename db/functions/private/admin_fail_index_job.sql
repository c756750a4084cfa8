-- admin_fail_index_job(p_job_id) -> setof index_jobs
--
-- Fails a job permanently for support. Later calls of its worker or queue are refused. Its tenant
-- sees that support ended it; the reason is only in the audit.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 invalid_transition when it has ended.
-- Callers: job_gateway: api_admin_change_index_job.

create or replace function private.admin_fail_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
begin
  if private.is_final(v_job.status) then
    raise exception 'the job is already %', v_job.status
      using errcode = 'PT409', detail = 'invalid_transition', column = 'job_id',
        hint = 'A final status never changes.';
  end if;
  return query
  select j.*
  from private.end_attempt(
    v_job, greatest(private.clock(), v_job.updated_at), 'support ended the job', false) as j;
end;
$$;

comment on function private.admin_fail_index_job(uuid) is 'Fails an index job for support.';

alter function private.admin_fail_index_job(uuid) owner to job_writer;
revoke all on function private.admin_fail_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_fail_index_job(uuid) to job_gateway;
