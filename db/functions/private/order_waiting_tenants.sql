-- order_waiting_tenants(p_now, p_ready, p_is_more_due, p_except, p_window, p_past_idle)
--   -> table (tenant_id, held)
--
-- The tenants whose turn it is, in order. Tenants form a circle, by id. Starting after the one
-- served last, at most p_window tenants with a claimable job are considered (16 for a claim), up to
-- and including the first that holds no job, unless p_past_idle. Those with the fewest leased jobs
-- (counted up to 32) come first, ties in circle order. Claimable are pending jobs, jobs of p_ready
-- (the tenants with an expired lease or a retry_at that has passed), and, if p_is_more_due, all
-- others whose retry_at has passed. Tenants in p_except are skipped.
--
-- Callers must set enable_sort and enable_incremental_sort to off and plan_cache_mode to
-- force_generic_plan: see docs/performance.md, Order of claims.
--
-- Callers: job_writer: lock_next_job, count_claims_before.

create or replace function private.order_waiting_tenants(
  p_now timestamptz,
  p_ready uuid[],
  p_is_more_due boolean,
  p_except uuid[],
  p_window integer default 16,
  p_past_idle boolean default false
)
returns table (tenant_id uuid, held integer)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with recursive served (id) as (
    select (lpad(to_hex(h.last_value), 16, '0') || lpad(to_hex(l.last_value), 16, '0'))::uuid
    from private.claim_cursor_high as h
    cross join private.claim_cursor_low as l
  ),
  walk (looked_at, tenant_id, is_round, held) as (
    select 0, c.id, false, null::integer from served as c
    union all
    select
      w.looked_at + (h.held is not null)::integer,
      coalesce(n.id, '00000000-0000-0000-0000-000000000000'),  -- where the circle starts
      w.is_round or n.id is null,
      h.held
    from walk as w
    cross join served as c
    cross join lateral (
      select least(
        (select j.tenant_id
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > w.tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 1),
        (select j.tenant_id
        from public.index_jobs as j
        where p_is_more_due and j.status = 'processing' and j.queue_job_id is null
          and j.tenant_id > w.tenant_id and j.retry_at <= p_now
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit 1),
        (select r.id from unnest(p_ready) as r (id) where r.id > w.tenant_id order by r.id limit 1)
      ) as id
      offset 0) as n
    cross join lateral (
      select case when n.id is not null and n.id <> all (p_except)
        then (select count(*)::integer
          from (select
            from public.index_jobs as j
            where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
              and j.tenant_id >= n.id and j.tenant_id <= n.id and j.lease_expires_at > p_now
            order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
            limit 32) as leased)
        end as held
      offset 0) as h
    where w.looked_at < p_window
      and (p_past_idle or w.held is distinct from 0)
      and (not w.is_round or n.id <= c.id)
  )
  select w.tenant_id, w.held
  from walk as w
  where w.held is not null
  order by w.held, w.is_round, w.tenant_id;
end;
$$;

comment on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean) is
  'Returns the tenants whose turn it is, in order.';

revoke all on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  private.order_waiting_tenants(timestamptz, uuid[], boolean, uuid[], integer, boolean)
  to job_writer;
