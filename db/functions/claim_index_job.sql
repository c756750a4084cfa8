-- claim_index_job(p_worker_id, p_lease) -> setof index_jobs
--
-- Gives the worker a job that is free, as its next attempt, or no row: a pending one, or one whose
-- worker let the lease run out or whose retry_at has come. Tenants take turns: the one with the
-- fewest jobs under a lease comes first, then the oldest job. Jobs that an external queue runs are
-- left to it. A job that has used up its attempts is failed on the way, one whose user asked to
-- cancel is cancelled.
--
-- Why definer: nobody but job_writer may update a job.
-- Locks:   one index_jobs row, for no key update; rows locked by others are passed over.
-- Raises:  PT422 missing_worker_id, invalid_lease.
-- Callers: job_worker, service_role.

create or replace function public.claim_index_job(
  p_worker_id text,
  p_lease interval default interval '30 seconds'
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
  v_now timestamptz;
begin
  if p_worker_id is null then
    raise exception 'worker_id is missing'
      using errcode = 'PT422', detail = 'missing_worker_id', column = 'worker_id',
        hint = 'Pass a random UUID, made when the worker starts.';
  end if;
  if p_lease is null then
    raise exception 'lease is missing'
      using errcode = 'PT422', detail = 'invalid_lease', column = 'lease',
        hint = 'Pass an interval such as 30 seconds.';
  end if;
  perform private.check_lease(p_lease);
  perform private.see_worker(p_worker_id => v_worker_id);

  loop
    select j.* into v_job from private.lock_free_job() as j;
    exit when not found;

    v_now := greatest(private.clock(), v_job.updated_at);
    if v_job.cancel_requested_at is not null or v_job.attempt >= v_job.max_attempts then
      perform from private.end_attempt(v_job, v_now, null, true);
    else
      return query
      update public.index_jobs as j
      set status = 'processing',
        attempt = j.attempt + 1,
        worker_id = v_worker_id,
        progress = null,
        last_error = case when j.lease_expires_at > j.heartbeat_at then 'the worker was lost'
          else j.last_error end,
        started_at = coalesce(j.started_at, v_now),
        heartbeat_at = v_now,
        lease_expires_at = v_now + p_lease,
        retry_at = null,
        updated_at = v_now,
        version = j.version + 1
      where j.id = v_job.id
      returning j.*;
      exit;
    end if;
  end loop;
end;
$$;

comment on function public.claim_index_job(text, interval) is
  'Claims the oldest free index job for a worker, tenants in turn.';

alter function public.claim_index_job(text, interval) owner to job_writer;
revoke all on function public.claim_index_job(text, interval)
  from public, anon, authenticated, service_role;
grant execute on function public.claim_index_job(text, interval) to job_worker, service_role;
