-- count_free_jobs(p_tenant_id, p_now, p_is_lapsed, p_most) -> table (jobs, turns)
--
-- How many jobs of the tenant a claim may return now, counted up to p_most, and how many turns they
-- last. p_is_lapsed: claims look for expired leases, and the tenant has such jobs. There is one
-- turn more than jobs if the last jobs that a claim meets are ended by it, because their users
-- asked to cancel or their attempts are used up: that turn returns no job.
--
-- Callers: job_writer: count_claims_before.

create or replace function private.count_free_jobs(
  p_tenant_id uuid,
  p_now timestamptz,
  p_is_lapsed boolean,
  p_most integer
)
returns table (jobs integer, turns integer)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pending integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id, j.created_at, j.id
      limit p_most) as f);
begin
  jobs := v_pending;
  if jobs < p_most then
    jobs := jobs + (
      select count(*)
      from (select
        from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at <= p_now
          and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
          and j.cancel_requested_at is null and j.attempt < j.max_attempts
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit p_most - jobs) as f);
  end if;
  if jobs < p_most and p_is_lapsed then
    jobs := jobs + (
      select count(*)
      from (select
        from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
          and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
          and j.lease_expires_at <= p_now
          and j.cancel_requested_at is null and j.attempt < j.max_attempts
        order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
        limit p_most - jobs) as f);
  end if;
  turns := jobs;
  if v_pending = 0 and jobs < p_most then
    turns := jobs + coalesce(
      (select j.cancel_requested_at is not null or j.attempt >= j.max_attempts
      from public.index_jobs as j
      where j.status = 'processing' and j.queue_job_id is null and j.retry_at <= p_now
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id desc, j.queue_job_id desc, j.retry_at desc, j.id desc
      limit 1),
      (select j.cancel_requested_at is not null or j.attempt >= j.max_attempts
      from public.index_jobs as j
      where p_is_lapsed and j.status = 'processing' and j.queue_job_id is null
        and j.retry_at is null and j.lease_expires_at <= p_now
        and j.tenant_id >= p_tenant_id and j.tenant_id <= p_tenant_id
      order by j.tenant_id desc, j.queue_job_id desc, j.retry_at desc, j.id desc
      limit 1),
      false)::integer;
  end if;
  return next;
end;
$$;

comment on function private.count_free_jobs(uuid, timestamptz, boolean, integer) is
  'Returns how many jobs of a tenant are claimable, and how many turns they last.';

revoke all on function private.count_free_jobs(uuid, timestamptz, boolean, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.count_free_jobs(uuid, timestamptz, boolean, integer)
  to job_writer;
