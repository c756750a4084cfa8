-- fail_job_attempt(p_job_id, p_attempt, p_error, p_retryable) -> setof index_jobs
--
-- Reports that the worker's attempt failed. If the error is retryable and attempts are left, the
-- job stays processing without a worker and can be claimed from retry_at on; last_error says why. A
-- retryable failure of a job that an external queue runs has no limit: the queue starts the next
-- attempt. Otherwise the job fails; if a user has asked to cancel it, it is cancelled instead of
-- retried. A repeat of the same report (a lost answer) returns the row unchanged and writes
-- nothing.
--
-- Why definer: only job_writer may update a job.
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          conflicting_repeat, not_processing; PT422 error_required, invalid_retryable.
-- Callers: job_worker, service_role.

create or replace function public.fail_job_attempt(
  p_job_id uuid,
  p_attempt integer,
  p_error text,
  p_retryable boolean default true
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := private.clean_error(p_error);
  v_job public.index_jobs;
  v_now timestamptz;
begin
  if coalesce(btrim(p_error, E' \t\r\n'), '') = '' then
    raise exception 'error is missing'
      using errcode = 'PT422', detail = 'error_required', column = 'error',
        hint = 'Pass a sentence for the user.';
  end if;
  if p_retryable is null then
    raise exception 'retryable is null'
      using errcode = 'PT422', detail = 'invalid_retryable', column = 'retryable',
        hint = 'Pass true if another attempt may succeed, otherwise false.';
  end if;

  v_job := private.lock_index_job(p_job_id);
  v_now := greatest(private.clock(), v_job.updated_at);
  if coalesce(p_attempt, 1) = v_job.attempt and v_error = v_job.last_error and (
    case v_job.status
      when 'processing' then v_job.retry_at is not null and p_retryable
      when 'cancelled' then p_retryable
      when 'failed' then v_error = v_job.error_message
    end)
  then
    return next v_job;
    return;
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status = 'failed' then
    raise exception 'the job already failed with a different error'
      using errcode = 'PT409', detail = 'conflicting_repeat', column = 'error',
        hint = 'The first result is final; read it with get_job_status.';
  end if;
  if v_job.status <> 'processing' then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  return query select j.* from private.end_attempt(v_job, v_now, v_error, p_retryable) as j;
end;
$$;

comment on function public.fail_job_attempt(uuid, integer, text, boolean) is
  'Ends a failed attempt of an index job, which is then retried or fails.';

alter function public.fail_job_attempt(uuid, integer, text, boolean) owner to job_writer;
revoke all on function public.fail_job_attempt(uuid, integer, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function public.fail_job_attempt(uuid, integer, text, boolean)
  to job_worker, service_role;
