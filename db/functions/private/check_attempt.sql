-- check_attempt(p_job, p_attempt) -> void
--
-- Refuses a worker that has lost its job to another one and passes an old attempt, and one whose
-- attempt was ended. From the second attempt on, a worker must pass its attempt.
--
-- Raises:  PT409 stale_attempt, attempt_required.
-- Callers: job_writer: with the row locked.

create or replace function private.check_attempt(p_job public.index_jobs, p_attempt integer)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_attempt is not null and p_attempt <> p_job.attempt then
    raise exception 'attempt % is not the current one', p_attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Another worker has the job now: stop working on it.';
  end if;
  if p_job.retry_at is not null then
    raise exception 'attempt % has ended, and the next one has not begun', p_job.attempt
      using errcode = 'PT409', detail = 'stale_attempt', column = 'attempt',
        hint = 'Stop working on the job: claim_index_job begins the next attempt.';
  end if;
  if p_attempt is null and p_job.attempt > 1 then
    raise exception 'the job was started more than once, so attempt is required'
      using errcode = 'PT409', detail = 'attempt_required', column = 'attempt',
        hint = 'Pass the attempt that the claim returned as p_attempt.';
  end if;
end;
$$;

comment on function private.check_attempt(public.index_jobs, integer) is
  'Refuses a worker that does not hold the current attempt.';

revoke all on function private.check_attempt(public.index_jobs, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.check_attempt(public.index_jobs, integer) to job_writer;
