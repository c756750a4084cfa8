-- job_counts(p_organization_id, p_since) -> table (pending, processing, completed, failed,
--   cancelled, oldest_pending_at, wait_p50, wait_p95, duration_p50, duration_p95)
--
-- Counts the jobs of an organization, or of the caller, by status: all that are pending or
-- processing now, and the others if created since p_since (default: 24 hours ago; at most 30 days
-- ago). Each count stops at 1,000. wait_ and duration_ are the median and the 95th percentile, in
-- seconds, of the time until the first attempt and from there to the end, over the newest 1,000
-- jobs that ran and are completed or failed; null if there are none. For a scope that the caller
-- may not see, all counts are 0. For the form of the queries see list_index_jobs.
--
-- Raises:  PT422 invalid_since.
-- Callers: authenticated, service_role.

create or replace function public.job_counts(
  p_organization_id uuid default null,
  p_since timestamptz default null
)
returns table (
  pending integer, processing integer, completed integer, failed integer, cancelled integer,
  oldest_pending_at timestamptz, wait_p50 double precision, wait_p95 double precision,
  duration_p50 double precision, duration_p95 double precision
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_now timestamptz := private.clock();
  v_since timestamptz := coalesce(p_since, v_now - interval '24 hours');
  v_tenant_id uuid := coalesce(p_organization_id, private.current_user_id());
begin
  if v_since < v_now - interval '30 days' then
    raise exception 'since is more than 30 days ago'
      using errcode = 'PT422', detail = 'invalid_since', column = 'since',
        hint = 'Send a time in the last 30 days, or leave it out for the last 24 hours.';
  end if;

  select
    max(c.jobs) filter (where s.state = 0),
    max(c.jobs) filter (where s.state = 1),
    max(c.jobs) filter (where s.state = 2),
    max(c.jobs) filter (where s.state = 3),
    min(c.oldest) filter (where s.state = 0)
  into pending, processing, cancelled, failed, oldest_pending_at
  from (values (0, timestamptz '-infinity'), (1, '-infinity'), (2, v_since), (3, v_since))
    as s (state, since)
  cross join lateral (
    select count(*), min(n.created_at)
    from (
      select j.created_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id
        and j.status <> 'completed'
        and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
          when j.error_message is null then 2 else 3 end = s.state
        and j.created_at >= s.since
      order by j.created_at, j.id
      limit 1000) as n) as c (jobs, oldest);

  completed := (
    select count(*)
    from (
      select
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id and j.status = 'completed' and j.created_at >= v_since
      order by j.created_at, j.id
      limit 1000) as n);

  select
    round(extract(epoch from percentile_cont(0.5) within group (order by e.wait)), 1),
    round(extract(epoch from percentile_cont(0.95) within group (order by e.wait)), 1),
    round(extract(epoch from percentile_cont(0.5) within group (order by e.duration)), 1),
    round(extract(epoch from percentile_cont(0.95) within group (order by e.duration)), 1)
  into wait_p50, wait_p95, duration_p50, duration_p95
  from (
    select n.started_at - n.created_at as wait, n.completed_at - n.started_at as duration
    from (
      (select j.created_at, j.started_at, j.completed_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id and j.status = 'completed' and j.created_at >= v_since
      order by j.created_at desc, j.id desc
      limit 1000)
      union all
      (select j.created_at, j.started_at, j.completed_at
      from public.index_jobs as j
      where j.tenant_id = v_tenant_id
        and j.status <> 'completed'
        and case when j.completed_at is null then case when j.started_at is null then 0 else 1 end
          when j.error_message is null then 2 else 3 end = 3
        and j.created_at >= v_since
      order by j.created_at desc, j.id desc
      limit 1000)) as n
    where n.started_at is not null
    order by n.completed_at desc
    limit 1000) as e;
  return next;
end;
$$;

comment on function public.job_counts(uuid, timestamptz) is
  'Counts the index jobs of a user or an organization by status, with waits and durations.';

revoke all on function public.job_counts(uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.job_counts(uuid, timestamptz) to authenticated, service_role;
