-- begin_queue_attempt(p_job_id, p_queue_job_id, p_queue_attempt, p_worker_id, p_lease)
--   -> setof index_jobs
--
-- Starts the attempt of a job that an external queue runs, and returns the job; the worker passes
-- its attempt in all later calls. p_queue_attempt is the queue's own count of its runs (retryCount
-- in pg-boss). A higher number than before ends the current attempt and starts the next, without a
-- limit: max_attempts does not apply. The same number again, by the same worker, returns the row
-- unchanged. No row means that the user had asked to cancel the job, which is now cancelled. If the
-- job is not linked yet, it is linked to p_queue_job_id.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt (a later run has begun, or this
--          one has ended), already_processing, not_processing and those of link_queue_job; PT422
--          missing_worker_id, invalid_worker_id, invalid_queue_attempt, invalid_lease,
--          missing_queue_job_id.
-- Callers: job_worker, service_role.

create or replace function public.begin_queue_attempt(
  p_job_id uuid,
  p_queue_job_id uuid,
  p_queue_attempt integer,
  p_worker_id text,
  p_lease interval default interval '30 seconds'
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_job public.index_jobs;
  v_last integer;
  v_now timestamptz;
begin
  if p_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  if coalesce(p_queue_attempt, -1) < 0 then
    raise exception 'queue_attempt must be 0 or more'
      using errcode = 'PT422', detail = 'invalid_queue_attempt', column = 'queue_attempt',
        hint = 'Pass how many times the queue has run the job before, such as retryCount.';
  end if;
  perform private.check_lease(coalesce(p_lease, '-1 second'));

  select j.* into v_job
  from public.link_queue_job(p_job_id => p_job_id, p_queue_job_id => p_queue_job_id) as j;
  v_now := greatest(private.clock(), v_job.updated_at);
  if private.is_final(v_job.status) then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;
  select a.queue_attempt into v_last
  from private.queue_attempts as a
  where a.job_id = v_job.id;
  if p_queue_attempt < v_last or p_queue_attempt = v_last and v_job.retry_at is not null then
    raise exception 'run % of the queue is over', p_queue_attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'queue_attempt',
        hint = 'Stop working on the job: the queue runs it again, or another worker has it.';
  end if;
  if p_queue_attempt = v_last and v_job.worker_id = v_worker_id then
    return next v_job;
    return;
  end if;
  if p_queue_attempt = v_last and v_job.worker_id is not null then
    raise exception 'another worker has started the job'
      using errcode = 'PT409', detail = 'already_processing', column = 'worker_id',
        hint = 'Stop working on the job.';
  end if;
  if v_job.cancel_requested_at is not null then
    perform from private.end_attempt(v_job, v_now, null, true);
    return;
  end if;
  return query
  select j.*
  from private.start_queue_attempt(
    v_job, v_now, p_queue_attempt, v_worker_id, v_now + p_lease) as j;
end;
$$;

comment on function public.begin_queue_attempt(uuid, uuid, integer, text, interval) is
  'Starts the attempt of an index job that an external queue runs.';

alter function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  owner to job_writer;
revoke all on function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.begin_queue_attempt(uuid, uuid, integer, text, interval)
  to job_worker, service_role;
