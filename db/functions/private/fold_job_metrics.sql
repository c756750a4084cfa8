-- fold_job_metrics(p_most) -> integer
--
-- Adds up to p_most rows of private.job_metric_log to private.job_metrics and private.job_ends,
-- deletes them, and returns how many. Only one session at a time folds, because all would update
-- the same few rows. Others do not wait, because its transaction may stay open for long: they get
-- null. Readers count the rows that are not folded yet.
--
-- Callers: job_writer: api_job_metrics, retry_or_fail_stuck_jobs.

create or replace function private.fold_job_metrics(p_most integer default 20000)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_folded integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('fold job metrics', 0)) then
    return null;
  end if;
  with taken as (
    delete from private.job_metric_log as l
    where l.ctid = any (array(select t.ctid from private.job_metric_log as t limit p_most))
    returning l.at, l.from_status, l.to_status, l.outcome, l.wait, l.duration
  ),
  counted as (
    insert into private.job_metrics as m
      (from_status, to_status, outcome, wait_le, duration_le, events, wait, duration)
    select
      t.from_status, t.to_status, t.outcome,
      private.metric_bucket(t.wait), private.metric_bucket(t.duration), count(*),
      coalesce(sum(extract(epoch from t.wait)), 0),
      coalesce(sum(extract(epoch from t.duration)), 0)
    from taken as t
    group by
      t.from_status, t.to_status, t.outcome,
      private.metric_bucket(t.wait), private.metric_bucket(t.duration)
    on conflict (from_status, to_status, outcome, wait_le, duration_le) do update
    set events = m.events + excluded.events,
      wait = m.wait + excluded.wait,
      duration = m.duration + excluded.duration
  ),
  ended as (
    insert into private.job_ends as e (minute, completed, failed)
    select
      date_trunc('minute', t.at),
      count(*) filter (where t.to_status = 'completed'),
      count(*) filter (where t.to_status = 'failed')
    from taken as t
    where t.to_status in ('completed', 'failed')
    group by date_trunc('minute', t.at)
    on conflict (minute) do update
    set completed = e.completed + excluded.completed, failed = e.failed + excluded.failed
  )
  select count(*) into v_folded from taken;
  delete from private.job_ends as e where e.minute <= private.clock() - interval '1 hour';
  return v_folded;
end;
$$;

comment on function private.fold_job_metrics(integer) is 'Adds logged metrics to the counters.';

revoke all on function private.fold_job_metrics(integer)
  from public, anon, authenticated, service_role;
grant execute on function private.fold_job_metrics(integer) to job_writer;
