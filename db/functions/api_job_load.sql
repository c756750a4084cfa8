-- api_job_load() -> api_answer
--
-- The load, for autoscalers: body is {"queued": {"total", "oldest"}, "running": {"total",
-- "oldest"}, "slots"}. queued are pending jobs, running those that are processing; oldest is the
-- longest time in seconds that one has been claimable, or processing, 0 if there are none; slots
-- are those of the live runners. The HTTP layer checks the caller. The answer reveals nothing about
-- a tenant, so the call is not audited.
--
-- Why definer: it reads the jobs of all tenants and the list of workers.
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

comment on function public.api_job_load() is 'Returns the load as JSON, for autoscalers.';

alter function public.api_job_load() owner to job_writer;
revoke all on function public.api_job_load() from public, anon, authenticated, service_role;
grant execute on function public.api_job_load() to job_http, service_role;
