-- count_deleted_jobs() -> trigger
--
-- Subtracts deleted jobs from the number of jobs in the metrics. No counter goes down.
--
-- Why definer: deleting a user or a repository deletes its jobs, and the caller may not write
-- metrics.
-- Callers: none: the trigger on index_jobs.

create or replace function private.count_deleted_jobs()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into private.job_metric_log (at, from_status)
  select private.clock(), d.status from deleted as d;
  return null;
end;
$$;

comment on function private.count_deleted_jobs() is 'Logs for metrics that jobs were deleted.';

alter function private.count_deleted_jobs() owner to job_writer;
revoke all on function private.count_deleted_jobs() from public, anon, authenticated, service_role;

create or replace trigger index_jobs_count_deletion
  after delete on public.index_jobs
  referencing old table as deleted
  for each statement execute function private.count_deleted_jobs();
