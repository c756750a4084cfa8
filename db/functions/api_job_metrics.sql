-- api_job_metrics() -> api_answer
--
-- What all processes together know of the jobs, for /metrics: body is a JSON object of the members
-- of private.job_counters and private.job_gauges. Null while more was logged than one call counts:
-- call it again. It costs the same however many jobs there are: see docs/operations.md.
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

comment on function public.api_job_metrics() is 'What /metrics tells of the jobs, as JSON.';

alter function public.api_job_metrics() owner to job_writer;
revoke all on function public.api_job_metrics() from public, anon, authenticated, service_role;
grant execute on function public.api_job_metrics() to job_http, service_role;
