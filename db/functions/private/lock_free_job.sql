-- lock_free_job() -> setof index_jobs
--
-- Locks and returns the job that is next in turn, or no row: of the tenants with a free job, the
-- one with the fewest jobs under a lease, then with the oldest free job; of that one, the oldest.
--
-- The tenants with pending jobs are found by skipping from one to the next in the index, so that
-- what a claim costs grows with the number of waiting tenants and not with that of their jobs.
--
-- Locks:   one index_jobs row, for no key update; rows locked by others are passed over.
-- Callers: job_writer: claim_index_job.

create or replace function private.lock_free_job()
returns setof public.index_jobs
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
  v_tenant_id uuid;
  v_status public.job_status;
  v_job public.index_jobs;
begin
  for v_tenant_id, v_status in
    with recursive waiting (tenant_id) as (
      (select j.tenant_id
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by j.tenant_id
      limit 1)
      union all
      select (
        select j.tenant_id
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and j.tenant_id > w.tenant_id
        order by j.tenant_id
        limit 1)
      from waiting as w
      where w.tenant_id is not null
    ),
    begun as materialized (
      select
        j.tenant_id,
        j.created_at,
        j.lease_expires_at > v_now as is_leased,
        j.lease_expires_at <= v_now or j.retry_at <= v_now as is_free
      from public.index_jobs as j
      where j.status = 'processing' and j.queue_job_id is null
        and num_nonnulls(j.lease_expires_at, j.retry_at) > 0
    ),
    free (tenant_id, status, created_at) as (
      select w.tenant_id, 'pending'::public.job_status, (
        select j.created_at
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null
          and j.tenant_id = w.tenant_id
        order by j.created_at, j.id
        limit 1)
      from waiting as w
      where w.tenant_id is not null
      union all
      select b.tenant_id, 'processing', min(b.created_at)
      from begun as b
      where b.is_free
      group by b.tenant_id
    ),
    busy as (
      select b.tenant_id, count(*) as jobs from begun as b where b.is_leased group by b.tenant_id
    )
    select f.tenant_id, f.status
    from free as f
    left join busy as b on b.tenant_id = f.tenant_id
    order by coalesce(b.jobs, 0), f.created_at, f.tenant_id
  loop
    if v_status = 'pending' then
      select j.* into v_job
      from public.index_jobs as j
      where j.status = 'pending'
        and j.queue_job_id is null
        and j.tenant_id = v_tenant_id
      order by j.created_at, j.id
      limit 1
      for no key update skip locked;
    else
      select j.* into v_job
      from public.index_jobs as j
      where j.status = 'processing'
        and j.queue_job_id is null
        and j.tenant_id = v_tenant_id
        and (j.lease_expires_at <= v_now or j.retry_at <= v_now)
      order by j.created_at, j.id
      limit 1
      for no key update skip locked;
    end if;
    if found then
      return next v_job;
      return;
    end if;
  end loop;
end;
$$;

comment on function private.lock_free_job() is 'Locks the free index job that is next in turn.';

revoke all on function private.lock_free_job() from public, anon, authenticated, service_role;
grant execute on function private.lock_free_job() to job_writer;
