-- api_explain_index_job(p_api_key, p_claims, p_job_id) -> api_answer
--
-- GET /jobs/{id}/explain in one statement: key, quota, claims, and explain_index_job under RLS. It
-- writes only the count, without waiting for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_explain_index_job(
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
  v_answer private.api_answer;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(e)::text into v_answer.body
    from public.explain_index_job(p_job_id => private.parse_uuid(p_job_id)) as e;
  exception when sqlstate 'PT404' then
    v_answer.verdict := 'PT404';
  end;
  return v_answer;
end;
$$;

comment on function public.api_explain_index_job(text, jsonb, text) is
  'Answers GET /jobs/{id}/explain.';

alter function public.api_explain_index_job(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_explain_index_job(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_explain_index_job(text, jsonb, text) to job_http, service_role;
