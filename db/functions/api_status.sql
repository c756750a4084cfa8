-- api_status() -> api_answer
--
-- How the service does, for everybody: body is {"runners", "waiting"}, each pass, warn or fail.
-- runners fails while a job is free for a claim and no worker was seen for 15 seconds; waiting
-- warns when a job has been free for 2 minutes, and fails after 30. It tells no number and of no
-- tenant.
--
-- Why definer: it looks at the jobs of all tenants and at the list of workers.
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

comment on function public.api_status() is 'How the service does, as JSON, for everybody.';

alter function public.api_status() owner to job_writer;
revoke all on function public.api_status() from public, anon, authenticated, service_role;
grant execute on function public.api_status() to job_http, service_role;
