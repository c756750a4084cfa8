-- end_attempt(p_job, p_now, p_error, p_retryable, p_retry_at) -> setof index_jobs
--
-- Ends the current attempt without a result. If another attempt is allowed, the job waits for it
-- (retry_at is set, the lease is released); if a user has asked to cancel, the job is cancelled;
-- otherwise it fails. p_error is the reason, null if the worker was lost. An external queue decides
-- itself how often it tries, and passes in p_retry_at when it will.
--
-- Callers: job_writer: with the row locked.

create or replace function private.end_attempt(
  p_job public.index_jobs,
  p_now timestamptz,
  p_error text,
  p_retryable boolean,
  p_retry_at timestamptz default null
)
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status public.job_status := case
    when not p_retryable then 'failed'
    when p_job.cancel_requested_at is not null then 'cancelled'
    when p_job.attempt >= p_job.max_attempts and p_job.queue_job_id is null then 'failed'
    else 'processing'
  end;
begin
  return query
  update public.index_jobs as j
  set status = v_status,
    last_error = coalesce(
      p_error, case when v_status = 'cancelled' then j.last_error else 'the worker was lost' end),
    error_message = case
      when v_status <> 'failed' then null
      when p_error is null and p_retryable
        then 'the worker was lost and all ' || j.max_attempts || ' attempts are used up'
      else coalesce(p_error, 'the worker was lost')
    end,
    completed_at = case when private.is_final(v_status) then p_now end,
    lease_expires_at = null,
    retry_at = case
      when v_status = 'processing' then greatest(
        coalesce(p_retry_at, p_now + private.retry_delay(p_attempt => j.attempt)),
        p_now + interval '1 microsecond') -- exactly p_now would mean handed back
    end,
    updated_at = p_now,
    version = j.version + 1
  where j.id = p_job.id
  returning j.*;
end;
$$;

comment on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz) is
  'Ends an attempt: the job waits for the next one, fails or is cancelled.';

revoke all on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.end_attempt(
  public.index_jobs, timestamptz, text, boolean, timestamptz)
  to job_writer;
