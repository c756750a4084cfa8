-- bound_claims_before(p_job, p_now, p_served, p_lapsed, p_own) -> integer
--
-- An upper bound on the number of claims before a claimable job, for more waiting tenants than one
-- claim looks at; 1,001 for more than 1,000. p_served is the tenant served last, p_lapsed the
-- tenants with an expired lease, p_own the number of jobs of the same tenant that come first.
--
-- docs/performance.md, Position in line, has the reasoning and the limits of what it reads.
--
-- Callers: job_writer: count_claims_before, with its settings.

create or replace function private.bound_claims_before(
  p_job public.index_jobs,
  p_now timestamptz,
  p_served uuid,
  p_lapsed uuid[],
  p_own integer
)
returns integer
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most constant integer := 1001;
  v_is_round boolean := p_job.tenant_id <= p_served;
  v_due uuid[] := array(
    select j.tenant_id
    from public.index_jobs as j
    where j.retry_at <= p_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit c_most);
  v_free integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'pending' and j.queue_job_id is null
      order by j.tenant_id, j.created_at, j.id
      limit c_most + 1) as f)
    + cardinality(v_due)
    + (select count(*)
    from (select
      from public.index_jobs as j
      where p_lapsed <> '{}' and j.status = 'processing' and j.retry_at is null
        and j.queue_job_id is null and j.lease_expires_at <= p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most) as f);
  v_held integer := (
    select count(*)
    from (select
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.lease_expires_at > p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit 32) as leased);
  v_level integer := least(v_held + p_own, 32);
  v_rounds integer := 1 + p_own;
  v_tenants uuid[];
  v_holds integer[];
  v_ahead integer[];
  v_walked integer;
  v_last uuid;
  v_is_last_round boolean;
  v_seen integer := 0;
  v_between integer;
  v_claims integer := p_own;
begin
  if v_level = 0 then
    with recursive walk (walked, tenant_id, is_round, is_waiting) as (
      select 0, p_served, false, false
      union all
      select
        w.walked + 1,
        coalesce(n.id, '00000000-0000-0000-0000-000000000000'),
        w.is_round or n.id is null,
        n.id is not null
      from walk as w
      cross join lateral (
        select (
          select j.tenant_id
          from public.index_jobs as j
          where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > w.tenant_id
          order by j.tenant_id, j.created_at, j.id
          limit 1) as id
        offset 0) as n
      where w.walked < 200
        and (w.is_round, w.tenant_id) < (v_is_round, p_job.tenant_id)
        and (n.id is not null or not w.is_round)
    )
    select
      max(w.walked),
      count(*) filter (
        where w.is_waiting and (w.is_round, w.tenant_id) < (v_is_round, p_job.tenant_id)),
      (array_agg(w.tenant_id order by w.walked desc))[1],
      bool_or(w.is_round)
    into v_walked, v_between, v_last, v_is_last_round
    from walk as w;
    if v_walked = 200 then
      select v_between + count(distinct f.tenant_id), count(*) into v_between, v_seen
      from (
        (select j.tenant_id
        from public.index_jobs as j
        where j.status = 'pending' and j.queue_job_id is null and j.tenant_id > v_last
          and (v_is_round > v_is_last_round or j.tenant_id < p_job.tenant_id)
        order by j.tenant_id, j.created_at, j.id
        limit 2000)
        union all
        (select j.tenant_id
        from public.index_jobs as j
        where v_is_round > v_is_last_round
          and j.status = 'pending' and j.queue_job_id is null and j.tenant_id < p_job.tenant_id
        order by j.tenant_id, j.created_at, j.id
        limit 2000)) as f;
    end if;
    v_between := v_between + (
      select count(distinct r.id)
      from unnest(p_lapsed || v_due) as r (id)
      where (r.id <= p_served, r.id) < (v_is_round, p_job.tenant_id)
        and not exists (
          select
          from public.index_jobs as j
          where j.status = 'pending' and j.queue_job_id is null
            and j.tenant_id >= r.id and j.tenant_id <= r.id));
    if v_seen >= 2000 or cardinality(v_due) = c_most then
      v_between := c_most;
    end if;
    return least(v_between, v_free - 1, c_most);
  end if;

  select array_agg(t.tenant_id), array_agg(t.held)
  into v_tenants, v_holds
  from private.order_waiting_tenants(
    p_now, p_lapsed || v_due, cardinality(v_due) = c_most, array[p_job.tenant_id],
    p_window => 33, p_past_idle => true) as t;
  if cardinality(v_tenants) > 32 then
    return least(v_free - 1, c_most);
  end if;
  for i in 1 .. cardinality(v_tenants) loop
    v_ahead[i] := case when v_holds[i] < v_level then (
      select f.turns
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (p_lapsed),
        p_most => v_level - v_holds[i]) as f) else 0 end;
    v_rounds := v_rounds + v_ahead[i];
  end loop;
  for i in 1 .. cardinality(v_tenants) loop
    exit when v_claims >= c_most;
    v_claims := v_claims + (
      select f.jobs
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (p_lapsed),
        p_most => least(c_most - v_claims, v_ahead[i] + v_rounds
          - ((v_tenants[i] <= p_served, v_tenants[i])
            > (v_is_round, p_job.tenant_id))::integer)) as f);
  end loop;
  return least(v_claims, v_free - 1, c_most);
end;
$$;

comment on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer) is
  'Returns an upper bound on the claims before a job, while many tenants wait.';

revoke all on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer)
  from public, anon, authenticated, service_role;
grant execute on function
  private.bound_claims_before(public.index_jobs, timestamptz, uuid, uuid[], integer)
  to job_writer;
