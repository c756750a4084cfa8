-- api_get_job_statuses(p_api_keys, p_claims, p_job_ids, p_known_versions) -> setof api_answer
--
-- GET /jobs/{id} for several callers in one statement: the n-th row answers the n-th elements, as
-- api_get_job_status would. It never waits for another transaction. A row of nulls means that
-- api_get_job_status has to be asked: the caller is unknown, banned or over the quota, the key was
-- not used within the hour, or the user's counter has no count for this hour or is locked.
--
-- One statement finds and counts the callers. Then each job is read under the claims of its caller.
-- The plan is generic, because planning for these arrays takes longer than running. It must not
-- scan a table: a plan that was made for small tables stays in use when they are large. offset 0
-- makes Postgres identify each caller only once.
--
-- Why definer: as for api_get_job_status.
-- Callers: job_http, service_role.

create or replace function public.api_get_job_statuses(
  p_api_keys text[],
  p_claims jsonb[],
  p_job_ids text[],
  p_known_versions bigint[]
)
returns setof private.api_answer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_setting text := set_config('synchronous_commit', 'off', true);
  v_now timestamptz := private.clock();
  v_hour timestamptz := date_trunc('hour', v_now, 'UTC');
  v_poll record;
  v_answer private.api_answer;
begin
  for v_poll in
    with identified as materialized (
      select p.number, u.id
      from unnest(p_api_keys, p_claims) with ordinality as p (api_key, claims, number)
      cross join lateral (
        select case
          when p.api_key is not null then (
            select k.user_id
            from private.api_keys as k
            where k.id = split_part(p.api_key, '_', 2)
              and k.secret_hash = sha256(convert_to(split_part(p.api_key, '_', 3), 'UTF8'))
              and split_part(p.api_key, '_', 1) = 'ij'
              and k.enabled
              and (k.expires_at is null or k.expires_at > v_now)
              and k.last_used_at >= v_now - interval '1 hour')
          when p.claims ->> 'role' = 'authenticated' then private.parse_uuid(p.claims ->> 'sub')
        end
        offset 0
      ) as u (id)
      where u.id is not null
    ),
    callers as materialized (
      select i.number, i.id, t.requests_per_hour,
        row_number() over (partition by i.id order by i.number) as nth
      from identified as i
      left join private.accounts as a on a.user_id = i.id
      join private.tiers as t on t.name = coalesce(a.tier, 'free')
      where i.id <> all (
        (select private.banned_users(array(select u.id from identified as u)))::uuid[])
    ),
    counters as materialized (
      select c.user_id, c.requests
      from private.rate_limit_counters as c
      where c.user_id in (select u.id from callers as u) and c.window_start = v_hour
      for no key update skip locked
    ),
    allowed as materialized (
      select u.number, u.id, u.requests_per_hour as rate_limit,
        u.requests_per_hour - c.requests - u.nth as rate_remaining
      from callers as u
      join counters as c on c.user_id = u.id
      where c.requests + u.nth <= u.requests_per_hour
    ),
    counted as (
      update private.rate_limit_counters as c
      set requests = c.requests + u.polls
      from (select a.id, count(*) as polls from allowed as a group by a.id) as u
      where c.user_id = u.id
    )
    select u.id as user_id, u.rate_limit, u.rate_remaining,
      private.parse_uuid(p.job_id) as job_id, p.known_version
    from unnest(p_job_ids, p_known_versions) with ordinality as p (job_id, known_version, number)
    left join allowed as u on u.number = p.number
    order by p.number
  loop
    v_answer := null;
    if v_poll.user_id is not null then
      v_setting := set_config('request.jwt.claims',
        '{"sub": "' || v_poll.user_id || '", "role": "authenticated"}', true);
      v_answer.user_id := v_poll.user_id;
      v_answer.rate_limit := v_poll.rate_limit;
      v_answer.rate_remaining := v_poll.rate_remaining;
      v_answer.rate_reset := extract(epoch from v_hour)::bigint + 3600;
      select
        case when j.version is distinct from v_poll.known_version then row_to_json(j)::text end,
        j.id, j.status, j.version,
        case when j.completed_at is null
          then extract(epoch from v_now - coalesce(j.started_at, j.created_at)) end
      into v_answer.body, v_answer.job_id, v_answer.job_status, v_answer.job_version,
        v_answer.job_age
      from public.index_jobs as j
      where j.id = v_poll.job_id;
      v_answer.verdict := case when found then 'ok' else 'PT404' end;
    end if;
    return next v_answer;
  end loop;
end;
$$;

comment on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[]) is
  'Answers several GET /jobs/{id} in one statement.';

alter function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  owner to job_gateway;
revoke all on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  from public, anon, authenticated, service_role;
grant execute on function public.api_get_job_statuses(text[], jsonb[], text[], bigint[])
  to job_http, service_role;
