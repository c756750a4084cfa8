-- broadcast_index_job() -> trigger
--
-- Sends a change of a job to Supabase Realtime, on the private topic 'index_jobs:' || tenant_id: an
-- event index_job with {job_id, version, status, attempt, progress}. It is a hint; readers call
-- get_job_status for the job itself. Progress alone is sent at most once per clock second. Without
-- Realtime it does nothing; if Realtime fails or refuses, the job is changed all the same.
--
-- Why definer: it belongs to the role that migrates, which may write realtime.messages on Supabase;
-- job_writer cannot be given that there.
-- Callers: none: the triggers on index_jobs.

create or replace function private.broadcast_index_job()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if old.version = new.version
      or old.progress is distinct from new.progress
        and old.status = new.status
        and old.attempt = new.attempt
        and old.retry_at is not distinct from new.retry_at
        and old.cancel_requested_at is not distinct from new.cancel_requested_at
        and date_trunc('second', old.updated_at) = date_trunc('second', new.updated_at)
    then
      return null;
    end if;
  end if;
  begin
    if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
      perform realtime.send(
        jsonb_build_object(
          'job_id', new.id,
          'version', new.version,
          'status', new.status,
          'attempt', new.attempt,
          'progress', new.progress),
        'index_job',
        'index_jobs:' || new.tenant_id,
        true);
    end if;
  exception when others or assert_failure then
    raise warning 'a change of job % was not broadcast: %', new.id, sqlerrm;
  end;
  return null;
end;
$$;

comment on function private.broadcast_index_job() is
  'Sends a change of an index job to Supabase Realtime.';

revoke all on function private.broadcast_index_job() from public, anon, authenticated, service_role;

-- Postgres parses the condition of a trigger in each statement, so a long one is in the function
create or replace trigger index_jobs_broadcast_creation
  after insert on public.index_jobs
  for each row
  when (to_regnamespace('realtime') is not null)
  execute function private.broadcast_index_job();
create or replace trigger index_jobs_broadcast_change
  after update on public.index_jobs
  for each row
  when (to_regnamespace('realtime') is not null)
  execute function private.broadcast_index_job();
