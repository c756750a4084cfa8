-- broadcast_index_job() -> trigger
--
-- Tells Supabase Realtime that the job has changed, for those who follow the private topic
-- 'index_jobs:' || tenant_id: an event index_job with {job_id, version, status, attempt, progress}.
-- It is a hint: what a job is, its readers ask get_job_status. A change of progress alone is told
-- once in each second of the clock. Where there is no Realtime it does nothing; where Realtime
-- fails or refuses, the change of the job stands all the same.
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
  if to_regnamespace('realtime') is null then
    return null;
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
  'Tells Supabase Realtime of a change to an index job.';

revoke all on function private.broadcast_index_job() from public, anon, authenticated, service_role;

create or replace trigger index_jobs_broadcast_creation
  after insert on public.index_jobs
  for each row execute function private.broadcast_index_job();
create or replace trigger index_jobs_broadcast_change
  after update on public.index_jobs
  for each row
  when (old.version <> new.version
    and (old.progress is not distinct from new.progress
      or old.status <> new.status
      or old.attempt <> new.attempt
      or old.retry_at is distinct from new.retry_at
      or old.cancel_requested_at is distinct from new.cancel_requested_at
      or date_trunc('second', old.updated_at) <> date_trunc('second', new.updated_at)))
  execute function private.broadcast_index_job();
