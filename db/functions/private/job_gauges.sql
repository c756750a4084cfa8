-- job_gauges() -> json
--
-- The gauges of the metrics. Members: oldest_claimable and oldest_processing (Unix seconds, null if
-- there are none), stuck (stuck processing jobs by the kinds of stuck_jobs, silent after 30
-- minutes), runners (alive: seen in the last 15 seconds; gone: in the last hour), slots (busy and
-- free, of live runners), table_bytes (with indexes). It never reads all jobs that wait or
-- have ended.
--
-- Callers: job_writer: api_job_metrics.

create or replace function private.job_gauges()
returns json
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := private.clock();
begin
  return json_build_object(
    'oldest_claimable', extract(epoch from private.oldest_claimable()),
    'oldest_processing', (
      select extract(epoch from min(j.started_at))
      from public.index_jobs as j
      where j.status = 'processing'),
    'stuck', (
      select json_build_object(
        'cancel_overdue', count(*) filter (where s.kind = 'cancel_overdue'),
        'lease_expired', count(*) filter (where s.kind = 'lease_expired'),
        'retry_overdue', count(*) filter (where s.kind = 'retry_overdue'),
        'silent', count(*) filter (where s.kind = 'silent'))
      from private.stuck_jobs('30 minutes', true) as s),
    'runners', (
      select json_build_object(
        'alive', count(*) filter (where r.seen_at > v_now - interval '15 seconds'),
        'gone', count(*) filter (where r.seen_at <= v_now - interval '15 seconds'))
      from private.runners as r
      where r.seen_at > v_now - interval '1 hour'),
    'slots', (
      select json_build_object(
        'busy', coalesce(sum(r.busy), 0), 'free', coalesce(sum(r.slots - r.busy), 0))
      from private.runners as r
      where r.seen_at > v_now - interval '15 seconds'),
    'table_bytes', json_build_object(
      'index_jobs', pg_total_relation_size('public.index_jobs'),
      'index_job_events', pg_total_relation_size('public.index_job_events')));
end;
$$;

comment on function private.job_gauges() is 'Returns the gauges of the metrics, as JSON.';

revoke all on function private.job_gauges() from public, anon, authenticated, service_role;
grant execute on function private.job_gauges() to job_writer;
