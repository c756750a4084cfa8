-- api_get_job_status(p_api_key, p_claims, p_job_id, p_known_version) -> api_answer
--
-- GET /jobs/{id} in one statement: key, quota, claims, and the job under RLS. A refusal is
-- returned, not raised, so that the request stays counted. It writes only the count, without
-- waiting for the disk. If the job is at p_known_version, which the client has, the body is null.
--
-- The first statement is that of admit_request, repeated here because the call of a function would
-- make a poll 6 % slower.
--
-- Why definer: it checks API keys and acts under claims that the HTTP layer has verified; it reads
-- jobs as job_gateway, which is subject to RLS like any user.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_status(
  p_api_key text,
  p_claims jsonb,
  p_job_id text,
  p_known_version bigint default null
)
returns private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_setting text := set_config('synchronous_commit', 'off', true);
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_job_id uuid := private.parse_uuid(p_job_id);
  v_answer private.api_answer;
begin
  update private.rate_limit_counters as c
  set requests = c.requests + 1
  from private.api_keys as k
  left join private.accounts as a on a.user_id = k.user_id
  join private.tiers as t on t.name = coalesce(a.tier, 'free')
  where k.id = split_part(p_api_key, '_', 2)
    and k.secret_hash = sha256(convert_to(split_part(p_api_key, '_', 3), 'UTF8'))
    and split_part(p_api_key, '_', 1) = 'ij'
    and k.enabled
    and (k.expires_at is null or k.expires_at > v_now)
    and k.last_used_at >= v_now - interval '1 hour'
    and c.user_id = k.user_id
    and c.window_start = v_hour
    and c.requests < t.requests_per_hour
    and k.user_id <> all (private.banned_users(array[k.user_id]))
  returning c.user_id, t.requests_per_hour, t.requests_per_hour - c.requests
  into v_answer.user_id, v_answer.rate_limit, v_answer.rate_remaining;
  if found then
    v_setting := set_config('request.jwt.claims',
      '{"sub": "' || v_answer.user_id || '", "role": "authenticated"}', true);
    v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
  else
    v_answer := private.count_request(private.begin_request(p_api_key, p_claims));
    if v_answer.verdict <> 'ok' then
      return v_answer;
    end if;
  end if;

  select
    case when j.version is distinct from p_known_version then row_to_json(j)::text end,
    j.id, j.status, j.version,
    case when j.completed_at is null
      then extract(epoch from v_now - coalesce(j.started_at, j.created_at)) end
  into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version, v_answer.job_age
  from public.index_jobs as j
  where j.id = v_job_id;
  v_answer.verdict := case when found then 'ok' else 'PT404' end;
  return v_answer;
end;
$$;

comment on function public.api_get_job_status(text, jsonb, text, bigint) is
  'Answers GET /jobs/{id}.';

alter function public.api_get_job_status(text, jsonb, text, bigint) owner to job_gateway;
revoke all on function public.api_get_job_status(text, jsonb, text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_status(text, jsonb, text, bigint)
  to job_http, service_role;
