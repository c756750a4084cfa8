-- api_admin_get_job_status(p_claims, p_job_id, p_reason) -> api_answer
--
-- GET /admin/jobs/{id}: any tenant's job, for support. The call is audited. The HTTP layer has
-- verified the claims, which are those of the service; no quota is counted.
--
-- Why definer: it acts under claims that the HTTP layer has verified.
-- Callers: job_http, service_role.

create or replace function public.api_admin_get_job_status(
  p_claims jsonb,
  p_job_id text,
  p_reason text default null
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
  if p_claims ->> 'role' is distinct from 'service_role' then
    return private.count_request(null);
  end if;
  select 'ok', row_to_json(j)::text, j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
  into v_answer.verdict, v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
    v_answer.job_age
  from private.read_any_job(private.parse_uuid(p_job_id)) as j;
  if not found then
    v_answer.verdict := 'PT404';
  end if;
  perform private.record_admin_action(
    p_claims, 'get_job_status', private.parse_uuid(p_job_id), p_reason, v_answer.verdict);
  return v_answer;
end;
$$;

comment on function public.api_admin_get_job_status(jsonb, text, text) is
  'Answers GET /admin/jobs/{id}.';

alter function public.api_admin_get_job_status(jsonb, text, text) owner to job_gateway;
revoke all on function public.api_admin_get_job_status(jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_get_job_status(jsonb, text, text)
  to job_http, service_role;
