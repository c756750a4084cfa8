-- api_job_load() -> api_answer
--
-- What there is to do, for what starts and stops runners: body is {"queued": {"total", "oldest"},
-- "running": {"total", "oldest"}, "slots"}: pending jobs, and jobs that are processing; oldest is
-- for how many seconds one has been free for a claim, or processing, at most, 0 without any; slots
-- are those of the runners that are alive. Who asks is checked by the HTTP layer; it tells of no
-- tenant, so no audit is written.
--
-- Why definer: it looks at the jobs of all tenants and at the list of workers.
-- Callers: job_http, service_role.

create or replace function public.api_job_load()
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs json := private.job_counters() -> 'jobs';
  v_gauges json := private.job_gauges();
  v_now numeric := extract(epoch from private.clock());
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := json_build_object(
    'queued', json_build_object(
      'total', v_jobs -> 'pending',
      'oldest', greatest(
        round(coalesce(v_now - (v_gauges ->> 'oldest_claimable')::numeric, 0), 1), 0)),
    'running', json_build_object(
      'total', v_jobs -> 'processing',
      'oldest', greatest(
        round(coalesce(v_now - (v_gauges ->> 'oldest_processing')::numeric, 0), 1), 0)),
    'slots', (v_gauges #>> '{slots,busy}')::integer + (v_gauges #>> '{slots,free}')::integer)::text;
  return v_answer;
end;
$$;

comment on function public.api_job_load() is
  'What there is to do, as JSON, for what starts and stops runners.';

alter function public.api_job_load() owner to job_writer;
revoke all on function public.api_job_load() from public, anon, authenticated, service_role;
grant execute on function public.api_job_load() to job_http, service_role;
