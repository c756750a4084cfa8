-- mirror_queue_state(p_job_id, p_state, p_queue_attempt, p_error, p_stats, p_retry_at)
--   -> job_status
--
-- Moves a job to the state of its row in the queue, and returns its status: null if no such job is
-- linked. A final status stays, whatever the queue says; the queue must then follow.
--   created    nothing happens: a job does not move backward.
--   active     the run p_queue_attempt starts, unless it has; no worker has identified itself yet.
--   retry      the run has ended with p_error, or its worker was lost; the next may start at
--              p_retry_at. A job whose user asked to cancel is cancelled.
--   completed  the job is completed with p_stats; failed if its worker had reported a failure.
--   failed     the queue gives up.
--   cancelled  the job is cancelled.
-- p_queue_attempt is null while the queue has not run the job.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Callers: none: index-jobs bridge install grants it to the owner of a bridge.

create or replace function private.mirror_queue_state(
  p_job_id uuid,
  p_state text,
  p_queue_attempt integer,
  p_error text,
  p_stats jsonb,
  p_retry_at timestamptz
)
returns public.job_status
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := nullif(private.clean_error(p_error), '');
  v_job public.index_jobs;
  v_now timestamptz;
begin
  select j.* into v_job
  from public.index_jobs as j
  where j.id = p_job_id and j.queue_job_id = p_job_id
  for no key update;
  if not found or private.is_final(v_job.status) then
    return v_job.status;
  end if;
  v_now := greatest(private.clock(), v_job.updated_at);

  if p_state in ('active', 'retry', 'completed', 'failed') and p_queue_attempt > coalesce((
    select a.queue_attempt from private.queue_attempts as a where a.job_id = v_job.id), -1)
  then
    select j.* into v_job
    from private.start_queue_attempt(v_job, v_now, p_queue_attempt, null, null) as j;
  end if;

  if p_state = 'retry' and v_job.status = 'processing' and v_job.retry_at is null then
    select j.* into v_job
    from private.end_attempt(v_job, v_now, v_error, true, p_retry_at) as j;
  elsif p_state = 'completed' and v_job.status = 'processing' and v_job.retry_at is null then
    select j.* into v_job
    from public.update_job_status(
      p_job_id => p_job_id, p_status => 'completed', p_attempt => v_job.attempt,
      p_metadata => case
        when jsonb_typeof(p_stats) = 'object' and octet_length(p_stats::text) <= 16384
          then jsonb_build_object('stats', p_stats)
        else '{}'
      end) as j;
  elsif p_state in ('completed', 'failed') then
    select j.* into v_job
    from private.end_attempt(
      v_job, v_now,
      coalesce(v_error, v_job.last_error, case v_job.status
        when 'pending' then 'the queue ended the job without running it' end),
      false) as j;
  elsif p_state = 'cancelled' then
    v_job.cancel_requested_at := v_now;
    select j.* into v_job from private.end_attempt(v_job, v_now, null, true) as j;
  end if;
  return v_job.status;
end;
$$;

comment on function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz) is
  'Moves an index job to the state of its row in the queue.';

alter function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz)
  owner to job_writer;
revoke all on function private.mirror_queue_state(uuid, text, integer, text, jsonb, timestamptz)
  from public, anon, authenticated, service_role;
