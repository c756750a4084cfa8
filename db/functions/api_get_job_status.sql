-- api_get_job_status(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id} in one statement: key, quota, claims, and get_job_status under RLS. A refusal is
-- an answer, not an error, so that the count of the request stays. The count is written without
-- waiting for the disk: nothing else is.
--
-- Why definer: it checks API keys and takes on claims that the HTTP layer has verified; it reads
-- jobs as job_gateway, which RLS holds like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_status(
  p_api_key text,
  p_claims jsonb,
  p_job_id text
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_caller private.api_caller;
  v_answer private.api_answer;
  v_body text;
  v_job_id uuid;
  v_status text;
  v_version bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_caller := private.begin_request(p_api_key, p_claims);
  if v_caller.user_id is null or v_caller.requests >= v_caller.rate_limit then
    return private.count_request(v_caller);
  end if;
  begin
    select row_to_json(j)::text, j.id, j.status, j.version
    into v_body, v_job_id, v_status, v_version
    from public.get_job_status(p_job_id => private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT404' then
    null;
  end;
  v_answer := private.count_request(v_caller);
  if v_answer.verdict = 'ok' then
    v_answer.verdict := case when v_job_id is null then 'PT404' else 'ok' end;
    v_answer.body := v_body;
    v_answer.job_id := v_job_id;
    v_answer.job_status := v_status;
    v_answer.job_version := v_version;
  end if;
  return v_answer;
end;
$$;

comment on function public.api_get_job_status(text, jsonb, text) is
  'Answers GET /jobs/{id}.';

alter function public.api_get_job_status(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_get_job_status(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_status(text, jsonb, text)
  to job_http, service_role;
