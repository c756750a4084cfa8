-- api_status() -> api_answer
--
-- The public status of the service: body is {"runners", "waiting"}, each pass, warn or fail.
-- runners fails if a job is claimable and no worker was seen for 15 seconds; waiting warns if a job
-- has been claimable for 2 minutes, and fails after 30. It reveals no number and no tenant.
--
-- Why definer: it reads the jobs of all tenants and the list of workers.
-- Callers: job_http, service_role.

create or replace function public.api_status()
returns private.api_answer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_free_for interval := private.clock() - private.oldest_claimable();
  v_answer private.api_answer;
begin
  v_answer.verdict := 'ok';
  v_answer.body := json_build_object(
    'runners', case
      when v_free_for is null or exists (
        select
        from private.runners as r
        where r.seen_at > private.clock() - interval '15 seconds')
        then 'pass'
      else 'fail'
    end,
    'waiting', case
      when v_free_for >= interval '30 minutes' then 'fail'
      when v_free_for >= interval '2 minutes' then 'warn'
      else 'pass'
    end)::text;
  return v_answer;
end;
$$;

comment on function public.api_status() is 'Returns the public status of the service, as JSON.';

alter function public.api_status() owner to job_writer;
revoke all on function public.api_status() from public, anon, authenticated, service_role;
grant execute on function public.api_status() to job_http, service_role;
