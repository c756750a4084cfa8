-- lock_next_job(p_except) -> index_jobs
--
-- Locks and returns the next job to start, or null: from the tenant whose turn it is, first a job
-- whose lease has expired, then one whose retry_at has passed, then the oldest pending one. A job
-- that has used up its attempts fails on the way, and one whose user asked to cancel is cancelled.
-- Jobs of the tenants in p_except are skipped.
--
-- docs/performance.md, Order of claims, explains the sequences, the advisory lock and the checks
-- of leases.
--
-- Locks:   one index_jobs row, for no key update, and those of the jobs that are ended; rows locked
--          by others are skipped.
-- Callers: job_writer: claim_index_job.

create or replace function private.lock_next_job(p_except uuid[])
returns public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_second bigint := floor(extract(epoch from v_now));
  v_is_unchecked boolean;
  v_lapsed uuid[] := '{}';
  v_due uuid[];
  v_tried uuid[] := p_except;
  v_met boolean := false;
  v_is_second boolean := false;
  v_tenant_id uuid;
  v_job public.index_jobs;
begin
  select
    c.last_value <> v_second,
    array(
      select j.tenant_id
      from public.index_jobs as j
      where j.retry_at <= v_now and j.queue_job_id is null
      order by j.retry_at, j.tenant_id
      limit 100)
  into v_is_unchecked, v_due
  from private.claim_lease_check as c;
  if v_is_unchecked then
    v_lapsed := array(
      select distinct on (j.tenant_id) j.tenant_id
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.lease_expires_at <= v_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id);
    if v_lapsed = '{}' then
      perform setval('private.claim_lease_check', v_second);
    end if;
  end if;

  loop
    select t.tenant_id into v_tenant_id
    from private.order_waiting_tenants(
      v_now, v_lapsed || v_due, cardinality(v_due) = 100, v_tried) as t
    limit 1;
    if not found then
      exit when v_is_second or not v_met;
      v_is_second := true;
      v_tried := p_except;
      continue;
    end if;
    v_tried := v_tried || v_tenant_id;
    if not v_is_second
      and not pg_try_advisory_xact_lock(hashtextextended('claim ' || v_tenant_id, 0))
    then
      v_met := true;
      continue;
    end if;
    perform
      setval('private.claim_cursor_high', ('x' || left(t.hex, 16))::bit(64)::bigint),
      setval('private.claim_cursor_low', ('x' || right(t.hex, 16))::bit(64)::bigint)
    from (select replace(v_tenant_id::text, '-', '')) as t (hex);
    loop
      v_job := null;
      if v_tenant_id = any (v_lapsed) then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
          and j.lease_expires_at <= v_now
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked;
      end if;
      if v_job.id is null and (v_tenant_id = any (v_due) or cardinality(v_due) = 100) then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'processing' and j.retry_at <= v_now and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1
        for no key update skip locked;
      end if;
      if v_job.id is null then
        select j.* into v_job
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and j.tenant_id >= v_tenant_id and j.tenant_id <= v_tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 1
        for no key update skip locked;
      end if;
      exit when v_job.id is null;
      if v_job.cancel_requested_at is null and v_job.attempt < v_job.max_attempts then
        return v_job;
      end if;
      perform
      from private.end_attempt(v_job, greatest(private.clock(), v_job.updated_at), null, true);
    end loop;
  end loop;
  return null;
end;
$$;

comment on function private.lock_next_job(uuid[]) is
  'Locks the next index job to start, tenants in turn.';

revoke all on function private.lock_next_job(uuid[]) from public, anon, authenticated, service_role;
grant execute on function private.lock_next_job(uuid[]) to job_writer;
