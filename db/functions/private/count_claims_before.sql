-- count_claims_before(p_job, p_now) -> table (claims, own, is_exact)
--
-- How many calls of claim_index_job would return another job before this one if nothing else
-- changed; own: how many of those are of the same tenant. Counts stop at 1,001, which means 'or
-- more'. All are null if no claim would return the job in its current state. The result is exact
-- while at most 16 tenants wait; with more it is the bound of bound_claims_before.
--
-- docs/performance.md, Position in line, has the reasoning.
--
-- Callers: job_writer: explain_any_job.

create or replace function private.count_claims_before(
  p_job public.index_jobs,
  p_now timestamptz
)
returns table (claims integer, own integer, is_exact boolean)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_incremental_sort = off
as $$
declare
  c_most constant integer := 1001;
  v_served uuid := (
    select (lpad(to_hex(h.last_value), 16, '0') || lpad(to_hex(l.last_value), 16, '0'))::uuid
    from private.claim_cursor_high as h
    cross join private.claim_cursor_low as l);
  v_lapsed uuid[] := '{}';
  v_due uuid[];
  v_place text;  -- pending, due or lapsed: which of its tenant's lists the job is in
  v_tenants uuid[];
  v_held integer[];
  v_jobs integer[];
  v_turns integer[];
  v_free record;
  v_level integer;
  v_step integer;
begin
  if p_job.queue_job_id is not null or p_job.cancel_requested_at is not null
    or p_job.attempt >= p_job.max_attempts
  then
    return next;
    return;
  end if;
  if (select c.last_value from private.claim_lease_check as c)
    <> floor(extract(epoch from p_now))::bigint
  then
    v_lapsed := array(
      select distinct on (j.tenant_id) j.tenant_id
      from public.index_jobs as j
      where j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.lease_expires_at <= p_now
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id);
  end if;
  v_place := case
    when p_job.status = 'pending' then 'pending'
    when p_job.retry_at <= p_now then 'due'
    when p_job.lease_expires_at <= p_now and p_job.tenant_id = any (v_lapsed) then 'lapsed'
  end;
  if v_place is null then
    return next;
    return;
  end if;

  own := (
    select count(*)
    from (select
      from public.index_jobs as j
      where p_job.tenant_id = any (v_lapsed)
        and j.status = 'processing' and j.retry_at is null and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.lease_expires_at <= p_now
        and j.cancel_requested_at is null and j.attempt < j.max_attempts
        and (v_place <> 'lapsed' or j.id < p_job.id)
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most) as f);
  own := own + (
    select count(*)
    from (select
      from public.index_jobs as j
      where v_place <> 'lapsed'
        and j.status = 'processing' and j.retry_at <= p_now and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and j.cancel_requested_at is null and j.attempt < j.max_attempts
        and (v_place <> 'due' or (j.retry_at, j.id) < (p_job.retry_at, p_job.id))
      order by j.tenant_id, j.queue_job_id, j.retry_at, j.id
      limit c_most - own) as f);
  own := own + (
    select count(*)
    from (select
      from public.index_jobs as j
      where v_place = 'pending' and j.status = 'pending' and j.queue_job_id is null
        and j.tenant_id >= p_job.tenant_id and j.tenant_id <= p_job.tenant_id
        and (j.created_at, j.id) < (p_job.created_at, p_job.id)
      order by j.tenant_id, j.created_at, j.id
      limit c_most - own) as f);

  v_due := array(
    select j.tenant_id
    from public.index_jobs as j
    where j.retry_at <= p_now and j.queue_job_id is null
    order by j.retry_at, j.tenant_id
    limit 100);
  select array_agg(t.tenant_id), array_agg(t.held)
  into v_tenants, v_held
  from private.order_waiting_tenants(
    p_now, v_lapsed || v_due, cardinality(v_due) = 100, '{}',
    p_window => 17, p_past_idle => true) as t;
  is_exact := cardinality(v_tenants) <= 16;
  if not is_exact then
    claims := private.bound_claims_before(p_job, p_now, v_served, v_lapsed, own);
    return next;
    return;
  end if;

  v_level := own + v_held[array_position(v_tenants, p_job.tenant_id)];
  claims := own;
  for i in 1 .. cardinality(v_tenants) loop
    select 0 as jobs, 0 as turns into v_free;
    if v_tenants[i] = p_job.tenant_id then
      select own + 1 as jobs, own + 1 as turns into v_free;
    elsif v_held[i] <= v_level and claims < c_most then
      select f.* into v_free
      from private.count_free_jobs(
        p_tenant_id => v_tenants[i],
        p_now => p_now,
        p_is_lapsed => v_tenants[i] = any (v_lapsed),
        p_most => least(v_level - v_held[i] + 1, c_most - claims)) as f;
      claims := claims + least(v_free.jobs, v_level - v_held[i]);
    end if;
    v_jobs[i] := v_free.jobs;
    v_turns[i] := v_free.turns;
  end loop;

  -- The tenant served last in the levels below; it changes only where a tenant starts or ends.
  for v_step in
    select distinct s.level
    from unnest(v_held, v_turns) as u (held, turns)
    cross join lateral (values (u.held), (u.held + u.turns)) as s (level)
    where s.level < v_level
    order by s.level
  loop
    v_served := coalesce(
      (select u.tenant_id
      from unnest(v_tenants, v_held, v_turns) as u (tenant_id, held, turns)
      where u.held <= v_step and u.held + u.turns > v_step
      order by u.tenant_id <= v_served desc, u.tenant_id desc
      limit 1),
      v_served);
  end loop;
  claims := least(c_most, claims + (
    select count(*)
    from unnest(v_tenants, v_held, v_jobs) as u (tenant_id, held, jobs)
    where u.held <= v_level and u.held + u.jobs > v_level
      and (u.tenant_id <= v_served, u.tenant_id)
        < (p_job.tenant_id <= v_served, p_job.tenant_id)));
  return next;
end;
$$;

comment on function private.count_claims_before(public.index_jobs, timestamptz) is
  'Returns how many claims come before that of a job.';

revoke all on function private.count_claims_before(public.index_jobs, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.count_claims_before(public.index_jobs, timestamptz)
  to job_writer;
