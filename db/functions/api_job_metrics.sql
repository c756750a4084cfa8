-- api_job_metrics() -> api_answer
--
-- The job metrics of all processes together, for /metrics: body is a JSON object with the members
-- of private.job_counters and private.job_gauges. It is null while more rows are logged than one
-- call folds: call again. The cost does not depend on the number of jobs: see docs/operations.md.
--
-- Why definer: it counts the jobs of all tenants, and writes what only job_writer may.
-- Callers: job_http, service_role.

create or replace function public.api_job_metrics()
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_most integer := 20000;
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  if private.fold_job_metrics(p_most => v_most) is distinct from v_most then
    v_answer.body := (private.job_counters()::jsonb || private.job_gauges()::jsonb)::text;
  end if;
  return v_answer;
end;
$$;

comment on function public.api_job_metrics() is 'Returns the job metrics for /metrics, as JSON.';

alter function public.api_job_metrics() owner to job_writer;
revoke all on function public.api_job_metrics() from public, anon, authenticated, service_role;
grant execute on function public.api_job_metrics() to job_http, service_role;
