-- api_list_index_jobs(p_api_key, p_claims, p_organization, p_repository, p_status, p_since,
--   p_cursor, p_limit) -> api_answer
--
-- GET /jobs in one statement: key, quota, claims, and list_index_jobs under RLS. p_organization is
-- a slug or an id, p_repository a full name or an id. next_cursor is null on the last page. It
-- writes only the count, without waiting for the disk.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_list_index_jobs(
  p_api_key text,
  p_claims jsonb,
  p_organization text default null,
  p_repository text default null,
  p_status text default null,
  p_since text default null,
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
  v_organization_id uuid;
  v_repository_id uuid;
  v_jobs json;
  v_last_id uuid;  -- of a full page
  v_last_created_at timestamptz;
begin
  perform set_config('synchronous_commit', 'off', true);
  v_answer := private.admit_request(p_api_key, p_claims);
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_organization is not null then
      v_organization_id := private.find_organization(p_organization);
    end if;
    if p_repository is not null then
      select r.id into v_repository_id
      from public.repositories as r
      where (r.full_name = p_repository or r.id = private.parse_uuid(p_repository))
        and case when v_organization_id is null then r.owner_user_id = private.current_user_id()
          else r.organization_id = v_organization_id end;
      if not found then
        raise exception 'repository is unknown'
          using errcode = 'PT422', detail = 'unknown_repository', column = 'repository',
            hint = 'Name one of your repositories, or one of the organization that you name.';
      end if;
    end if;
    select
      coalesce(json_agg(row_to_json(j) order by j.created_at desc, j.id desc), '[]'),
      (array_agg(j.id order by j.created_at desc, j.id desc))[p_limit],
      min(j.created_at),
      min(extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)))
        filter (where j.completed_at is null)
    into v_jobs, v_last_id, v_last_created_at, v_answer.job_age
    from public.list_index_jobs(
      p_organization_id => v_organization_id,
      p_repository_id => v_repository_id,
      p_status => p_status,
      p_since => private.parse_since(p_since),
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
  v_answer.next_cursor := to_json(v_last_created_at) #>> '{}' || ',' || v_last_id;
  v_answer.body := json_build_object('jobs', v_jobs, 'next_cursor', v_answer.next_cursor)::text;
  return v_answer;
end;
$$;

comment on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer) is
  'Answers GET /jobs.';

alter function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_list_index_jobs(text, jsonb, text, text, text, text, text, integer)
  to job_http, service_role;
