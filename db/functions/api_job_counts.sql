-- api_job_counts(p_api_key, p_claims, p_organization, p_since) -> api_answer
--
-- GET /jobs/counts in one statement: key, quota, claims, and job_counts under RLS. p_organization
-- is a slug or an id. It writes only the count of the request, without waiting for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_job_counts(
  p_api_key text,
  p_claims jsonb,
  p_organization text default null,
  p_since text default null
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
    select row_to_json(c)::text into v_answer.body
    from public.job_counts(
      p_organization_id => case
        when p_organization is not null then private.find_organization(p_organization) end,
      p_since => private.parse_since(p_since)) as c;
  exception when sqlstate 'PT422' then
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

comment on function public.api_job_counts(text, jsonb, text, text) is 'Answers GET /jobs/counts.';

alter function public.api_job_counts(text, jsonb, text, text) owner to job_gateway;
revoke all on function public.api_job_counts(text, jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_job_counts(text, jsonb, text, text)
  to job_http, service_role;
