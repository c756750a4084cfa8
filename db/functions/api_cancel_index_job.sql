-- api_cancel_index_job(p_api_key, p_claims, p_job_id) -> api_answer
--
-- DELETE /jobs/{id} in one statement: key, quota, claims, and cancel_index_job. A refusal is
-- returned, not raised, so that the request stays counted; all other changes are undone.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it acts
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_cancel_index_job(
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
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    select row_to_json(j)::text, j.id, j.status, j.version,
      case when j.completed_at is null
        then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
    into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
      v_answer.job_age
    from public.cancel_index_job(p_job_id => private.parse_uuid(p_job_id)) as j;
  exception when sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT409' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
  end;
  return v_answer;
end;
$$;

comment on function public.api_cancel_index_job(text, jsonb, text) is 'Answers DELETE /jobs/{id}.';

alter function public.api_cancel_index_job(text, jsonb, text) owner to job_gateway;
revoke all on function public.api_cancel_index_job(text, jsonb, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_cancel_index_job(text, jsonb, text) to job_http, service_role;
