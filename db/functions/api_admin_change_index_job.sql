-- api_admin_change_index_job(p_claims, p_job_id, p_action, p_reason) -> api_answer
--
-- POST /admin/jobs/{id}/fail, retry and release, for support. p_action is one of these three;
-- p_reason says why, in at most 500 characters. Refused calls are audited too. The body is the job;
-- for retry, the new job. The HTTP layer has verified the claims, which are those of the service;
-- no quota is counted.
--
-- Why definer: it acts under claims that the HTTP layer has verified.
-- Callers: job_http, service_role.

create or replace function public.api_admin_change_index_job(
  p_claims jsonb,
  p_job_id text,
  p_action text,
  p_reason text
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
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_job public.index_jobs;
begin
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.count_request(null);
  end if;
  begin
    if coalesce(btrim(p_reason, E' \t\r\n'), '') = '' or length(p_reason) > 500 then
      raise exception 'reason is missing, or has more than 500 characters'
        using errcode = 'PT422', detail = 'invalid_reason', column = 'reason',
          hint = 'Give the reason for the audit log: a ticket and a few words.';
    end if;
    case p_action
      when 'fail' then
        select j.* into v_job from private.admin_fail_index_job(v_job_id) as j;
      when 'retry' then
        select j.* into v_job from private.admin_retry_index_job(v_job_id) as j;
      when 'release' then
        select j.* into v_job from private.admin_release_index_job(v_job_id) as j;
      else
        raise exception 'action must be fail, retry or release'
          using errcode = 'PT422', detail = 'invalid_action', column = 'action',
            hint = 'Pass one of these.';
    end case;
    v_answer.verdict := 'ok';
    v_answer.body := row_to_json(v_job)::text;
    v_answer.job_id := v_job.id;
    v_answer.job_status := v_job.status;
    v_answer.job_version := v_job.version;
    v_answer.job_age := case when v_job.completed_at is null
      then extract(epoch from private.clock() - coalesce(v_job.started_at, v_job.created_at)) end;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
  end;
  perform private.record_admin_action(
    p_claims, p_action, v_job_id, left(p_reason, 500),
    coalesce(nullif(v_answer.code, ''), v_answer.verdict));
  return v_answer;
end;
$$;

comment on function public.api_admin_change_index_job(jsonb, text, text, text) is
  'Answers POST /admin/jobs/{id}/fail, retry and release.';

alter function public.api_admin_change_index_job(jsonb, text, text, text) owner to job_gateway;
revoke all on function public.api_admin_change_index_job(jsonb, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_change_index_job(jsonb, text, text, text)
  to job_http, service_role;
