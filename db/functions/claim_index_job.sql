-- claim_index_job(p_worker_id, p_lease, p_except_tenant_ids) -> setof index_jobs
--
-- Gives the worker the next claimable job and starts its next attempt, or returns no row. Claimable
-- are pending jobs, jobs whose lease has expired, and jobs whose retry_at has passed, unless an
-- external queue runs them. Tenants take turns: one with no leased job waits for at most one claim
-- of each other tenant with a claimable job. Jobs of p_except_tenant_ids are not returned: a worker
-- with n > 1 slots passes the tenants that use n - 1 of them. The claim also fails jobs that have
-- used up their attempts, and cancels jobs whose user asked for it, when it meets them.
--
-- Why definer: only job_writer may update a job.
-- Locks:   one index_jobs row, for no key update; rows locked by others are skipped.
-- Raises:  PT422 missing_worker_id, invalid_worker_id, invalid_lease.
-- Callers: job_worker, service_role.

create or replace function public.claim_index_job(
  p_worker_id text,
  p_lease interval default interval '30 seconds',
  p_except_tenant_ids uuid[] default '{}'
)
returns setof public.index_jobs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker_id uuid := private.parse_worker_id(p_worker_id);
  v_job public.index_jobs;
  v_clock timestamptz;
  v_now timestamptz;
begin
  if p_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, created when the worker starts.';
  end if;
  perform private.check_lease(coalesce(p_lease, '-1 second'));
  perform private.see_worker(p_worker_id => v_worker_id);

  v_job := private.lock_next_job(p_except => coalesce(p_except_tenant_ids, '{}'));
  v_clock := private.clock();
  v_now := greatest(v_clock, v_job.updated_at);
  return query
  update public.index_jobs as j
  set status = 'processing',
    attempt = j.attempt + 1,
    worker_id = v_worker_id,
    progress = null,
    last_error = case when j.lease_expires_at > j.heartbeat_at then 'the worker was lost'
      else j.last_error end,
    started_at = coalesce(j.started_at, v_now),
    heartbeat_at = v_clock,
    lease_expires_at = v_clock + p_lease,
    retry_at = null,
    updated_at = v_now,
    version = j.version + 1
  where j.id = v_job.id
  returning j.*;
end;
$$;

comment on function public.claim_index_job(text, interval, uuid[]) is
  'Claims the next index job for a worker, tenants in turn.';

alter function public.claim_index_job(text, interval, uuid[]) owner to job_writer;
revoke all on function public.claim_index_job(text, interval, uuid[])
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval, uuid[])
  to job_worker, service_role;
