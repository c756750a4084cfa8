-- lock_index_job(p_job_id) -> index_jobs
--
-- Locks one job until the end of the transaction and returns the locked row. Callers read the clock
-- only after the lock, so that no time is older than the row.
--
-- Locks:   the index_jobs row, for no key update.
-- Raises:  PT404 when there is no such job.
-- Callers: job_writer.

create or replace function private.lock_index_job(p_job_id uuid)
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job public.index_jobs;
begin
  select j.* into v_job from public.index_jobs as j where j.id = p_job_id for no key update;
  if not found then
    raise exception 'index job not found' using errcode = 'PT404';
  end if;
  return v_job;
end;
$$;

comment on function private.lock_index_job(uuid) is 'Locks and returns one index job.';

revoke all on function private.lock_index_job(uuid) from public, anon, authenticated, service_role;
grant execute on function private.lock_index_job(uuid) to job_writer;
