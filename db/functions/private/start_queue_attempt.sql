-- start_queue_attempt(p_job, p_now, p_queue_attempt, p_worker_id, p_lease_expires_at)
--   -> setof index_jobs
--
-- Starts the attempt for a queue's run of the job. If that run has already started, its worker
-- takes over the attempt. A previous attempt that had not ended was lost.
--
-- Callers: job_writer: with the row locked.

create or replace function private.start_queue_attempt(
  p_job public.index_jobs,
  p_now timestamptz,
  p_queue_attempt integer,
  p_worker_id uuid,
  p_lease_expires_at timestamptz
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_next boolean;
begin
  insert into private.queue_attempts as a (job_id, queue_attempt)
  values (p_job.id, p_queue_attempt)
  on conflict (job_id) do update
  set queue_attempt = excluded.queue_attempt
  where a.queue_attempt < excluded.queue_attempt;
  v_is_next := found;
  return query
  update public.index_jobs as j
  set status = 'processing',
    attempt = j.attempt + v_is_next::integer,
    worker_id = p_worker_id,
    progress = null,
    last_error = case
      when v_is_next and j.status = 'processing' and j.retry_at is null then 'the worker was lost'
      else j.last_error
    end,
    started_at = coalesce(j.started_at, p_now),
    heartbeat_at = p_now,
    lease_expires_at = p_lease_expires_at,
    retry_at = null,
    updated_at = p_now,
    version = j.version + 1
  where j.id = p_job.id
  returning j.*;
end;
$$;

comment on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz) is
  'Starts the attempt of an index job that a queue runs.';

revoke all on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.start_queue_attempt(
  public.index_jobs, timestamptz, integer, uuid, timestamptz) to job_writer;
