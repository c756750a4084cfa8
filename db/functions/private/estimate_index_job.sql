-- estimate_index_job(p_job, p_now, p_ahead) -> table (eta_p50, eta_p90, eta_basis, eta_samples)
--
-- Estimates the seconds until the job is completed, from the durations of earlier runs: those of
-- its repository that found part of it already indexed, if there are 3; else all of its repository,
-- if there are 3; else the newest 200 of all repositories, if there are 20 from 5 tenants. All are
-- null if there are too few. It uses only durations, not the size of the change or the progress.
--
-- docs/performance.md, Why a job waits, has the method and its accuracy.
--
-- Callers: job_writer: explain_any_job.

create or replace function private.estimate_index_job(
  p_job public.index_jobs,
  p_now timestamptz,
  p_ahead integer
)
returns table (
  eta_p50 double precision, eta_p90 double precision, eta_basis text, eta_samples integer
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seconds double precision[] := array(
    select d.seconds
    from private.index_durations as d
    where d.repository_id = p_job.repository_id and d.bytes_unchanged > 0
    order by d.id desc
    limit 20);
  v_all double precision[];
  v_samples integer;
  v_slots bigint;
  v_first bigint := p_ahead;
  v_run double precision := 0;
  v_wait double precision := 0;
  v_spread double precision := 0;
begin
  if cardinality(v_seconds) < 3 then
    v_seconds := array(
      select d.seconds
      from private.index_durations as d
      where d.repository_id = p_job.repository_id
      order by d.id desc
      limit 20);
  end if;
  if p_ahead is null then
    v_run := extract(epoch from p_now - (
      select min(e.at)
      from public.index_job_events as e
      where e.job_id = p_job.id and e.attempt = p_job.attempt));
  else
    select sum(coalesce(r.slots, 1)) into v_slots
    from private.runners as r
    where r.seen_at > p_now - interval '15 seconds';
    if v_slots <= (
      select count(*)
      from (
        select from public.index_jobs as j
        where j.status = 'processing' and j.queue_job_id is null and j.retry_at is null
          and j.lease_expires_at > p_now
        limit v_slots) as j)
    then
      v_first := v_first + 1;
    end if;
  end if;
  if cardinality(v_seconds) < 3 or v_first > 0 then
    select array_agg(d.seconds) into v_all
    from (
      select d.seconds, coalesce(r.organization_id, r.owner_user_id) as tenant_id
      from private.index_durations as d
      join public.repositories as r on r.id = d.repository_id
      order by d.id desc
      limit 200) as d
    having count(*) >= 20 and count(distinct d.tenant_id) >= 5;
  end if;
  if v_first > 0 then
    if p_ahead = 0 and cardinality(v_seconds) >= 3 then
      v_all := coalesce(v_all, v_seconds);
    end if;
    v_wait := (select avg(s) from unnest(v_all) as s) * v_first / v_slots;
    v_spread := (private.predict_seconds(v_all, 0.9) - private.predict_seconds(v_all, 0.5))
      * sqrt(v_first::double precision / v_slots);
  end if;
  eta_basis := case when cardinality(v_seconds) >= 3 then 'repository' else 'fleet' end;
  v_seconds := case eta_basis when 'repository' then v_seconds else v_all end;

  v_samples := cardinality(v_seconds);
  v_seconds := array(select s from unnest(v_seconds) as s where s >= v_run);
  eta_p50 := v_wait + private.predict_seconds(v_seconds, 0.5) - v_run;
  eta_p90 := eta_p50 + sqrt(
    (private.predict_seconds(v_seconds, 0.9) - private.predict_seconds(v_seconds, 0.5)) ^ 2
    + v_spread ^ 2);
  if eta_p50 is null then
    eta_basis := null;
  else
    eta_p50 := round(eta_p50::numeric, 1);
    eta_p90 := round(eta_p90::numeric, 1);
    eta_samples := v_samples;
  end if;
  return next;
end;
$$;

comment on function private.estimate_index_job(public.index_jobs, timestamptz, integer) is
  'Estimates in how many seconds a job will be completed.';

revoke all on function private.estimate_index_job(public.index_jobs, timestamptz, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.estimate_index_job(public.index_jobs, timestamptz, integer)
  to job_writer;
