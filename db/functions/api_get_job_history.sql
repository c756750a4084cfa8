-- api_get_job_history(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id}/events in one statement: key, quota, claims, and get_job_history under RLS, with
-- the attempts derived from the events. It writes only the count, without waiting for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_history(p_api_key text, p_claims jsonb, p_job_id text)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_answer private.api_answer;
  v_job_id uuid := private.parse_uuid(p_job_id);
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select json_build_object(
      'events', json_agg(row_to_json(e) order by e.event_no),
      'attempts', coalesce((
        select json_agg(row_to_json(a) order by a.attempt)
        from private.job_attempts(p_job_id => v_job_id) as a), '[]'))::text
    into v_answer.body
    from public.get_job_history(p_job_id => v_job_id) as e;
  exception when sqlstate 'PT404' then
    v_answer.verdict := 'PT404';
  end;
  return v_answer;
end;
$$;

comment on function public.api_get_job_history(text, jsonb, text) is
  'Answers GET /jobs/{id}/events.';

alter function public.api_get_job_history(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_get_job_history(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_history(text, jsonb, text) to job_http, service_role;
