-- purge_finished_jobs(p_older_than, p_limit) -> table (purged)
--
-- Deletes jobs that ended at least p_older_than ago, with their events and idempotency keys, oldest
-- first, at most p_limit; repeat the call until it returns 0. The indexed files and symbols stay,
-- and so do the counts of the metrics.
--
-- Why definer: only job_writer may delete a job.
-- Locks:   index_jobs rows, for update; rows locked by others are skipped.
-- Raises:  PT422 invalid_older_than, invalid_limit.
-- Callers: job_worker, service_role.

create or replace function public.purge_finished_jobs(
  p_older_than interval default interval '90 days',
  p_limit integer default 1000
)
returns table (purged integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
begin
  perform private.check_batch(p_older_than, p_limit);
  v_ids := array(
    select j.id
    from public.index_jobs as j
    where j.completed_at <= private.clock() - p_older_than
    order by j.completed_at
    limit p_limit
    for update skip locked);
  delete from public.index_jobs as j where j.id = any (v_ids);
  return query select cardinality(v_ids);
end;
$$;

comment on function public.purge_finished_jobs(interval, integer) is
  'Deletes a batch of index jobs that ended long ago, and returns how many.';

alter function public.purge_finished_jobs(interval, integer) owner to job_writer;
revoke all on function public.purge_finished_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.purge_finished_jobs(interval, integer) to job_worker, service_role;
