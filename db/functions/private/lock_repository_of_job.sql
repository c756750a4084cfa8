-- lock_repository_of_job(p_job_id, p_attempt) -> index_jobs
--
-- Locks the repository of a job until the end of the transaction, so that only one job at a time
-- changes its rows, and returns the job as it is then. From here on Postgres ends the transaction
-- if its client is silent for as long as the job's lease (at least 5 seconds; one minute without a
-- lease), or 25 seconds after the client's machine has gone.
--
-- Locks:   the repositories row, for no key update.
-- Raises:  PT404 when the job does not exist; PT409 stale_attempt, attempt_required,
--          not_processing unless the job is processing or completed.
-- Callers: job_writer: store_index_rows, complete_index.

create or replace function private.lock_repository_of_job(p_job_id uuid, p_attempt integer)
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
  v_silence interval;
begin
  perform
  from public.repositories as r
  join public.index_jobs as j on j.repository_id = r.id
  where j.id = p_job_id
  for no key update of r;
  -- a separate statement, which sees what was committed while the first one waited
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  perform private.check_attempt(v_job, p_attempt);
  if v_job.status not in ('processing', 'completed') then
    raise exception 'the job is %', v_job.status
      using errcode = 'PT409', detail = 'not_processing', column = 'job_id',
        hint = 'Stop working on the job.';
  end if;

  v_silence := greatest(
    interval '5 seconds',
    coalesce(v_job.lease_expires_at - v_job.heartbeat_at, interval '1 minute'));
  perform
    set_config('idle_in_transaction_session_timeout',
      (1000 * extract(epoch from v_silence))::bigint::text, true),
    set_config('tcp_keepalives_idle', '10', true),
    set_config('tcp_keepalives_interval', '5', true),
    set_config('tcp_keepalives_count', '3', true);
  return v_job;
end;
$$;

comment on function private.lock_repository_of_job(uuid, integer) is
  'Locks the repository of a job, and limits how long its worker may be silent.';

revoke all on function private.lock_repository_of_job(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.lock_repository_of_job(uuid, integer) to job_writer;
