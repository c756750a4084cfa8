-- api_find_symbols(p_api_key, p_claims, p_job_id, p_name, p_prefix, p_cursor, p_limit)
--   -> api_answer
--
-- GET /jobs/{id}/symbols in one statement: key, quota, claims, and find_symbols of the job's
-- repository under RLS. next_cursor is null on the last page. It writes only the count, without
-- waiting for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_find_symbols(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_name text default null,
  p_prefix text default null,
  p_cursor text default null,
  p_limit integer default 20
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
  v_commit public.indexed_commits;
  v_rows json;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    v_commit := private.stored_commit_of_job(p_job_id);
    select
      coalesce(json_agg(json_build_object(
        'name', r.name, 'kind', r.kind, 'path', r.path, 'language', r.language,
        'start_line', r.start_line, 'end_line', r.end_line, 'parent', r.parent)
        order by r.ordinality), '[]'),
      (array_agg(r.cursor order by r.ordinality))[p_limit]
    into v_rows, v_answer.next_cursor
    from public.find_symbols(
      p_repository_id => v_commit.repository_id,
      p_name => p_name,
      p_prefix => p_prefix,
      p_cursor => p_cursor,
      p_limit => p_limit
    ) with ordinality as r;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    return v_answer;
  end;
  v_answer.body := json_build_object(
    'job_id', v_commit.job_id, 'commit_sha', v_commit.commit_sha, 'symbols', v_rows,
    'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;

comment on function public.api_find_symbols(text, jsonb, text, text, text, text, integer) is
  'Answers GET /jobs/{id}/symbols.';

alter function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.api_find_symbols(text, jsonb, text, text, text, text, integer)
  to job_http, service_role;
