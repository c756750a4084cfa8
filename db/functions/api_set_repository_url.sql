-- api_set_repository_url(p_api_key, p_claims, p_repository_id, p_git_url, p_git_base_url,
--   p_local_url) -> api_answer
--
-- PATCH /repositories/{id} in one statement: key, quota, claims, and set_repository_url. p_git_url
-- is owner/name below p_git_base_url, or an https URL, as in POST /index; p_local_url is a folder
-- that the HTTP layer has checked. A refusal is returned, not raised, so that the request stays
-- counted; all other changes are undone.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it acts
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_set_repository_url(
  p_api_key text,
  p_claims jsonb,
  p_repository_id text,
  p_git_url text,
  p_git_base_url text default 'https://github.com/',
  p_local_url text default null
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
    select row_to_json(r)::text into v_answer.body
    from private.parse_repository(
      p_repository => case when p_local_url is null then p_git_url else 'local/folder' end,
      p_git_base_url => p_git_base_url,
      p_local_url => p_local_url) as n
    cross join lateral public.set_repository_url(
      p_repository_id => private.parse_uuid(p_repository_id),
      p_git_url => n.git_url) as r;
  exception when sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    v_answer.field := case v_answer.field when 'repository' then 'git_url' else v_answer.field end;
  end;
  return v_answer;
end;
$$;

comment on function public.api_set_repository_url(text, jsonb, text, text, text, text) is
  'Answers PATCH /repositories/{id}.';

alter function public.api_set_repository_url(text, jsonb, text, text, text, text)
  owner to job_gateway;
revoke all on function public.api_set_repository_url(text, jsonb, text, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.api_set_repository_url(text, jsonb, text, text, text, text)
  to job_http, service_role;
