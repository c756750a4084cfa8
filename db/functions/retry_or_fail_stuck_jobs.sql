-- retry_or_fail_stuck_jobs(p_older_than, p_limit) -> table (retried, failed, cancelled)
--
-- Ends the attempts of lost workers, at most p_limit: those whose lease has expired, and those
-- without a lease or heartbeat for p_older_than. Such a job waits for its next attempt, or fails.
-- Jobs of an external queue are ignored, because the queue decides when a worker is lost. A job
-- whose user asked to cancel at least one minute ago is cancelled, whatever its worker or queue
-- does. It is safe to call at any time, also concurrently.
--
-- It also deletes staged rows that no transaction will store, forgets workers not seen for an hour,
-- folds logged metrics, and corrects times that lie in the future (private.forget_future).
--
-- Why definer: only job_writer may update a job.
-- Locks:   index_jobs rows, for no key update, by id; rows locked by others are skipped.
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
  -- a separate statement, which sees changes made to the jobs before they were locked
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
  'Ends the attempts of index jobs whose worker is lost, and returns how many.';

alter function public.retry_or_fail_stuck_jobs(interval, integer) owner to job_writer;
revoke all on function public.retry_or_fail_stuck_jobs(interval, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.retry_or_fail_stuck_jobs(interval, integer)
  to job_worker, service_role;
