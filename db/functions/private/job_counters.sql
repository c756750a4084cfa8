-- job_counters() -> json
--
-- The counters of the metrics: private.job_metrics and the logged rows that are not folded yet,
-- read in one statement, so that nothing is missed or counted twice while another session folds.
-- Members: transitions ([from, to, number], from none for a creation, including those that never
-- happened), attempts and jobs (by outcome and status), wait and duration (number by upper bound,
-- in seconds), wait_seconds and duration_seconds (their sums), failure_rate (share of failed jobs
-- among those completed or failed in the last 60 minutes, to the minute; 0 if there are none).
--
-- Callers: job_writer: api_job_metrics.

create or replace function private.job_counters()
returns json
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  with counted as materialized (
    select
      m.from_status, m.to_status, m.outcome, m.wait_le, m.duration_le, m.events, m.wait, m.duration
    from private.job_metrics as m
    union all
    select
      l.from_status, l.to_status, l.outcome,
      private.metric_bucket(l.wait), private.metric_bucket(l.duration), count(*),
      coalesce(sum(extract(epoch from l.wait)), 0),
      coalesce(sum(extract(epoch from l.duration)), 0)
    from private.job_metric_log as l
    group by
      l.from_status, l.to_status, l.outcome,
      private.metric_bucket(l.wait), private.metric_bucket(l.duration)
    union all
    select null, 'pending', null, null, null, 0, 0, 0
    union all
    select t.from_status, t.to_status, null, null, null, 0, 0, 0
    from private.job_transitions() as t
  ),
  ended as materialized (
    select e.completed, e.failed
    from private.job_ends as e
    where e.minute > private.clock() - interval '1 hour'
    union all
    select
      count(*) filter (where l.to_status = 'completed'),
      count(*) filter (where l.to_status = 'failed')
    from private.job_metric_log as l
    where l.at > private.clock() - interval '1 hour'
  ),
  moved as materialized (
    select c.from_status, c.to_status, sum(c.events) as jobs
    from counted as c
    where c.from_status is distinct from c.to_status
    group by c.from_status, c.to_status
  )
  select json_build_object(
    'transitions', (
      select json_agg(json_build_array(coalesce(m.from_status::text, 'none'), m.to_status, m.jobs)
        order by m.from_status nulls first, m.to_status)
      from moved as m
      where m.to_status is not null),
    'jobs', (
      select json_object_agg(s.status, (
        select coalesce(sum(case when m.to_status = s.status then m.jobs else -m.jobs end), 0)
        from moved as m
        where s.status in (m.from_status, m.to_status)))
      from unnest(enum_range(null::public.job_status)) as s (status)),
    'attempts', (
      select json_object_agg(o.outcome, (
        select coalesce(sum(c.events), 0) from counted as c where c.outcome = o.outcome))
      from unnest(array['completed', 'failed', 'cancelled', 'retry', 'handed_back', 'lost'])
        as o (outcome)),
    'wait', (
      select json_object_agg(w.wait_le, w.events)
      from (
        select c.wait_le, sum(c.events) as events
        from counted as c
        where c.wait_le is not null
        group by c.wait_le) as w),
    'wait_seconds', (select coalesce(sum(c.wait), 0) from counted as c),
    'duration', (
      select json_object_agg(d.duration_le, d.events)
      from (
        select c.duration_le, sum(c.events) as events
        from counted as c
        where c.duration_le is not null
        group by c.duration_le) as d),
    'duration_seconds', (select coalesce(sum(c.duration), 0) from counted as c),
    'failure_rate', (
      select coalesce(sum(e.failed) / nullif(sum(e.completed + e.failed), 0), 0)
      from ended as e));
$$;

comment on function private.job_counters() is 'Returns the counters of the metrics, as JSON.';

revoke all on function private.job_counters() from public, anon, authenticated, service_role;
grant execute on function private.job_counters() to job_writer;
