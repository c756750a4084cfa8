-- api_admin_list_index_jobs(p_claims, p_status, p_tenant, p_repository, p_since, p_until,
--   p_queue_job_id, p_cursor, p_limit, p_reason) -> api_answer
--
-- GET /admin/jobs: one page of all tenants' jobs, for support. The call is audited. The HTTP layer
-- has verified the claims, which are those of the service; no quota is counted.
--
-- Why definer: it acts under claims that the HTTP layer has verified.
-- Callers: job_http, service_role.

create or replace function public.api_admin_list_index_jobs(
  p_claims jsonb,
  p_status text default null,
  p_tenant text default null,
  p_repository text default null,
  p_since text default null,
  p_until text default null,
  p_queue_job_id text default null,
  p_cursor text default null,
  p_limit integer default 20,
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
  begin
    select
      'ok',
      json_build_object(
        'jobs', coalesce(json_agg(row_to_json(j) order by j.id desc), '[]'),
        'next_cursor', (array_agg(j.id order by j.id desc))[p_limit])::text,
      (array_agg(j.id order by j.id desc))[p_limit]
    into v_answer.verdict, v_answer.body, v_answer.next_cursor
    from private.admin_list_index_jobs(
      p_status => p_status,
      p_tenant => p_tenant,
      p_repository => p_repository,
      p_since => private.parse_since(p_since),
      p_until => private.parse_since(p_until, 'until'),
      p_queue_job_id => p_queue_job_id,
      p_cursor => p_cursor,
      p_limit => p_limit) as j;
  exception when sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  perform private.record_admin_action(p_claims, 'list_index_jobs', null, p_reason, 'ok');
  return v_answer;
end;
$$;

comment on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) is 'Answers GET /admin/jobs.';

alter function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) owner to job_gateway;
revoke all on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_admin_list_index_jobs(
  jsonb, text, text, text, text, text, text, text, integer, text) to job_http, service_role;
