-- retry_or_fail_stuck_jobs(p_older_than, p_limit) -> table (retried, failed, cancelled)
--
-- Ends the attempts of workers that are gone, at most p_limit: those whose lease ran out, and
-- those without a lease that gave no sign of life for p_older_than. Such a job waits for its next
-- attempt or is failed. Whether a worker of an external queue is gone, the queue decides: its jobs
-- are left alone. A job whose user asked to cancel one minute ago or longer is cancelled, whatever
-- its worker or queue does. Safe to call at any time, from many places at once: what was handled is
-- not stuck. Rows of an index that a worker has sent and will not store are deleted, workers last
-- seen an hour ago are forgotten, and what was logged for metrics is counted. What was counted from
-- a time that the clock has not reached is counted from now on.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   index_jobs rows, for no key update, by id; rows locked by others are passed over.
-- Raises:  PT422 invalid_older_than, invalid_limit.
-- Callers: job_worker, service_role.

create or replace function public.retry_or_fail_stuck_jobs(
  p_older_than interval default interval '1 hour',
  p_limit integer default 100
)
returns table (retried integer, failed integer, cancelled integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked uuid[];
  v_job public.index_jobs;
  v_now timestamptz;
  v_status public.job_status;
begin
  perform private.check_batch(p_older_than, p_limit);
  perform private.delete_orphaned_rows();
  perform private.forget_future();
  retried := 0;
  failed := 0;
  cancelled := 0;
  v_locked := array(
    select j.id
    from public.index_jobs as j
    where j.id = any (array(
      select s.job_id
      from private.stuck_jobs(p_older_than, true) as s
      join public.index_jobs as q on q.id = s.job_id
      where s.kind = 'cancel_overdue'
        or s.kind <> 'retry_overdue' and q.queue_job_id is null))
    order by j.id
    limit p_limit
    for no key update skip locked);
  -- by a statement of its own, which sees what became of the jobs before they were locked
  for v_job in
    select j.*
    from private.stuck_jobs(p_older_than, true) as s
    join public.index_jobs as j on j.id = s.job_id
    where j.id = any (v_locked)
      and s.kind <> 'retry_overdue'
    order by j.id
  loop
    v_now := greatest(private.clock(), v_job.updated_at);
    select e.status into v_status from private.end_attempt(v_job, v_now, null, true) as e;
    retried := retried + (v_status = 'processing')::integer;
    failed := failed + (v_status = 'failed')::integer;
    cancelled := cancelled + (v_status = 'cancelled')::integer;
  end loop;
  delete from private.runners as r
  where r.worker_id in (
    select s.worker_id
    from private.runners as s
    where s.seen_at < private.clock() - interval '1 hour'
    for update skip locked);
  perform private.fold_job_metrics();
  return next;
end;
$$;

comment on function public.retry_or_fail_stuck_jobs(interval, integer) is
  'Ends the attempts of index jobs whose worker is gone; says how many.';

alter function public.retry_or_fail_stuck_jobs(interval, integer) owner to job_writer;
revoke all on function public.retry_or_fail_stuck_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.retry_or_fail_stuck_jobs(interval, integer)
  to job_worker, service_role;
