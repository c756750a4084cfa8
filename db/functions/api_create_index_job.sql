-- api_create_index_job(p_api_key, p_claims, p_repository, p_organization, p_ref, p_commit_sha,
--   p_idempotency_key, p_git_base_url, p_local_url, p_tracking_percent) -> api_answer
--
-- POST /index in one statement: key, quota, claims, then ensure_repository and create_index_job
-- under RLS. p_repository is owner/name below p_git_base_url, an https URL, or a name for the
-- folder at p_local_url, which the HTTP layer has checked; p_organization is a slug or an id. A
-- refusal is returned, not raised, so that the request stays counted; all other changes are undone.
-- A repository stored under exactly the requested name and address needs no parsing.
-- For p_tracking_percent of all users, always the same ones, the answer includes the job; the
-- others get {"runId"}, the answer of older releases.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it writes
-- as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_create_index_job(
  p_api_key text,
  p_claims jsonb,
  p_repository text,
  p_organization text default null,
  p_ref text default null,
  p_commit_sha text default null,
  p_idempotency_key text default null,
  p_git_base_url text default 'https://github.com/',
  p_local_url text default null,
  p_tracking_percent integer default 100
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
  v_job_id uuid;
begin
  v_answer := private.admit_request(p_api_key, p_claims);
  if v_answer.verdict <> 'ok' then
    return v_answer;
  end if;

  begin
    if p_organization is null and p_local_url is null and p_repository ~ '^[^/]+/[^/]+$'
      and p_repository not like '%.git'
    then
      select r.id into v_repository_id
      from public.repositories as r
      where r.owner_user_id = v_answer.user_id
        and r.full_name = p_repository
        and r.git_url = p_git_base_url || p_repository || '.git';
    end if;
    if v_repository_id is null then
      if p_organization is not null then
        v_organization_id := private.find_organization(p_organization);
      end if;
      select r.id into v_repository_id
      from private.parse_repository(
        p_repository => p_repository,
        p_git_base_url => p_git_base_url,
        p_local_url => p_local_url) as n
      cross join lateral public.ensure_repository(
        p_full_name => n.full_name,
        p_git_url => n.git_url,
        p_organization_id => v_organization_id) as r;
    end if;
    v_job_id := private.create_index_job(
      p_repository_id => v_repository_id,
      p_ref => p_ref,
      p_commit_sha => p_commit_sha,
      p_idempotency_key => p_idempotency_key);
    if p_idempotency_key is null then
      v_answer.job_id := v_job_id;
      v_answer.job_status := 'pending';
      v_answer.job_version := 1;
      v_answer.job_age := 0;
    else
      select j.id, j.status, j.version,
        case when j.completed_at is null
          then extract(epoch from private.clock() - coalesce(j.started_at, j.created_at)) end
      into v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
      from public.index_jobs as j
      where j.id = v_job_id;
      if not found then  -- an earlier request's job, which the caller may no longer see
        raise exception 'index job not found' using errcode = 'PT404';
      end if;
    end if;
  exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics
      v_answer.verdict = returned_sqlstate,
      v_answer.code = pg_exception_detail,
      v_answer.message = message_text,
      v_answer.hint = pg_exception_hint,
      v_answer.field = column_name;
    v_answer.field := case when v_answer.field in ('full_name', 'git_url') then 'repository'
      else v_answer.field end;
    return v_answer;
  end;

  if p_tracking_percent < 100
    and private.rollout_bucket(private.current_user_id()) >= p_tracking_percent
  then
    v_answer.body := json_build_object('runId', v_job_id)::text;
    v_answer.job_id := null;
    v_answer.job_status := null;
    v_answer.job_version := null;
    v_answer.job_age := null;
  else
    v_answer.body := json_build_object(
      'jobId', v_job_id, 'runId', v_job_id, 'status', v_answer.job_status)::text;
  end if;
  return v_answer;
end;
$$;

comment on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer) is
  'Answers POST /index.';

alter function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  owner to job_gateway;
revoke all on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  from public, anon, authenticated, service_role;
grant execute on function
  public.api_create_index_job(text, jsonb, text, text, text, text, text, text, text, integer)
  to job_http, service_role;
