-- oldest_claimable() -> timestamptz
--
-- When the longest-waiting claimable job became claimable: its creation if it is pending, otherwise
-- its retry_at or the end of its lease. Null if there are none. Jobs that wait for a retry or
-- belong to an external queue do not count. It probes an index per waiting tenant, for at most
-- 10,000 tenants.
--
-- Callers: job_writer: job_gauges.

create or replace function private.oldest_claimable()
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_pending timestamptz;
begin
  with recursive first (tenant_id, created_at, place) as (
    select f.tenant_id, f.created_at, 1
    from (
      select j.tenant_id, j.created_at
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by j.tenant_id, j.created_at, j.id
      limit 1) as f
    union all
    select n.tenant_id, n.created_at, f.place + 1
    from first as f
    cross join lateral (
      select j.tenant_id, j.created_at
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > f.tenant_id
      order by j.tenant_id, j.created_at, j.id
      limit 1) as n
    where f.place < 10000
  )
  select min(f.created_at) into v_pending from first as f;
  return least(
    v_pending,
    (select j.retry_at
    from public.index_jobs as j
    where j.retry_at <= v_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit 1),
    (select min(j.lease_expires_at)
    from public.index_jobs as j
    where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
      and j.lease_expires_at <= v_now));
end;
$$;

comment on function private.oldest_claimable() is
  'Returns when the longest-waiting claimable job became claimable.';

revoke all on function private.oldest_claimable() from public, anon, authenticated, service_role;
grant execute on function private.oldest_claimable() to job_writer;
