-- admin_release_index_job(p_job_id) -> setof index_jobs
--
-- Takes a job from its worker by ending the lease: the next claim takes it immediately. As when a
-- worker hands a job back, the job gets one more attempt, and late reports are refused.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 no_lease when no worker of ours has it.
-- Callers: job_gateway: api_admin_change_index_job.

create or replace function private.admin_release_index_job(p_job_id uuid)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs := private.lock_index_job(p_job_id);
  v_now timestamptz := greatest(private.clock(), v_job.updated_at);
begin
  if v_job.queue_job_id is not null then
    raise exception 'the queue manages the attempts of the job'
      using errcode = 'PT409', detail = 'no_lease', column = 'job_id',
        hint = 'Retry it in the queue, or fail it here.';
  end if;
  if v_job.status <> 'processing' or v_job.retry_at is not null then
    raise exception 'no worker has the job'
      using errcode = 'PT409', detail = 'no_lease', column = 'job_id',
        hint = 'Explain the job to see what it waits for.';
  end if;
  return query
  update public.index_jobs as j
  set lease_expires_at = null,
    retry_at = v_now,
    max_attempts = least(j.max_attempts + 1, 100),
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function private.admin_release_index_job(uuid) is
  'Takes an index job from its worker, for support.';

alter function private.admin_release_index_job(uuid) owner to job_writer;
revoke all on function private.admin_release_index_job(uuid)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_release_index_job(uuid) to job_gateway;
